//! Reads an evidence directory row by row, up to its last complete interval.

mod csv_rows;

use std::path::Path;

pub(crate) use self::csv_rows::Rows;
use super::{
    Folder, MANIFEST,
    error::EvidenceError,
    journal::{self, Interval},
    manifest::Manifest,
    rows::Kind,
    segments,
};
use crate::model::{accounting::Accounting, sample::Moment};

/// A part of a file of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// The offset of the first row; the header is always at the beginning of the file.
    pub(crate) from: u64,
    /// The offset after the last row; `None` means the end of the file.
    pub(crate) to: Option<u64>,
}

/// One interval, according to the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// When it was sampled.
    pub(crate) at: Moment,
    /// Whether it has rows of all peers and listeners, not only of those that changed.
    pub(crate) whole: bool,
    /// Rows of connections that were written with it.
    pub(crate) connections: u64,
    /// The accounting then.
    pub(crate) accounting: Accounting,
}

/// An open evidence directory: one recording in it.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) folder: Folder,
    pub(crate) manifest: Manifest,
    /// Number of recordings.
    pub(crate) recordings: usize,
    /// Its last complete interval, if there is a journal.
    pub(crate) last: Option<Interval>,
    /// Notes for the reader.
    pub(crate) notes: Vec<String>,
    /// The intervals of the parts, as far as there are journals.
    pub(crate) frames: Vec<Frame>,
    parts: Vec<(Kind, Part)>,
}

/// Which intervals are wanted.
#[derive(Clone, Copy, Debug)]
enum Range {
    All,
    /// Those of the last segment that has any.
    End,
    /// From the last key frame before the first of these times up to the second, UTC, ns.
    Between(i128, i128),
    /// Those after this time, monotonic, ns.
    After(u64),
}

/// What a journal has of one recording.
#[derive(Default)]
struct Found {
    frames: Vec<Frame>,
    /// The last key frame from which everything wanted can be read: the interval before it, if it has one in
    /// this segment.
    begin: Option<Option<Interval>>,
    last: Option<Interval>,
    /// Rows of connections so far, of any recording.
    connections: u64,
}

impl Found {
    fn add(&mut self, interval: &Interval, is_of_this: bool, wanted: Range) {
        let connections = interval.rows.connections.rows.saturating_sub(self.connections);
        self.connections = interval.rows.connections.rows;
        let Some(at) = interval.moment().filter(|_| is_of_this) else {
            return;
        };
        match wanted {
            Range::Between(_, to) if at.utc_ns > to => return,
            Range::Between(from, _) if at.utc_ns < from && !interval.changes => {
                self.begin = Some(self.last.take());
                self.frames.clear();
            }
            Range::After(last_ns) if at.monotonic_ns <= last_ns => {
                self.begin = Some(Some(interval.clone()));
                self.last = Some(interval.clone());
                self.frames.clear();
                return;
            }
            _ => {}
        }
        self.frames.push(Frame {
            at,
            whole: !interval.changes,
            connections,
            accounting: interval.accounting,
        });
        self.last = Some(interval.clone());
    }
}

/// The rows of a part of one file.
pub(super) fn rows_of<R: super::rows::Row>(folder: &Folder, part: Part) -> Result<Rows<R>, EvidenceError> {
    Rows::open(folder, [part])
}

impl Evidence {
    /// Opens a directory at the recording with this number, counted from 1, or at the last one.
    ///
    /// # Errors
    /// If it is not an evidence directory, or the recording does not exist or was removed.
    pub(crate) fn open(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        Self::open_some(path, number, Range::All)
    }

