//! A recording read up to a certain position.

use std::path::Path;

use crate::{
    diagnosis::Judge,
    evidence::{EvidenceError, read::Evidence, rebuild::Walk},
};

/// The files, and a judge of everything read so far.
pub(super) struct Reading {
    pub(super) walk: Walk,
    /// Judges by the rows. Verdicts given at the time of recording take precedence over its own.
    pub(super) judge: Judge,
    /// Time of the last full sample the judge was given, UTC, ns.
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

    /// Reads the next interval and returns its time, UTC, ns; `None` at the end.
    pub(super) fn step(&mut self) -> Result<Option<i128>, EvidenceError> {
        self.walk.step()
    }

    /// Gives the judge a full sample of what was read, or only the number of open connections.
    pub(super) fn tell(&mut self, at: i128, of_everything: bool) {
        if of_everything {
            self.told = Some(at);
            self.judge.add(&self.walk.rebuild.sample(Some(at)));
        } else {
            self.judge.add_outline(&self.walk.rebuild.outline(at));
        }
    }
}
