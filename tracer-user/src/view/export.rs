//! Keeping what is on the screen: who writes it and where is not the view's business.

use std::path::PathBuf;

use super::feed::Kept;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// What of it is not all there is, if anything; a few words.
    pub but: Option<String>,
}

/// Writes evidence somewhere. In a thread of its own, so it may take its time.
pub trait Export: Send + Sync {
    /// Writes, and says where to.
    ///
    /// # Errors
    /// When it cannot be written, in words.
    fn export(&self, kept: &Kept) -> Result<Written, String>;
}
