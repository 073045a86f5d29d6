//! A directory, one per process, for targets that read files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// A complete recording of four clients of an echo server.
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recording");

/// The files of a recording. Their order is fixed because inputs refer to them by index.
pub(crate) const FILES: [&str; 7] = [
    "manifest.json",
    "intervals.jsonl",
    "connections.csv",
    "peers.csv",
    "listeners.csv",
    "state.json",
    "diagnosis.json",
];

/// A copy of the recording that a target can damage.
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
    whole: [Vec<u8>; FILES.len()],
    damaged: [bool; FILES.len()],
}

impl Scratch {
    /// The copy of this process, restored to its original contents.
    pub(crate) fn take() -> MutexGuard<'static, Self> {
        static THE_ONE: OnceLock<Mutex<Scratch>> = OnceLock::new();
        let mut scratch = THE_ONE
            .get_or_init(|| Mutex::new(Self::new()))
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        scratch.mend();
        scratch
    }

    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory of our own"),
            whole: FILES.map(|name| fs::read(Path::new(RECORDING).join(name)).expect("the recording")),
            damaged: [true; FILES.len()],
        }
    }

    fn mend(&mut self) {
        for file in 0..FILES.len() {
            if std::mem::take(&mut self.damaged[file]) {
                fs::write(self.path_of(file), &self.whole[file]).expect("a file written");
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn path_of(&self, file: usize) -> PathBuf {
        self.path().join(FILES[file])
    }

    /// The original contents of a file.
    pub(crate) fn whole(&self, file: usize) -> &[u8] {
        &self.whole[file]
    }

    /// Replaces the contents of a file; `None` removes it.
    pub(crate) fn replace(&mut self, file: usize, content: Option<&[u8]>) {
        self.damaged[file] = true;
        match content {
            Some(content) => fs::write(self.path_of(file), content).expect("a file written"),
            None => fs::remove_file(self.path_of(file)).expect("a file removed"),
        }
    }
}
