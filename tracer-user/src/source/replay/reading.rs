//! A recording read up to a certain position.

use std::path::Path;

use crate::{
    diagnosis::Judge,
    evidence::{EvidenceError, read::Evidence, rebuild::Walk},
};

/// The files, and a judge of everything read so far. Copies share what none of them has changed since.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) walk: Walk,
    /// Judges by the rows. Verdicts given at the time of recording take precedence over its own.
    pub(super) judge: Judge,
    /// Time of the last full sample the judge was given, UTC, ns.
    pub(super) told: Option<i128>,
    /// Whether intervals were left out before the first one. What was counted in them is not judged.
    begins_late: bool,
}

/// The window can only begin where the judge has seen something before it: a part of it, one in so many.
const LEAD_SHARE: i128 = 10;

impl Reading {
    pub(super) fn open(path: &Path, number: Option<u32>) -> Result<(Evidence, Self), EvidenceError> {
        let evidence = Evidence::open(path, number)?;
        let reading = Self::of(&evidence)?;
        Ok((evidence, reading))
    }

    fn of(evidence: &Evidence) -> Result<Self, EvidenceError> {
        Ok(Self {
            walk: Walk::of(evidence)?,
            judge: Judge::new(evidence.manifest.session.window_ns),
            told: None,
            begins_late: false,
        })
    }

    /// Begins at the last key frame from which everything within the window of a moment, UTC, ns, can be
    /// read. Also returns how many intervals there are from there on, if there is a journal.
    pub(super) fn open_at(
        path: &Path,
        number: Option<u32>,
        at: i128,
    ) -> Result<(Option<usize>, Self), EvidenceError> {
        let mut evidence = Evidence::open(path, number)?;
        let Some(window_ns) = evidence.manifest.session.window_ns.map(i128::from) else {
            return Ok((None, Self::of(&evidence)?));
        };
        let all = evidence.frames.len();
        evidence.narrow(at - window_ns - window_ns / LEAD_SHARE, i128::MAX)?;
        let intervals = Some(evidence.frames.len()).filter(|n| *n > 0);
        let mut reading = Self::of(&evidence)?;
        reading.begins_late = evidence.frames.len() < all;
        Ok((intervals, reading))
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
            if std::mem::take(&mut self.begins_late) {
                self.judge.begin_anew();
            }
        } else {
            self.judge.add_outline(&self.walk.rebuild.outline(at));
        }
    }
}
