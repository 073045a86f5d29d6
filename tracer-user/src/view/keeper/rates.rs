//! Opens per second, over the last few seconds.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::model::{peer::PeerId, sample::Sample};

/// The stretch a rate is taken over, ns: long enough that a poll every second or two is not now 0
/// and now 1, short enough to follow what happens.
const WINDOW_NS: u64 = 5_000_000_000;

/// Samples kept at most; with more in a stretch than this, the stretch is shorter.
const MAX_MARKS: usize = 16;

/// How many connections had been opened at one moment, by peer and in all. The
/// slots of a recording are not those of its last sample.
#[derive(Debug)]
struct Mark {
    at_ns: u64,
    total: u64,
    /// By the peer's place in [`Rates::places`].
    by_peer: Vec<u64>,
}

/// The last few seconds.
#[derive(Debug, Default)]
pub(super) struct Rates {
    marks: VecDeque<Mark>,
    /// Each peer that was ever there has one.
    places: HashMap<PeerId, usize>,
}

impl Rates {
    pub(super) fn add(&mut self, sample: &Sample) {
        let mut by_peer = vec![0; self.places.len().max(sample.peers.len())];
        for peer in &sample.peers {
            let next = self.places.len();
            let place = *self.places.entry(peer.id).or_insert(next);
            if place >= by_peer.len() {
                by_peer.resize(place + 1, 0);
            }
            if let Some(opens) = by_peer.get_mut(place) {
                *opens = peer.counters.opens();
            }
        }
        let mark = Mark {
            at_ns: sample.taken.monotonic_ns,
            total: sample.accounting.totals.opened,
            by_peer,
        };
        // One that is older than the stretch stays: with it, a stretch is never shorter than asked.
        let old = |mark: Option<&Mark>| {
            mark.is_some_and(|known| sample.taken.monotonic_ns.saturating_sub(known.at_ns) >= WINDOW_NS)
        };
        while old(self.marks.get(1)) || self.marks.len() >= MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    /// All peers together.
    pub(super) fn total(&self) -> Option<f64> {
        self.rate(|mark| mark.total)
    }

    /// One peer. A peer that was not there before had opened nothing.
    pub(super) fn of(&self, id: PeerId) -> Option<f64> {
        let place = *self.places.get(&id)?;
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