    /// The same, but only the segment with the last interval: older ones need not be read then.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn open_end(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        Self::open_some(path, number, Range::End)
    }

    /// The journals of its segments, oldest first; the current one has no number.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(crate) fn journals(&self) -> Result<Vec<(Option<u64>, String)>, EvidenceError> {
        let first = self.manifest.session.first_segment;
        let mut journals = segments::journals(&self.folder)?;
        journals.retain(|(number, _)| number.is_none_or(|number| number >= first));
        Ok(journals)
    }

    /// Whether the recording still exists.
    pub(crate) fn is_there(&self) -> bool {
        self.folder.open_file(MANIFEST).is_ok()
    }

    /// Leaves out all but the intervals of one segment.
    ///
    /// # Errors
    /// If its journal cannot be read, or is damaged.
    pub(crate) fn only(&mut self, (number, name): &(Option<u64>, String)) -> Result<(), EvidenceError> {
        self.last = None;
        self.parts.clear();
        self.frames.clear();
        let (session, mut found) = (self.manifest.session.session, Found::default());
        journal::scan(&self.folder, name, |interval| {
            found.add(interval, interval.session == session, Range::All);
            Ok(())
        })?;
        self.add_segment(*number, found);
        Ok(())
    }

    fn open_some(path: &Path, number: Option<u32>, wanted: Range) -> Result<Self, EvidenceError> {
        let mut evidence = Self::open_bare(path, number)?;
        evidence.find_parts(wanted)?;
        Ok(evidence)
    }

    /// Opens a directory without any intervals, which [`Self::only`] finds segment by segment.
    ///
    /// # Errors
    /// If it is not an evidence directory, or the recording does not exist.
    pub(crate) fn open_bare(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        let folder = Folder::open(path)?;
        let mut manifest = Manifest::read(&folder)?;
        let recordings = manifest.recordings();
        if let Some(number) = number {
            manifest
                .choose(number as usize)
                .map_err(|why| EvidenceError::new(folder.path(), why))?;
        }
        let mut evidence = Self {
            folder,
            manifest,
            recordings,
            last: None,
            notes: Vec::new(),
            frames: Vec::new(),
            parts: Vec::new(),
        };
        let number = evidence.manifest.recordings();
        if recordings > 1 {
            let started = &evidence.manifest.session.started;
            evidence.notes.push(match number == recordings {
                true => format!("holds {recordings} recordings; this is the last, begun at {started} (--recording N selects another)"),
                false => format!("this is recording {number} of {recordings}, begun at {started}"),
            });
        }
        Ok(evidence)
    }

    /// Leaves out the intervals before the last key frame before `from`, and those after `to`, UTC, ns, as
    /// far as there is a journal of them, so that their rows need not be read.
    ///
    /// # Errors
    /// If the journal can no longer be read.
    pub(crate) fn narrow(&mut self, from: i128, to: i128) -> Result<(), EvidenceError> {
        self.find_again(Range::Between(from, to))
    }

    /// Leaves out the intervals up to the one with this monotonic time, ns.
    ///
    /// # Errors
    /// If the journal can no longer be read.
    pub(crate) fn begin_after(&mut self, monotonic_ns: u64) -> Result<(), EvidenceError> {
        self.find_again(Range::After(monotonic_ns))
    }

    /// All intervals again.
    ///
    /// # Errors
    /// If a journal can no longer be read.
    pub(crate) fn widen(&mut self) -> Result<(), EvidenceError> {
        self.find_again(Range::All)
    }

    fn find_again(&mut self, wanted: Range) -> Result<(), EvidenceError> {
        if self.last.is_none() {
            return Ok(());
        }
        self.last = None;
        self.parts.clear();
        self.frames.clear();
        // The notes about the files were already made when they were opened.
        let notes = self.notes.len();
        let result = self.find_parts(wanted);
        self.notes.truncate(notes);
        result
    }

    fn find_parts(&mut self, wanted: Range) -> Result<(), EvidenceError> {
        // From the end, so that what is not wanted need not be read.
        for (number, name) in self.journals()?.into_iter().rev() {
            let session = self.manifest.session.session;
            let mut found = Found::default();
            let of_this = |interval: &Interval| {
                found.add(interval, interval.session == session, wanted);
                Ok(())
            };
            match journal::scan(&self.folder, &name, of_this) {
                Ok(_) => {
                    let is_end = matches!(wanted, Range::End) && found.last.is_some();
                    let is_done = found.begin.is_some() || is_end;
                    self.add_segment(number, found);
                    if is_done {
                        break;
                    }
                }
                Err(error) if error.is_missing() => {}
                Err(error) => {
                    self.notes.push(format!(
                        "{error}; all its rows are read, even of incomplete intervals (see `tcpreuse verify`)"
                    ));
                    self.add_unjournalled(number);
                }
            }
        }
        if self.last.is_none() && self.parts.is_empty() && matches!(wanted, Range::All | Range::End) {
            // Files without a journal belong to the last recording.
            let number = self.manifest.recordings();
            if number < self.recordings {
                return Err(EvidenceError::new(
                    self.folder.path(),
                    format!("rotation has removed all rows of recording {number}"),
                ));
            }
            self.add_unjournalled(None);
        }
        Ok(())
    }

    /// Adds the rows of one segment, as far as they are wanted, before those of later ones.
    fn add_segment(&mut self, number: Option<u64>, found: Found) {
        let Found {
            frames,
            begin,
            last: Some(last),
            ..
        } = found
        else {
            return;
        };
        self.frames.splice(0..0, frames);
        let mut parts = Vec::new();
        let before = begin.flatten();
        let begins = last.segment == self.manifest.session.first_segment;
        for kind in Kind::ALL {
            if last.rows.of(kind).is_none() {
                // An older version, which had no such file.
                continue;
            }
            let from = match (&before, begins) {
                (Some(before), _) => before.rows.of(kind).bytes,
                (None, true) => self
                    .manifest
                    .session
                    .begins
                    .get(kind.stem())
                    .copied()
                    .unwrap_or(0),
                (None, false) => 0,
            };
            let part = Part {
                name: segments::find(&self.folder, kind, number.or(Some(last.segment))),
                from,
                to: Some(last.rows.of(kind).bytes),
            };
            parts.push((kind, part));
        }
        self.parts.splice(0..0, parts);
        self.last.get_or_insert(last);
    }

    fn add_unjournalled(&mut self, number: Option<u64>) {
        let mut parts = Vec::new();
        for kind in Kind::ALL {
            let part = Part {
                name: segments::find(&self.folder, kind, number),
                from: 0,
                to: None,
            };
            if self
                .folder
                .open_file(&part.name)
                .is_err_and(|error| error.is_missing())
            {
                if kind != Kind::Events {
                    self.notes.push(format!("there is no {}", part.name));
                }
            } else {
                parts.push((kind, part));
            }
        }
        self.parts.splice(0..0, parts);
    }

    /// Whether there is a file of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.parts.iter().any(|(of, _)| *of == kind)
    }

    /// The rows of one kind, oldest first.
    pub(crate) fn rows<R: super::rows::Row>(&self) -> Result<Rows<R>, EvidenceError> {
        let parts = self.parts.iter().filter(|(kind, _)| *kind == R::KIND);
        Rows::open(&self.folder, parts.map(|(_, part)| part.clone()))
    }
}
