//! The rows of a CSV file, one at a time and each of limited length.

use std::{
    fs::File,
    io::{self, Read},
    marker::PhantomData,
    path::PathBuf,
    sync::Arc,
};

use super::Part;
use crate::evidence::{Folder, MAX_ROW, cells::Fields, error::EvidenceError, rows::Row, segments};

/// Limits how much is read for one row.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!("is longer than {MAX_ROW} bytes")));
        }
        let room = to.len().min(self.left);
        let got = self.inner.read(to.get_mut(..room).unwrap_or_default())?;
        self.left -= got;
        Ok(got)
    }
}

type Source = csv::Reader<Bounded<io::Take<segments::Source>>>;

/// Rows of one kind from the parts of several files. A copy goes on by itself from the same row.
pub(crate) struct Rows<R> {
    /// Opened at once, so that later changes of the directory have no effect.
    parts: Arc<[Opened]>,
    /// Where to go on if no file is being read.
    place: Place,
    now: Option<Open>,
    /// The next row, if somebody has looked at it.
    next: Option<R>,
    record: csv::ByteRecord,
    kind: PhantomData<R>,
}

struct Opened {
    path: PathBuf,
    file: Arc<File>,
    part: Part,
}

/// A place between two rows.
#[derive(Clone, Copy, Default)]
struct Place {
    /// The number of the part.
    part: usize,
    /// The offset of the next row, and the number of the row before it; `None` at the beginning of the part.
    after: Option<(u64, u64)>,
}

/// A file being read.
struct Open {
    path: PathBuf,
    source: Source,
    /// The offset in the file at which `source` begins.
    from: u64,
    row: u64,
}

impl<R: Clone> Clone for Rows<R> {
    fn clone(&self) -> Self {
        let after = |open: &Open| (open.from + open.source.position().byte(), open.row);
        Self {
            parts: Arc::clone(&self.parts),
            place: Place {
                after: self.now.as_ref().map(after).or(self.place.after),
                ..self.place
            },
            now: None,
            next: self.next.clone(),
            record: csv::ByteRecord::new(),
            kind: PhantomData,
        }
    }
}

impl<R: Row> Rows<R> {
    pub(super) fn open(
        folder: &Folder,
        parts: impl IntoIterator<Item = Part>,
    ) -> Result<Self, EvidenceError> {
        let open = |part: Part| {
            Ok(Opened {
                path: folder.path_of(&part.name),
                file: Arc::new(folder.open_file(&part.name)?),
                part,
            })
        };
        Ok(Self {
            parts: parts.into_iter().map(open).collect::<Result<_, _>>()?,
            place: Place::default(),
            now: None,
            next: None,
            record: csv::ByteRecord::new(),
            kind: PhantomData,
        })
    }

    /// Looks at the next row.
    ///
    /// # Errors
    /// If it is invalid, or cannot be read.
    pub(crate) fn peek(&mut self) -> Result<Option<&R>, EvidenceError> {
        if self.next.is_none() {
            self.next = self.next().transpose()?;
        }
        Ok(self.next.as_ref())
    }

    /// The next row, if it is wanted.
    ///
    /// # Errors
    /// As for [`Self::peek`].
    pub(crate) fn next_if(&mut self, is_wanted: impl FnOnce(&R) -> bool) -> Result<Option<R>, EvidenceError> {
        Ok(match self.peek()? {
            Some(row) if is_wanted(row) => self.next.take(),
            _ => None,
        })
    }

    fn next_row(&mut self) -> Result<Option<R>, EvidenceError> {
        loop {
            let Some(open) = &mut self.now else {
                let Some(opened) = self.parts.get(self.place.part) else {
                    return Ok(None);
                };
                self.now = Some(Open::new::<R>(opened, self.place.after)?);
                continue;
            };
            match open.next::<R>(&mut self.record) {
                Ok(None) => {
                    self.now = None;
                    self.place = Place {
                        part: self.place.part + 1,
                        after: None,
                    };
                }
                other => return other,
            }
        }
    }
}

