//! Writes an evidence directory, one interval at a time.
//!
//! Counting must continue whatever happens to the disk, so nothing here ends a run. If an interval cannot be
//! written, the files are rolled back to the last complete one, and the loss is counted and reported; the
//! next interval is tried again.

mod changes;
#[cfg(any(test, feature = "testing"))]
pub mod day;
mod entry;
mod files;
mod keeping;
mod pace;
mod reel;
mod rotation;
mod standing;
mod state;

use std::path::Path;

use sha2::{Digest, Sha256};

pub use self::rotation::Limit;
use self::{
    changes::Changes,
    files::Files,
    pace::{Pace, counted},
    reel::Reel,
    rotation::Advice,
    state::{Next, States},
};
pub(crate) use self::{entry::Entry, files::Rows};
use super::{
    DIAGNOSIS, Folder, STATE,
    block::hex,
    error::EvidenceError,
    journal::{Extent, Interval},
    manifest::{Clock, Listed, Manifest, SCHEMA, Session},
    rows::{ConnectionRow, EventRow, Kind},
    segments,
};
use crate::{
    diagnosis::{Diagnosis, Judge, Options},
    model::sample::{Moment, Sample},
    report::{Counts, timestamp},
};

/// Smaller differences between the clocks are corrections of their speed, ns.
const STEP_NS: i128 = 1_000_000_000;

/// Maximum number of changes of verdicts that wait while nothing can be written.
const MAX_EVENTS: usize = 4096;

