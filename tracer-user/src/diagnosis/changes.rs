//! Verdicts that came and went, as data: what the log, JSON and whoever else wants to be told reads.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Verdict, answer::Judged};
use crate::model::{peer::PeerId, sample::Moment};

/// Changes kept.
const MAX: usize = 1000;

/// One verdict that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it was said.
    pub at: Moment,
    /// Of whom.
    pub peer: PeerId,
    /// What was said before.
    pub was: Verdict,
    /// What is said now.
    pub is: Verdict,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Where an accusation was taken back: since when the cause has not shown again.
    pub good_since: Option<Moment>,
}

impl Change {
    pub(super) fn of(peer: &Judged, was: Verdict, at: Moment) -> Self {
        Self {
            at,
            peer: peer.id,
            was,
            is: peer.finding.verdict,
            confidence: peer.finding.confidence,
            good_since: peer.recovered.map(|recovered| recovered.since),
        }
    }

    /// Whether somebody is accused, or is not any more, or is to be decided upon.
    pub fn matters(&self) -> bool {
        let matters = |verdict: Verdict| verdict.accuses() || verdict == Verdict::ManyHeld;
        matters(self.was) || matters(self.is)
    }
}

/// The latest of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes {
    latest: VecDeque<Change>,
}

impl Changes {
    pub(super) fn add(&mut self, changes: Vec<Change>) {
        self.latest.extend(changes.into_iter().filter(Change::matters));
        while self.latest.len() > MAX {
            self.latest.pop_front();
        }
    }

    /// Those that are kept, oldest first.
    pub(super) fn recent(&self) -> Vec<Change> {
        self.latest.iter().cloned().collect()
    }
}
