//! What one pass over a whole recording yields: its intervals and its greatest surge.

use std::path::Path;

use super::reading::Reading;
use crate::{
    evidence::{
        EvidenceError,
        load::{self, fresh_state},
        read::Evidence,
        state::State,
    },
    model::{history::Surge, sample::Moment},
};

/// Number of connections open at one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// When the interval was sampled.
    pub at: Moment,
    /// Connections open.
    pub open: u64,
    /// How many of them are in CLOSE_WAIT.
    pub close_wait: u64,
}

/// The result of reading a recording once from start to end.
pub(super) struct Overview {
    pub(super) evidence: Evidence,
    /// The final state as it was recorded live, if available.
    pub(super) state: Option<State>,
    pub(super) levels: Vec<Level>,
    /// Start of the greatest surge.
    pub(super) surge: Option<Moment>,
}

/// The greater of two surges, or the first if they are equal.
fn greater(known: Option<Surge>, other: Option<&Surge>) -> Option<Surge> {
    match other {
        Some(other) if known.as_ref().is_none_or(|known| known.rise() < other.rise()) => Some(other.clone()),
        _ => known,
    }
}

impl Overview {
    pub(super) fn of(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        let (evidence, mut reading) = Reading::open(path, number)?;
        let (mut levels, mut greatest) = (Vec::new(), None);
        let level = |reading: &Reading, at| {
            let (open, close_wait) = reading.walk.rebuild.gauges();
            Level {
                at: reading.walk.rebuild.moment(at),
                open,
                close_wait,
            }
        };
        while let Some(at) = reading.walk.step_over()? {
            reading.tell(at, false);
            levels.push(level(&reading, at));
            greatest = greater(greatest, reading.judge.history().surge());
        }
        // An interval without peers or listeners has no rows, so the end of the recording is added
        // separately.
        let last = levels.last().map(|last| last.at.utc_ns);
        if let Some(end) = load::end(&evidence).filter(|end| last.is_none_or(|last| *end > last)) {
            levels.push(level(&reading, end));
        }
        let state = fresh_state(&evidence);
        let judge = state.as_ref().map(State::judge);
        let last = judge.as_ref().and_then(|judge| judge.history().surge());
        let surge = greater(greatest, last).map(|surge| surge.started);
        Ok(Self {
            evidence,
            state,
            levels,
            surge,
        })
    }
}
