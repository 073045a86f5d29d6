//! What the thread writes to.

use crate::evidence::{
    flight::{Keep, Told},
    recording::{Entry, Recording},
};

/// A recording, or a flight recorder with one recording after the other.
pub(in crate::evidence) trait Target: Send + 'static {
    /// The recording that is being written, if there is one.
    fn recording(&mut self) -> Option<&mut Recording>;

    /// Adds an interval.
    fn add(&mut self, entry: Entry);

    /// Keeps what lies back and what comes until it is cut.
    fn keep(&mut self, _keep: Keep) {}

    /// Ends a recording and begins another.
    fn cut(&mut self, _entry: Entry, _report: &[u8]) {}

    /// Ends the last recording.
    fn end(&mut self, entry: Entry, report: &[u8]);

    /// What has happened to the files and has not been reported yet.
    fn news(&mut self) -> Vec<String>;

    /// What has become of kept evidence and has not been told yet.
    fn told(&mut self) -> Vec<Told> {
        Vec::new()
    }

    /// The least maximum size, if the one given is too small.
    fn refused(&self) -> Option<u64> {
        None
    }

    /// Removes what was created.
    fn discard(self);
}

impl Target for Recording {
    fn recording(&mut self) -> Option<&mut Recording> {
        Some(self)
    }

    fn add(&mut self, entry: Entry) {
        Self::add(self, entry);
    }

    fn end(&mut self, entry: Entry, report: &[u8]) {
        Self::end(self, entry, report);
    }

    fn news(&mut self) -> Vec<String> {
        Self::news(self).into_iter().collect()
    }

    fn refused(&self) -> Option<u64> {
        self.too_small()
    }

    fn discard(self) {
        Self::discard(self);
    }
}
