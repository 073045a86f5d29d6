//! Writes an evidence directory, one interval at a time.
//!
//! Counting must continue whatever happens to the disk, so nothing here ends a run. If an interval cannot be
//! written, the files are rolled back to the last complete one, and the loss is counted and reported; the
//! next interval is tried again.

mod files;
mod rotation;
mod standing;

use std::{path::Path, time::Instant};

use self::files::Files;
pub(crate) use self::files::Rows;
pub use self::rotation::Limit;
use super::{
    DIAGNOSIS, Folder, STATE,
    block::hex,
    error::EvidenceError,
    journal::{Extent, Interval},
    manifest::{Clock, Listed, Manifest, SCHEMA, Session},
    rows::{ConnectionRow, EventRow, Kind, ListenerRow, PeerRow},
    segments,
    state::StateRef,
};
use crate::{
    diagnosis::{Diagnosis, Judge, Options},
    model::sample::{Moment, Sample},
    report::{Counts, timestamp},
};
use sha2::{Digest, Sha256};

/// How often the manifest and the state are replaced.
const STATE_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// One interval, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Everything known at its end.
    pub sample: &'a Sample,
    /// The run up to it, with the verdicts so far.
    pub judge: &'a Judge,
    /// The options of the diagnosis.
    pub options: &'a Options,
    /// The diagnosis itself.
    pub diagnosis: &'a Diagnosis,
}

/// An evidence directory being written.
#[derive(Debug)]
pub struct Recording {
    folder: Folder,
    files: Files,
    manifest: Manifest,
    limit: Option<Limit>,
    interval: u64,
    /// The number of the first change of a verdict not yet written.
    told: u64,
    state_written: Option<Instant>,
    /// Why the current block cannot be written.
    failed: Option<String>,
    trouble: Option<String>,
    said: Option<String>,
    is_new: bool,
}

