//! The flight recorder: a recording that remembers only the last minutes. When there is a reason, its
//! directory is moved to where it is kept, goes on for a while, and another recording begins where it ends.
//! So nothing is copied or written twice, and what a killed recorder leaves behind is whole evidence.
//!
//! All of it lies in one directory and has one budget: a quarter is for the recording that may yet be kept,
//! the rest for what is kept, of which the oldest goes first.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Folder,
    error::EvidenceError,
    manifest::{Manifest, Session, Why},
    recording::{Entry, Limit, Recording},
    segments::current_journal_name,
    writer::Target,
};
use crate::{kernel::clock, model::sample::Moment, report::timestamp};

/// Name of the recording that may yet be kept.
const CURRENT: &str = "flight";

/// Name of the directory with those that are kept.
pub const KEPT: &str = "evidence-kept";

/// What the name of a recording ends with whose recorder was killed before there was a reason to keep it.
const INTERRUPTED: &str = "interrupted";

/// Maximum number of names tried for one directory.
const MAX_TRIES: u32 = 100;

/// Where it records, and within which limits.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub path: PathBuf,
    /// The size of everything in it, bytes.
    pub bytes: u64,
    /// How much time is remembered, ns.
    pub span_ns: u64,
}

/// An order to keep what is remembered, and what comes.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The name of the directory, unless one is being kept already.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// What has become of kept evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is complete, or as complete as it will ever be.
    Kept {
        /// Where.
        path: PathBuf,
        /// Why.
        reasons: Vec<Why>,
        /// Its size.
        bytes: u64,
        /// Why something is missing in it.
        incomplete: Option<String>,
    },
    /// It was removed for newer evidence.
    Dropped {
        /// Where it was.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// A flight recorder.
#[derive(Debug)]
pub struct Flight {
    place: Place,
    session: Session,
    /// When tracing began.
    started: Option<Moment>,
    /// `None` if it could not be created; then that is tried again.
    current: Option<Recording>,
    is_kept: bool,
    /// What is kept and complete, oldest first, with its size.
    others: Vec<(String, u64)>,
    told: Vec<Told>,
    news: Vec<String>,
    /// What has been said about the last attempt to create a recording.
    said: Option<String>,
}

impl Flight {
    /// Opens the directory, which is created if need be, and takes care of what a killed recorder left there.
    ///
    /// # Errors
    /// If it is not ours, another process records to it, or it cannot be written.
    pub fn open(mut place: Place, session: Session) -> Result<Self, EvidenceError> {
        // The state directory of a service with a user of its own is a link.
        if let Ok(path) = place.path.canonicalize() {
            place.path = path;
        }
        for path in [place.path.clone(), place.path.join(KEPT)] {
            match path.symlink_metadata() {
                Ok(_) => drop(Folder::open_own(&path)?),
                Err(_) => drop(Folder::create(&path)?),
            }
        }
        let mut flight = Self {
            place,
            session,
            started: None,
            current: None,
            is_kept: false,
            others: Vec::new(),
            told: Vec::new(),
            news: Vec::new(),
            said: None,
        };
        flight.take_over()?;
        flight.find_others()?;
        flight.current = Some(flight.create()?);
        Ok(flight)
    }

    /// Where it records.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// Where the recording lies that may yet be kept. One that is kept is moved away, and another one begins.
    pub fn current(&self) -> PathBuf {
        self.place.path.join(CURRENT)
    }

    /// Notes that tracing has begun.
    pub fn begin(&mut self, at: Moment) {
        self.started = Some(at);
        if let Some(recording) = &mut self.current {
            recording.begin(at);
        }
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.place.path.join(KEPT).join(name)
    }

    fn create(&self) -> Result<Recording, EvidenceError> {
        let limit = Limit {
            bytes: self.place.bytes / 4,
            rotate: true,
        };
        let path = self.current();
        let mut recording = Recording::create(&path, self.session.clone(), Some(limit))?;
        recording.remember_only(self.place.span_ns);
        if let Some(started) = self.started {
            recording.begin(started);
        }
        Ok(recording)
    }

    /// Removes what the last recorder remembered, or moves it to what is kept if that one was killed.
    fn take_over(&mut self) -> Result<(), EvidenceError> {
        let path = self.current();
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let mut folder = Folder::open_own(&path)?;
        let journal = fs::metadata(folder.path_of(&current_journal_name()));
        let manifest = Manifest::read(&folder)
            .ok()
            .filter(|manifest| manifest.segment > 1 || journal.is_ok_and(|journal| journal.len() > 0));
        match manifest {
            Some(manifest) => {
                let started = &manifest.session.started;
                let digits: String = started.chars().filter(char::is_ascii_digit).take(14).collect();
                self.move_to_free(&format!("{digits}-{INTERRUPTED}"), |path| folder.move_to(path))
            }
            None => folder.remove_all(),
        }
    }

    /// Moves something to where it is kept, under this name or a similar one.
    fn move_to_free(
        &self,
        name: &str,
        mut to: impl FnMut(&Path) -> Result<(), EvidenceError>,
    ) -> Result<(), EvidenceError> {
        let mut moved = to(&self.kept(name));
        for number in 2..MAX_TRIES {
            if moved.is_ok() {
                break;
            }
            moved = to(&self.kept(&format!("{name}-{number}")));
        }
        moved
    }

    /// Finds what is kept, and tells what a killed recorder did not complete.
    fn find_others(&mut self) -> Result<(), EvidenceError> {
        for name in Folder::open(&self.place.path.join(KEPT))?.names()? {
            let path = self.kept(&name);
            // What somebody else has put there is none of ours.
            let Ok(folder) = Folder::open_own(&path) else {
                continue;
            };
            let Ok(mut manifest) = Manifest::read(&folder) else {
                continue;
            };
            self.others.push((name, bytes(&folder)?));
            let session = &mut manifest.session;
            let kept = session.kept.get_or_insert_default();
            if session.stopped.is_some() || kept.interrupted {
                continue;
            }
            kept.interrupted = true;
            if kept.reasons.is_empty() {
                kept.reasons.push(Why {
                    at: timestamp(clock::now()),
                    reason: INTERRUPTED.to_owned(),
                    text: "the recorder was killed".to_owned(),
                });
            }
            let reasons = kept.reasons.clone();
            manifest.write(&folder)?;
            self.told.push(Told::Kept {
                path,
                reasons,
                bytes: bytes(&folder)?,
                incomplete: Some("the recorder was killed before it was complete".to_owned()),
            });
        }
        // One that is killed again and again must not displace what was kept for better reasons.
        let is_interrupted = |(name, _): &(String, u64)| name.ends_with(INTERRUPTED);
        while self.others.iter().filter(|one| is_interrupted(one)).count() > 1
            && let Some(first) = self.others.iter().position(is_interrupted)
        {
            self.drop_kept(first);
        }
        Ok(())
    }

    fn drop_kept(&mut self, number: usize) {
        let (name, bytes) = self.others.remove(number);
        let path = self.kept(&name);
        match Folder::open_own(&path).and_then(Folder::remove_all) {
            Ok(()) => self.told.push(Told::Dropped { path, bytes }),
            Err(error) => self.news.push(error.to_string()),
        }
    }

    /// Removes the oldest evidence until the rest has room.
    fn make_room(&mut self) {
        let mine = match (&self.current, self.is_kept) {
            (Some(recording), true) => recording.bytes(),
            _ => 0,
        };
        let budget = self.place.bytes / 4 * 3;
        let total = |others: &[(String, u64)]| others.iter().map(|(_, bytes)| bytes).sum::<u64>() + mine;
        while total(&self.others) > budget && !self.others.is_empty() {
            self.drop_kept(0);
        }
    }

    fn begin_another(&mut self) {
        match self.create() {
            Ok(recording) => {
                self.current = Some(recording);
                self.said = None;
            }
            Err(error) => {
                let error = Some(error.to_string());
                if self.said != error {
                    self.news.extend(error.clone());
                    self.said = error;
                }
            }
        }
    }

    /// Ends the current recording. One that is not kept is removed.
    fn end_current(&mut self, entry: Entry, report: &[u8]) {
        let Some(mut recording) = self.current.take() else {
            return;
        };
        if !std::mem::take(&mut self.is_kept) {
            self.news
                .extend(recording.remove().err().map(|error| error.to_string()));
            return;
        }
        recording.end(entry, report);
        let (path, bytes) = (recording.path().to_owned(), recording.bytes());
        if let Some(name) = path.file_name() {
            self.others.push((name.to_string_lossy().into_owned(), bytes));
        }
        self.told.push(Told::Kept {
            path,
            reasons: recording.reasons().to_vec(),
            bytes,
            incomplete: recording.incomplete(),
        });
    }
}

impl Target for Flight {
    fn recording(&mut self) -> Option<&mut Recording> {
        self.current.as_mut()
    }

    fn add(&mut self, entry: Entry) {
        match &mut self.current {
            Some(recording) => recording.add(entry),
            // There is room for it once something else is gone.
            None => self.begin_another(),
        }
        if self.is_kept {
            self.make_room();
        }
    }

    fn keep(&mut self, keep: Keep) {
        let Some(mut recording) = self.current.take() else {
            self.news.push(format!(
                "nothing was recorded that could be kept ({})",
                keep.why.text
            ));
            return;
        };
        if self.is_kept {
            recording.add_reason(keep.why);
        } else {
            let bytes = self.place.bytes / 2;
            let moved = self.move_to_free(&keep.name, |path| recording.keep(path, bytes, keep.why.clone()));
            self.is_kept = moved.is_ok();
            self.news.extend(moved.err().map(|error| error.to_string()));
        }
        self.current = Some(recording);
        self.make_room();
    }

    fn cut(&mut self, entry: Entry, report: &[u8]) {
        self.end_current(entry, report);
        self.make_room();
        self.begin_another();
    }

    fn end(&mut self, entry: Entry, report: &[u8]) {
        self.end_current(entry, report);
    }

    fn news(&mut self) -> Vec<String> {
        let mut news = std::mem::take(&mut self.news);
        news.extend(self.current.as_mut().and_then(Recording::news));
        news
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    fn discard(self) {
        if let Some(recording) = self.current {
            recording.discard();
        }
    }
}

/// The size of the files in a directory.
fn bytes(folder: &Folder) -> Result<u64, EvidenceError> {
    let length = |name: &String| fs::symlink_metadata(folder.path_of(name)).map_or(0, |about| about.len());
    Ok(folder.names()?.iter().map(length).sum())
}

#[cfg(test)]
mod tests;
