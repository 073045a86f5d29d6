//! A recording that at first remembers only the last minutes, and is kept when there is a reason.

use std::path::Path;

use super::{Limit, Recording, Reel};
use crate::evidence::{error::EvidenceError, manifest::Why};

/// Maximum number of reasons listed in a manifest.
const MAX_REASONS: usize = 100;

impl Recording {
    /// From now on remembers only the last `span_ns`, and at most a part more.
    pub(in crate::evidence) fn remember_only(&mut self, span_ns: u64) {
        self.reel = Some(Reel::new(span_ns));
    }

    /// Moves the directory, for this reason, and from then on forgets nothing; it must end at this size.
    ///
    /// # Errors
    /// If the directory cannot be moved; then nothing has changed.
    pub(in crate::evidence) fn keep(
        &mut self,
        path: &Path,
        bytes: u64,
        why: Why,
    ) -> Result<(), EvidenceError> {
        self.folder.move_to(path)?;
        self.reel = None;
        self.limit = Some(Limit { bytes, rotate: false });
        self.add_reason(why);
        Ok(())
    }

    /// Adds a reason why it is kept.
    pub(in crate::evidence) fn add_reason(&mut self, why: Why) {
        let kept = self.manifest.session.kept.get_or_insert_default();
        if kept.reasons.len() < MAX_REASONS {
            kept.reasons.push(why);
        }
        let result = self.write_manifest();
        self.note(result);
    }

    /// The reasons why it is kept.
    pub(in crate::evidence) fn reasons(&self) -> &[Why] {
        let kept = self.manifest.session.kept.as_ref();
        kept.map_or(&[], |kept| &kept.reasons)
    }

    /// Removes the directory with all that was recorded.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(in crate::evidence) fn remove(self) -> Result<(), EvidenceError> {
        self.folder.remove_all()
    }
}
