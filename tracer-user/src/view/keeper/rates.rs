//! Opens per second, over the last few seconds.

use std::collections::VecDeque;

use super::numbers::{Numbers, Renumbered};
use crate::model::{peer::PeerId, sample::Sample};

/// The span a rate is taken over, ns: long enough that a poll every second or two does not flicker between 0
/// and 1, short enough to follow events.
const WINDOW_NS: u64 = 5_000_000_000;

/// Maximum number of samples kept; with more of them in a span, the span is shorter.
const MAX_MARKS: usize = 16;

/// How many connections had been opened at one moment, per peer and in all.
#[derive(Debug)]
struct Mark {
    at_ns: u64,
    total: u64,
    /// Indexed by the peer's number.
    by_peer: Vec<u64>,
}

/// The last few seconds.
#[derive(Debug, Default)]
pub(super) struct Rates {
    marks: VecDeque<Mark>,
}

impl Rates {
    pub(super) fn add(&mut self, sample: &Sample, numbers: &Numbers) {
        let mut by_peer = vec![0; numbers.len()];
        for peer in &sample.peers {
            let place = numbers.get(peer.id);
            if let Some(opens) = place.and_then(|place| by_peer.get_mut(place as usize)) {
                *opens = peer.counters.opens();
            }
        }
        let mark = Mark {
            at_ns: sample.taken.monotonic_ns,
            total: sample.accounting.totals.opened,
            by_peer,
        };
        // One mark older than the span is kept, so that a span is never shorter than intended.
        let old = |mark: Option<&Mark>| {
            mark.is_some_and(|known| sample.taken.monotonic_ns.saturating_sub(known.at_ns) >= WINDOW_NS)
        };
        while old(self.marks.get(1)) || self.marks.len() >= MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    /// Takes over the peers' new numbers.
    pub(super) fn renumber(&mut self, renumbered: &Renumbered) {
        for mark in &mut self.marks {
            mark.by_peer = renumbered.table(&mark.by_peer);
        }
    }

    /// The rate of all peers together.
    pub(super) fn total(&self) -> Option<f64> {
        self.rate(|mark| mark.total)
    }

    /// The rate of one peer. A peer not seen before had opened nothing.
    pub(super) fn of(&self, id: PeerId, numbers: &Numbers) -> Option<f64> {
        let place = numbers.get(id)? as usize;
        self.rate(|mark| mark.by_peer.get(place).copied().unwrap_or(0))
    }

    fn rate(&self, of: impl Fn(&Mark) -> u64) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let ns = last.at_ns.checked_sub(first.at_ns).filter(|ns| *ns > 0)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "connections and seconds, far below 2^52"
        )]
        let rate = of(last).saturating_sub(of(first)) as f64 / (ns as f64 / 1e9);
        Some(rate)
    }
}
