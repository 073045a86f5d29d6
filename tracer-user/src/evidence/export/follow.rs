//! Exports a recording while it is written, in a thread of its own that reads the files: counting and
//! recording wait for nothing here. What cannot be exported is told, and tried again.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{Exporter, Report, track, track::Track};
use crate::{
    diagnosis::words,
    evidence::{EvidenceError, service::Service},
};

/// How often it looks whether an hour or a segment is over.
const EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct State {
    is_ending: bool,
    is_done: bool,
    /// Recordings that were moved away and are complete.
    kept: Vec<PathBuf>,
    news: Vec<String>,
    /// How often something could not be exported.
    failed: u64,
    trouble: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that exports, as seen by the one that counts.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
}

impl Follower {
    /// Starts the thread. It follows the newest recording of a directory, which may be moved away and
    /// replaced by another one; [`Self::kept`] then says where it is.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn start(exporter: Exporter, path: PathBuf, service: Option<Service>) -> io::Result<Self> {
        Self::every(EVERY, exporter, path, service)
    }

    fn every(
        pause: Duration,
        exporter: Exporter,
        path: PathBuf,
        service: Option<Service>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (its, mut work) = (Arc::clone(&shared), Work::new(exporter, path, service));
        thread::Builder::new().name("export".to_owned()).spawn(move || {
            // Before it can be moved away, to be kept. If it is not there yet, it is opened later.
            let _ = work.open();
            loop {
                let state = its.lock();
                let waits = |state: &mut State| !state.is_ending && state.kept.is_empty();
                let waited = its.changed.wait_timeout_while(state, pause, waits);
                let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                let is_ending = state.is_ending;
                work.kept.append(&mut state.kept);
                drop(state);
                let result = work.look(is_ending);
                its.lock().note(result);
                if is_ending {
                    its.lock().is_done = true;
                    its.changed.notify_all();
                    return;
                }
            }
        })?;
        Ok(Self { shared })
    }

    /// Exports a recording that was moved here and is complete. It may have begun and ended between two
    /// looks.
    pub fn kept(&self, path: PathBuf) {
        self.shared.lock().kept.push(path);
        self.shared.changed.notify_all();
    }

    /// What has happened and has not been reported yet.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().news)
    }

    /// Exports what is left of a recording that has ended, and waits for that, but no longer than this.
    /// Returns why something is missing, if it is.
    pub fn finish(&self, patience: Duration) -> Option<String> {
        let mut state = self.shared.lock();
        state.is_ending = true;
        self.shared.changed.notify_all();
        let waits = |state: &mut State| !state.is_done;
        let waited = self.shared.changed.wait_timeout_while(state, patience, waits);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        match state.is_done {
            true => state.trouble.clone(),
            false => Some("the disk does not answer".to_owned()),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.changed.notify_all();
    }
}

impl State {
    fn note(&mut self, result: Result<(), String>) {
        let trouble = result.err();
        self.failed += u64::from(trouble.is_some());
        if self.trouble != trouble {
            self.news.push(match &trouble {
                Some(trouble) => format!("{trouble}; recording goes on, and the export is tried again"),
                None => format!(
                    "exporting again; it failed {}",
                    words::count(self.failed, "time", "times")
                ),
            });
            self.trouble = trouble;
        }
    }
}

/// What the thread does.
struct Work {
    exporter: Exporter,
    path: PathBuf,
    service: Option<Service>,
    /// Complete recordings elsewhere that are not exported yet.
    kept: Vec<PathBuf>,
    /// The recording it follows, with what tells its directory from others. After a fault there is none, and
    /// it is opened again.
    track: Option<((u64, u64), Track)>,
}

impl Work {
    fn new(exporter: Exporter, path: PathBuf, service: Option<Service>) -> Self {
        Self {
            exporter,
            path,
            service,
            kept: Vec::new(),
            track: None,
        }
    }

    /// Exports what is over; at the end everything.
    fn look(&mut self, is_ending: bool) -> Result<(), String> {
        self.exporter.report = Report::default();
        let mut failed = self.export(is_ending).err();
        if failed.is_some() || !self.exporter.report.faults.is_empty() {
            self.track = None;
        }
        failed = failed.or(self.export_kept().err());
        let faults = self.exporter.report.faults.iter();
        let fault = failed.as_ref().or(faults.last()).map(ToString::to_string);
        fault.map_or(Ok(()), Err)
    }

