//! A recording as a whole: its intervals and what is looked for in it.

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

/// How much was open at one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// When.
    pub at: Moment,
    /// Connections open.
    pub open: u64,
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
}

/// What one reading from beginning to end comes to.
pub(super) struct Overview {
    pub(super) evidence: Evidence,
    /// The last sample as it was live, if that is known.
    pub(super) state: Option<State>,
    pub(super) levels: Vec<Level>,
    /// When the greatest surge of all began.
    pub(super) surge: Option<Moment>,
}

/// The greater of two surges; the first when they are equal.
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
        // An interval without peers and listeners has no rows; the end of the recording has.
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
