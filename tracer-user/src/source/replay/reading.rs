//! The files of a recording at one position, with all that has been read up to it.

use std::path::Path;

use crate::{
    diagnosis::Judge,
    evidence::{EvidenceError, read::Evidence, rebuild::Walk},
};

/// The files at one position.
pub(super) struct Reading {
    pub(super) walk: Walk,
    /// Judges by the rows; what was said then counts for more.
    pub(super) judge: Judge,
    /// When it was told of everything last, UTC, ns.
    pub(super) told: Option<i128>,
}

impl Reading {
    pub(super) fn open(path: &Path, number: Option<u32>) -> Result<(Evidence, Self), EvidenceError> {
        let evidence = Evidence::open(path, number)?;
        let reading = Self {
            walk: Walk::of(&evidence)?,
            judge: Judge::new(evidence.manifest.session.window_ns),
            told: None,
        };
        Ok((evidence, reading))
    }

    /// Takes in the next interval; its time.
    pub(super) fn step(&mut self) -> Result<Option<i128>, EvidenceError> {
        self.walk.step()
    }

    /// Tells the judge of what has been taken in: of everything, or of how much is open.
    pub(super) fn tell(&mut self, at: i128, of_everything: bool) {
        if of_everything {
            self.told = Some(at);
            self.judge.add(&self.walk.rebuild.sample(Some(at)));
        } else {
            self.judge.add_outline(&self.walk.rebuild.outline(at));
        }
    }
}