    fn export(&mut self, is_ending: bool) -> Result<(), EvidenceError> {
        let now = identity(&self.path);
        let is_another = |(identity, _): &mut ((u64, u64), Track)| now.is_some_and(|now| *identity != now);
        // It was moved, another one has taken its place, and it is among those that are kept.
        drop(self.track.take_if(is_another));
        self.open()?;
        match &mut self.track {
            // What was moved away to be kept goes on there until another one begins.
            Some((_, track)) => track.export(&mut self.exporter, is_ending),
            None => Ok(()),
        }
    }

    /// Exports what is kept and complete. What could not be exported is tried again with the next look.
    fn export_kept(&mut self) -> Result<(), EvidenceError> {
        let mut result = Ok(());
        self.kept.retain(|path| {
            // Some may have been removed meanwhile, to make room for newer evidence.
            if result.is_err() || !path.exists() {
                return result.is_err();
            }
            let faults = self.exporter.report.faults.len();
            result = self.exporter.directory(path, self.service.as_ref());
            result.is_err() || self.exporter.report.faults.len() > faults
        });
        result
    }

    /// Opens the recording that is there, if none is open.
    fn open(&mut self) -> Result<(), EvidenceError> {
        if let (None, Some(identity)) = (&self.track, identity(&self.path)) {
            let number = *track::numbers(&self.path)?.end();
            let track = Track::open(&self.path, number, self.service.as_ref())?;
            self.track = Some((identity, track));
        }
        Ok(())
    }
}

/// What tells a directory from another one of its name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = path.symlink_metadata().ok()?;
    Some((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

    use super::*;
    use crate::evidence::{
        export::tests::files,
        recording::{Limit, Recording},
        testing::{blocks, play, recorded, session, unfinished},
    };

    fn until(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn segments_that_are_over_come_at_once_and_the_rest_at_the_end() {
        let limit = Limit {
            bytes: 1 << 20,
            rotate: true,
        };
        let parent = tempfile::tempdir().unwrap();
        let (path, lake) = (parent.path().join("evidence"), parent.path().join("lake"));
        let mut recording = Recording::create(&path, session(), Some(limit)).unwrap();
        let exporter = Exporter::open(&lake).unwrap();
        let follower = Follower::every(Duration::from_millis(5), exporter, path, None).unwrap();
        // Each segment has an eighth of the limit.
        blocks(6, 500, |block, rows, is_last| {
            if !is_last {
                rows.iter().for_each(|row| recording.connection(row));
                return recording.interval(block);
            }
            let whole = |path: &&PathBuf| path.extension().is_some_and(|end| end == "parquet");
            until(|| files(&lake).iter().filter(whole).count() >= 3);
            recording.finish(block, b"{}");
        });
        assert_eq!(follower.finish(Duration::from_secs(60)), None);
        assert_eq!(follower.news(), [""; 0]);
        let more = files(&lake).len();
        assert!(more >= 6, "{more}");
        // A later export of the directory adds nothing.
        let mut exporter = Exporter::open(&lake).unwrap();
        exporter.directory(recording.path(), None).unwrap();
        assert_eq!((exporter.report.files, exporter.report.faults.len()), (0, 0));
    }

    #[test]
    fn what_fails_is_told_once_and_made_up_for() {
        let (parent, path, mut recording) = unfinished(None, 2, 10);
        let lake = parent.path().join("lake");
        let exporter = Exporter::open(&lake).unwrap();
        let root = lake.join("v1");
        fs::write(root.join("connections"), b"in the way").unwrap();
        let mut work = Work::new(exporter, path, None);
        let mut state = State::default();
        for _ in 0..3 {
            state.note(work.look(true));
        }
        assert_eq!((state.failed, state.news.len()), (3, 1), "{:?}", state.news);
        assert!(state.news[0].contains("connections: is a symbolic link or not a directory"));
        fs::remove_file(root.join("connections")).unwrap();
        play(&mut recording, 2, 10, true);
        state.note(work.look(true));
        assert_eq!(state.news[1], "exporting again; it failed 3 times");
        assert_eq!(files(&lake).len(), 3);
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    }

    /// A recording may begin, be moved away and end between two looks.
    #[test]
    fn what_is_kept_is_exported_until_it_is_in_the_lake() {
        let (parent, path, _) = recorded();
        let lake = parent.path().join("lake");
        let exporter = Exporter::open(&lake).unwrap();
        let in_the_way = lake.join("v1").join("connections");
        fs::write(&in_the_way, b"in the way").unwrap();
        let follower = Follower::every(EVERY, exporter, parent.path().join("flight"), None).unwrap();
        follower.kept(parent.path().join("removed"));
        follower.kept(path);
        until(|| !follower.news().is_empty());
        fs::remove_file(&in_the_way).unwrap();
        assert_eq!(follower.finish(Duration::from_secs(60)), None);
        assert_eq!(files(&lake).len(), 3);
    }
}