impl<R: Row> Iterator for Rows<R> {
    type Item = Result<R, EvidenceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.next.take() {
            return Some(Ok(row));
        }
        let next = self.next_row().transpose();
        if matches!(next, Some(Err(_))) {
            // After an error nothing further can be trusted.
            self.now = None;
            self.place.part = self.parts.len();
        }
        next
    }
}

impl Open {
    /// Begins at the beginning of a part, or at the row that follows the one with this number.
    fn new<R: Row>(opened: &Opened, after: Option<(u64, u64)>) -> Result<Self, EvidenceError> {
        let Opened { path, file, part } = opened;
        let cannot = |error| EvidenceError::io(path, "cannot read it", error);
        let source = |from: u64| segments::Source::of(&part.name, Arc::clone(file), from);
        let end = match segments::is_compressed(&part.name) {
            // Only complete files are compressed.
            true => part.to.unwrap_or(u64::MAX),
            false => {
                let length = file.metadata().map_err(cannot)?.len();
                whole_lines(part.to.unwrap_or(length).min(length), source).map_err(cannot)?
            }
        };
        let reader = |from: u64| {
            let bounded = Bounded {
                inner: source(from).map_err(cannot)?.take(end.saturating_sub(from)),
                left: MAX_ROW,
            };
            let mut csv = csv::ReaderBuilder::new();
            Ok(csv.has_headers(false).flexible(true).from_reader(bounded))
        };
        let mut open = Self {
            source: reader(0)?,
            from: 0,
            row: 0,
            path: path.clone(),
        };
        let mut record = csv::ByteRecord::new();
        let any = open.fill(&mut record)?;
        let same = |columns: &[&str]| {
            columns
                .iter()
                .enumerate()
                .all(|(at, name)| record.get(at) == Some(name.as_bytes()))
        };
        // Rows appended to a file of an older version may have more cells than its header.
        let oldest = R::COLUMNS.len() - R::ADDED;
        let is_header = (oldest..=R::COLUMNS.len())
            .any(|columns| record.len() == columns && R::COLUMNS.get(..columns).is_some_and(same))
            || same(R::COLUMNS);
        if !any || !is_header {
            return Err(EvidenceError::row(
                path,
                1,
                format!(
                    "the header is not that of {}.csv: {}",
                    R::KIND.stem(),
                    R::COLUMNS.join(",")
                ),
            ));
        }
        let (from, row) = after.unwrap_or((part.from, open.row));
        if from > 0 {
            (open.source, open.from, open.row) = (reader(from)?, from, row);
        }
        Ok(open)
    }

    /// Reads one record; false at the end.
    fn fill(&mut self, record: &mut csv::ByteRecord) -> Result<bool, EvidenceError> {
        self.row += 1;
        self.source.get_mut().left = MAX_ROW;
        self.source.read_byte_record(record).map_err(|error| {
            let what = match error.kind() {
                csv::ErrorKind::Io(error) => error.to_string(),
                _ => error.to_string(),
            };
            EvidenceError::row(&self.path, self.row, what)
        })
    }

    fn next<R: Row>(&mut self, record: &mut csv::ByteRecord) -> Result<Option<R>, EvidenceError> {
        if !self.fill(record)? {
            return Ok(None);
        }
        let row = self.row;
        R::read(&mut Fields::new(record, R::COLUMNS))
            .map(Some)
            .map_err(|what| EvidenceError::row(&self.path, row, what))
    }
}

/// Where the last whole line before `end` ends. What follows was cut, even if it can be read as a row:
/// columns that were added later may be missing, and a number may lack its last digits.
fn whole_lines(end: u64, source: impl FnOnce(u64) -> io::Result<segments::Source>) -> io::Result<u64> {
    let from = end.saturating_sub(MAX_ROW as u64);
    let mut tail = Vec::new();
    source(from)?.take(end - from).read_to_end(&mut tail)?;
    let last = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(last.map_or(end, |at| from + at as u64 + 1))
}

#[cfg(test)]
mod tests;
