//! The rows of a CSV file, one at a time and each of limited length.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    marker::PhantomData,
    path::PathBuf,
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

/// Rows of one kind from the parts of several files.
pub(crate) struct Rows<R> {
    /// Opened at once, so that later changes of the directory have no effect.
    parts: VecDeque<(PathBuf, File, Part)>,
    now: Option<Open>,
    record: csv::ByteRecord,
    kind: PhantomData<R>,
}

struct Open {
    path: PathBuf,
    source: Source,
    row: u64,
}

impl<R: Row> Rows<R> {
    pub(super) fn open(folder: &Folder, parts: VecDeque<Part>) -> Result<Self, EvidenceError> {
        let mut files = VecDeque::new();
        for part in parts {
            files.push_back((folder.path_of(&part.name), folder.open_file(&part.name)?, part));
        }
        Ok(Self {
            parts: files,
            now: None,
            record: csv::ByteRecord::new(),
            kind: PhantomData,
        })
    }

    fn next_row(&mut self) -> Result<Option<R>, EvidenceError> {
        loop {
            let Some(open) = &mut self.now else {
                let Some((path, file, part)) = self.parts.pop_front() else {
                    return Ok(None);
                };
                self.now = Some(Open::new::<R>(path, file, &part)?);
                continue;
            };
            let result = open.next::<R>(&mut self.record);
            match result {
                Ok(None) => self.now = None,
                other => return other,
            }
        }
    }
}

impl<R: Row> Iterator for Rows<R> {
    type Item = Result<R, EvidenceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_row().transpose();
        if matches!(next, Some(Err(_))) {
            // After an error nothing further can be trusted.
            self.now = None;
            self.parts.clear();
        }
        next
    }
}

impl Open {
    fn new<R: Row>(path: PathBuf, mut file: File, part: &Part) -> Result<Self, EvidenceError> {
        let cannot = |error| EvidenceError::io(&path, "cannot read it", error);
        let compressed = segments::is_compressed(&part.name);
        let end = match compressed {
            // Only complete files are compressed.
            true => part.to.unwrap_or(u64::MAX),
            false => {
                let length = file.metadata().map_err(cannot)?.len();
                whole_lines(&mut file, part.to.unwrap_or(length).min(length)).map_err(cannot)?
            }
        };
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        let source = |file: File| segments::Source::of(&part.name, file).map_err(cannot);
        let reader = |file: segments::Source, bytes: u64| {
            csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(Bounded {
                    inner: file.take(bytes),
                    left: MAX_ROW,
                })
        };
        let mut record = csv::ByteRecord::new();
        let mut open = Self {
            source: reader(source(file.try_clone().map_err(cannot)?)?, end),
            row: 0,
            path: path.clone(),
        };
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
                &path,
                1,
                format!(
                    "the header is not that of {}.csv: {}",
                    R::KIND.stem(),
                    R::COLUMNS.join(",")
                ),
            ));
        }
        if part.from > 0 {
            let begin = if compressed { 0 } else { part.from };
            file.seek(SeekFrom::Start(begin)).map_err(cannot)?;
            let mut rows = source(file)?;
            io::copy(
                &mut Read::by_ref(&mut rows).take(part.from - begin),
                &mut io::sink(),
            )
            .map_err(cannot)?;
            open.source = reader(rows, end.saturating_sub(part.from));
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
fn whole_lines(file: &mut File, end: u64) -> io::Result<u64> {
    let from = end.saturating_sub(MAX_ROW as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(end - from).read_to_end(&mut tail)?;
    let last = tail.iter().rposition(|byte| *byte == b'\n');
    Ok(last.map_or(end, |at| from + at as u64 + 1))
}

#[cfg(test)]
mod tests;