impl Recording {
    /// Creates a new directory.
    ///
    /// # Errors
    /// If the name exists, or it cannot be written.
    pub fn create(path: &Path, session: Session, limit: Option<Limit>) -> Result<Self, EvidenceError> {
        let folder = Folder::create(path)?;
        let made = Files::create(&folder, 1);
        let files = made.inspect_err(|_| files::remove(&folder))?;
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            session: Session {
                session: 1,
                first_segment: 1,
                ..session
            },
            segment: 1,
            ..Manifest::default()
        };
        let mut recording = Self::over(folder, files, manifest, limit);
        recording.is_new = true;
        match recording.write_manifest() {
            Ok(()) => Ok(recording),
            Err(error) => {
                recording.discard();
                Err(error)
            }
        }
    }

    /// Appends another recording to a directory.
    ///
    /// # Errors
    /// If it is not an evidence directory of ours, its last interval has been altered, or it cannot be
    /// written.
    pub fn append(path: &Path, session: Session, limit: Option<Limit>) -> Result<Self, EvidenceError> {
        let folder = Folder::open_own(path)?;
        let mut manifest = Manifest::read(&folder)?;
        let (files, last) = Files::resume(&folder, manifest.segment)?;
        let number = manifest.session.session + 1;
        manifest.earlier.push(std::mem::replace(
            &mut manifest.session,
            Session {
                session: number,
                first_segment: files.segment,
                begins: files.lengths(),
                ..session
            },
        ));
        manifest.segment = files.segment;
        let mut recording = Self::over(folder, files, manifest, limit);
        recording.interval = last;
        if !Files::are_current(&recording.folder)? {
            // An older version's files have other columns, so new files are begun.
            recording.begin_segment()?;
            recording.manifest.session.first_segment = recording.files.segment;
            recording.manifest.session.begins = recording.files.lengths();
        }
        recording.write_manifest()?;
        Ok(recording)
    }

    fn over(folder: Folder, files: Files, manifest: Manifest, limit: Option<Limit>) -> Self {
        Self {
            folder,
            files,
            manifest,
            limit,
            interval: 0,
            told: 0,
            state_written: None,
            failed: None,
            trouble: None,
            said: None,
            is_new: false,
        }
    }

    /// Notes that tracing has begun.
    pub fn begin(&mut self, at: Moment) {
        self.manifest.session.clock = Clock::of(at);
        self.manifest.session.started = timestamp(at);
        let result = self.write_manifest();
        self.note(result);
    }

    /// Removes what was created, if tracing could not begin.
    pub fn discard(self) {
        if self.is_new {
            files::remove(&self.folder);
            // It contains nothing but the files just removed.
            let _ = self.folder.remove_self();
        }
    }

    /// Adds the row of a connection to the current interval.
    pub fn connection(&mut self, row: &ConnectionRow) {
        if self.failed.is_some() {
            self.manifest.session.rows_not_written += 1;
        } else if let Err(error) = self.files.connection(row) {
            self.give_up(&EvidenceError::io(self.folder.path(), "cannot write it", error));
        }
    }

    /// Ends an interval.
    pub fn interval(&mut self, block: &Block<'_>) {
        self.end_interval(block, false);
        if self
            .state_written
            .is_none_or(|written| written.elapsed() >= STATE_EVERY)
        {
            self.state_written = Some(Instant::now());
            let result = self.put_aside(block, None);
            self.note(result);
        }
        self.rotate_if_large();
    }

    /// Ends an earlier interval of which only these rows are known; `end` gives its time and figures.
    pub(crate) fn earlier_interval(&mut self, rows: &Rows, end: Interval) {
        self.write_interval(rows, end);
    }

    /// Ends the last interval and the recording. `report` is the diagnosis as JSON.
    pub fn finish(&mut self, block: &Block<'_>, report: &[u8]) {
        self.end_interval(block, true);
        let result = self.put_aside(block, Some(report)).and_then(|()| {
            for listed in self.manifest.files.values_mut() {
                listed.previous_sha256 = None;
            }
            self.manifest.session.stopped = Some(timestamp(block.sample.taken));
            self.write_manifest()
        });
        self.note(result);
    }

    fn end_interval(&mut self, block: &Block<'_>, last: bool) {
        let Block {
            sample, diagnosis, ..
        } = *block;
        self.manifest.session.accounting = Counts::of(&sample.accounting, &sample.losses);
        self.manifest.session.losses = sample.losses;
        self.manifest.session.expected_connections = Some(diagnosis.expected.connections);
        let rows = Rows {
            peers: PeerRow::all(sample, diagnosis),
            listeners: ListenerRow::of(sample, diagnosis),
            events: EventRow::from(diagnosis, self.told),
            told: diagnosis.changes.last().map_or(self.told, |change| change.id + 1),
        };
        let end = Interval {
            at: timestamp(sample.taken),
            monotonic_ns: sample.taken.monotonic_ns,
            last,
            accounting: sample.accounting,
            losses: sample.losses,
            ..Interval::default()
        };
        self.write_interval(&rows, end);
    }

    /// Ends an interval with these rows; `end` gives its time and figures.
    fn write_interval(&mut self, rows: &Rows, end: Interval) {
        self.failed = None;
        self.trouble = None;
        let interval = Interval {
            interval: self.interval + 1,
            session: self.manifest.session.session,
            segment: self.files.segment,
            rows_not_written: self.manifest.session.rows_not_written,
            ..end
        };
        match self.files.end_block(rows, interval) {
            Ok(()) => {
                self.interval += 1;
                self.told = self.told.max(rows.told);
                self.manifest.session.intervals = self.interval;
            }
            Err(error) => self.give_up(&EvidenceError::io(self.folder.path(), "cannot write it", error)),
        }
    }

    fn give_up(&mut self, error: &EvidenceError) {
        self.manifest.session.rows_not_written += self.files.take_back();
        self.failed = Some(error.to_string());
        self.trouble = self.failed.clone();
    }

    fn note(&mut self, result: Result<(), EvidenceError>) {
        if let Err(error) = result {
            self.trouble.get_or_insert(error.to_string());
        }
    }

    /// Replaces the state and, at stop, the diagnosis. The manifest is updated first, so that it knows every
    /// file at all times.
    fn put_aside(&mut self, block: &Block<'_>, report: Option<&[u8]>) -> Result<(), EvidenceError> {
        let number = (self.manifest.session.session, self.interval);
        let state = StateRef::new(number, block.sample, block.judge, block.options)
            .bytes()
            .map_err(|error| EvidenceError::new(&self.folder.path_of(STATE), error.to_string()))?;
        let files = [(STATE, Some(state.as_slice())), (DIAGNOSIS, report)];
        for (name, bytes) in files {
            let Some(bytes) = bytes else { continue };
            let before = self.manifest.files.get(name).map(|listed| listed.sha256.clone());
            let listed = Listed {
                bytes: bytes.len() as u64,
                sha256: hex(&Sha256::digest(bytes)),
                previous_sha256: Some(before.unwrap_or_default()),
                ..Listed::default()
            };
            self.manifest.files.insert(name.to_owned(), listed);
        }
        self.write_manifest()?;
        for (name, bytes) in files {
            if let Some(bytes) = bytes {
                self.folder.replace(name, bytes)?;
            }
        }
        Ok(())
    }

    fn write_manifest(&mut self) -> Result<(), EvidenceError> {
        let segment = Some(self.files.segment);
        let listed = |extent: Extent| Listed {
            bytes: extent.bytes,
            rows: Some(extent.rows),
            sha256: extent.sha256,
            segment,
            previous_sha256: None,
        };
        for kind in Kind::ALL {
            let extent = self.files.whole(kind);
            self.manifest
                .files
                .insert(segments::current_rows_name(kind), listed(extent));
        }
        let journal = self.files.whole_journal();
        self.manifest
            .files
            .insert(segments::current_journal_name(), listed(journal));
        self.manifest.write(&self.folder)
    }
}

#[cfg(test)]
mod tests;
