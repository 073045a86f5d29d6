//! A fault of an evidence directory, in one line: where it is, what is wrong, and what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{exit::Failure, text::sanitise};

/// A file or directory that cannot be read or written.
#[derive(Debug)]
pub struct EvidenceError {
    path: PathBuf,
    row: Option<u64>,
    what: String,
    source: Option<io::Error>,
}

impl EvidenceError {
    /// About a file or the directory as a whole.
    pub fn new(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            row: None,
            what: what.into(),
            source: None,
        }
    }

    /// About one row, the header being row 1.
    pub fn row(path: &Path, row: u64, what: impl Into<String>) -> Self {
        Self {
            row: Some(row),
            ..Self::new(path, what)
        }
    }

    /// An error of the system, and the operation that failed.
    pub fn io(path: &Path, tried: &str, source: io::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(path, tried)
        }
    }

    /// Whether the file exists already.
    pub fn is_there(&self) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Whether there is no room for it, or none to write to: trying again may help.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let kind = self.source.as_ref().map(io::Error::kind);
        matches!(kind, Some(StorageFull | QuotaExceeded | ReadOnlyFilesystem))
    }

    /// Whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitise(&self.path.to_string_lossy()))?;
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        write!(f, ": {}", sanitise(&self.what))?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EvidenceError {}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        match error.is_full() {
            true => Self::NotWritten(error.to_string()),
            false => Self::Usage(error.to_string()),
        }
    }
}