/// After this many rows of connections, it is made sure that there is room for them.
const ROOM_EVERY: u64 = 4096;

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
    /// The length of the manifest that was written last.
    manifest_bytes: u64,
    limit: Option<Limit>,
    /// What is remembered, if it is only the last minutes.
    reel: Option<Reel>,
    interval: u64,
    /// The number of the first change of a verdict not yet written.
    told: u64,
    /// Changes of verdicts that could not be written so far.
    events: Vec<EventRow>,
    changes: Changes,
    states: States,
    pace: Pace,
    /// Both clocks at the last interval.
    clock: Option<Moment>,
    /// The size of the last key frame.
    key_frame: u64,
    advice: Advice,
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
        manifest.begin_session(Session {
            first_segment: files.segment,
            begins: files.lengths(),
            ..session
        });
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
            manifest_bytes: 0,
            limit,
            reel: None,
            interval: 0,
            told: 0,
            events: Vec::new(),
            changes: Changes::default(),
            states: States::default(),
            pace: Pace::default(),
            clock: None,
            key_frame: 0,
            advice: Advice::default(),
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
        self.pace.begin(at.monotonic_ns);
        self.clock = Some(at);
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
        } else if self.files.pending().is_multiple_of(ROOM_EVERY) {
            self.make_room_for_block(&Rows::default());
        }
    }

    /// Ends an interval. The program itself has it made by the thread that counts, and written by another.
    #[cfg(any(test, feature = "testing"))]
    pub fn interval(&mut self, block: &Block<'_>) {
        let wants_state = block.sample.taken.monotonic_ns >= self.pace.state_due_ns();
        let entry = Entry::of(block, self.told, wants_state.then(|| self.next_number()));
        self.add(entry);
    }

    /// Ends an interval with what was made of its block.
    pub(crate) fn add(&mut self, entry: Entry) {
        self.note_figures(&entry);
        let (now_ns, state) = (entry.end.monotonic_ns, entry.state);
        let state = state.filter(|_| self.has_room_for_states());
        let next = state.map(|state| self.states.prepare(&self.folder, state));
        let delta_sha256 = next.as_ref().and_then(Next::delta_sha256);
        let end = Interval {
            delta_sha256,
            ..entry.end
        };
        if self.write_interval(entry.rows, end)
            && let Some(next) = next
        {
            let result = self.write_state(now_ns, next);
            self.note(result);
        }
        self.rotate_if_large();
    }

    /// Ends an earlier interval of which only these rows are known; `end` gives its time and figures.
    pub(crate) fn earlier_interval(&mut self, rows: Rows, end: Interval) {
        self.write_interval(rows, end);
    }

    /// Ends the last interval and the recording. `report` is the diagnosis as JSON.
    pub fn finish(&mut self, block: &Block<'_>, report: &[u8]) {
        self.end(Entry::of(block, self.told, Some(self.next_number())), report);
    }

    /// Ends the recording with what was made of its last block.
    pub(crate) fn end(&mut self, entry: Entry, report: &[u8]) {
        self.note_figures(&entry);
        let end = Interval {
            last: true,
            ..entry.end
        };
        let at = end.at.clone();
        self.write_interval(entry.rows, end);
        let state = entry.state.unwrap_or_default();
        let files = self.fitting(&[(STATE, &state), (DIAGNOSIS, report)]);
        let result = self.make_room(&files).and_then(|()| {
            self.put_aside(&files)?;
            // What differs from an older state is of no more use, and the manifest does not vouch for it.
            state::remove_delta(&self.folder)?;
            for listed in self.manifest.files.values_mut() {
                (listed.previous_sha256, listed.previous_bytes) = (None, None);
            }
            self.manifest.session.stopped = Some(at);
            self.write_manifest()
        });
        self.note(result);
    }

    /// The numbers of the recording and of its next interval.
    pub(crate) fn next_number(&self) -> (u64, u64) {
        (self.manifest.session.session, self.interval + 1)
    }

    /// When a state is wanted, on the monotonic clock, ns.
    pub(crate) fn state_due_ns(&self) -> u64 {
        self.pace.state_due_ns()
    }

    fn note_figures(&mut self, entry: &Entry) {
        let session = &mut self.manifest.session;
        session.accounting = Counts::of(&entry.end.accounting, &entry.end.losses);
        session.losses = entry.end.losses;
        session.expected_connections = entry.expected;
    }

    /// Ends an interval with these rows; `end` gives its time and figures. Returns whether it was written: it
    /// may also be one without anything new.
    fn write_interval(&mut self, mut rows: Rows, end: Interval) -> bool {
        self.failed = None;
        self.trouble = None;
        let at = end.moment();
        let changes = self.changes.reduce(&mut rows, at.map_or(0, |at| at.utc_ns));
        rows.events.splice(0..0, self.events.drain(..));
        self.told = self.told.max(rows.told);
        let session = &self.manifest.session;
        let counted = counted(end.accounting, &end.losses, session.rows_not_written);
        let is_silent = changes && rows.is_empty() && self.files.pending() == 0 && !end.last;
        if is_silent && self.pace.may_skip(end.monotonic_ns, counted) {
            return false;
        }
        let interval = Interval {
            interval: self.interval + 1,
            session: session.session,
            segment: self.files.segment,
            rows_not_written: session.rows_not_written,
            changes,
            clock_stepped_ms: self.stepped_ms(at),
            ..end
        };
        self.make_room_for_block(&rows);
        let (now_ns, before) = (interval.monotonic_ns, self.files.whole(Kind::Peers).bytes);
        match self.files.end_block(&rows, interval) {
            Ok(()) => {
                self.interval += 1;
                self.manifest.session.intervals = self.interval;
                self.pace.wrote(now_ns, counted);
                self.clock = at;
                if let Some(reel) = &mut self.reel {
                    reel.wrote(now_ns);
                }
                if !changes {
                    self.key_frame = self.files.whole(Kind::Peers).bytes.saturating_sub(before);
                }
                true
            }
            Err(error) => {
                self.changes.forget();
                self.give_up(&EvidenceError::io(self.folder.path(), "cannot write it", error));
                rows.events.truncate(MAX_EVENTS);
                self.events = rows.events;
                false
            }
        }
    }

    /// By how much UTC was set since the last interval, ms.
    fn stepped_ms(&self, now: Option<Moment>) -> i64 {
        let Some((last, now)) = self.clock.zip(now) else {
            return 0;
        };
        let passed = i128::from(now.monotonic_ns) - i128::from(last.monotonic_ns);
        let step = now.utc_ns - last.utc_ns - passed;
        match step.abs() >= STEP_NS {
            true => i64::try_from(step / 1_000_000).unwrap_or(i64::MAX),
            false => 0,
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

    fn write_state(&mut self, now_ns: u64, next: Next) -> Result<(), EvidenceError> {
        // The first snapshot of a run is not held against it.
        let bytes = if self.states.is_empty() { 0 } else { next.len() };
        self.pace.wrote_state(now_ns, bytes);
        match next {
            Next::Delta(bytes) => {
                let segment = self.files.segment;
                self.states.write_delta(&self.folder, &bytes, segment)
            }
            Next::Snapshot(bytes) => {
                self.put_aside(&[(STATE, &bytes)])?;
                if let Some(listed) = self.manifest.files.get(STATE) {
                    self.states.is_snapshot(listed);
                }
                state::remove_delta(&self.folder)
            }
        }
    }

    /// Replaces files. The manifest is updated first, so that it knows every file at all times.
    fn put_aside(&mut self, files: &[(&str, &[u8])]) -> Result<(), EvidenceError> {
        for (name, bytes) in files {
            let before = self.manifest.files.get(*name);
            let listed = Listed {
                previous_bytes: Some(before.map_or(0, |listed| listed.bytes)),
                bytes: bytes.len() as u64,
                sha256: hex(&Sha256::digest(bytes)),
                previous_sha256: Some(before.map_or_else(String::new, |listed| listed.sha256.clone())),
                ..Listed::default()
            };
            self.manifest.files.insert((*name).to_owned(), listed);
        }
        self.write_manifest()?;
        for (name, bytes) in files {
            self.folder.replace(name, bytes)?;
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
            ..Listed::default()
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
        self.manifest_bytes = self.manifest.write(&self.folder)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
