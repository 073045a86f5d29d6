//! Exporting what is on the screen. Who writes it, and where, does not concern the view.

use std::path::PathBuf;

use super::{columns::Column, feed::Kept};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The directory.
    pub path: PathBuf,
    /// What is incomplete about it, if anything, in a few words.
    pub but: Option<String>,
}

/// Writes evidence, and settings. It runs in its own thread, so it may take its time.
pub trait Export: Send + Sync {
    /// Writes it, and returns where.
    ///
    /// # Errors
    /// If it cannot be written, with the reason in words.
    fn export(&self, kept: &Kept) -> Result<Written, String>;

    /// Keeps columns in the settings, and returns in which file.
    ///
    /// # Errors
    /// If they cannot be written, with the reason in words.
    fn save_columns(&self, columns: &[Column]) -> Result<PathBuf, String>;
}
