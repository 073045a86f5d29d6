//! One client, added up over the hosts.

use super::part::{Alone, OfPeer};
use crate::{
    diagnosis::{JoinedHost, OnHost, Pile, cause::Grown},
    model::{
        earlier::EarlierPeer,
        peer::Counters,
        window::{Event, FILL_NS, Grid, Seen, Steps, TimeLine, held},
    },
};

/// What one host adds.
#[derive(Clone, Copy, Debug)]
struct Share {
    host: u16,
    alone: Alone,
    seen: Option<Seen>,
}

/// The pile of all hosts, which hosts without one of their own belong to as well.
#[derive(Clone, Copy, Debug)]
struct Piled {
    from: u64,
    to: u64,
    since_ns: u64,
    usual: u64,
    has_grown: bool,
    has_usual: bool,
}

/// The sum.
#[derive(Debug, Default)]
pub(super) struct Sum {
    counters: Option<Box<Counters>>,
    steps: Steps,
    events: Vec<Event>,
    /// Whether some events are missing.
    lacks_events: bool,
    shares: Vec<Share>,
    piled: Option<Piled>,
    earlier: Option<Box<EarlierPeer>>,
}

/// What is left of it once it is complete.
pub(super) struct Parts {
    pub(super) counters: Counters,
    pub(super) steps: Steps,
    pub(super) earlier: Option<Box<EarlierPeer>>,
}

impl Sum {
    /// Adds the peer of a host, by its number.
    pub(super) fn add(&mut self, peer: OfPeer, host: u16) {
        let before = peer.steps.first_held();
        let now = held(&peer.counters);
        let pile = peer.pile.unwrap_or(Pile {
            grown: None,
            usual: None,
        });
        let grown = pile.grown.unwrap_or(Grown {
            from: before,
            to: now,
            since_ns: u64::MAX,
        });
        let usual = pile.usual.unwrap_or(before);
        let piled = self.piled.get_or_insert(Piled {
            from: 0,
            to: 0,
            since_ns: u64::MAX,
            usual: 0,
            has_grown: false,
            has_usual: false,
        });
        piled.from += grown.from;
        piled.to += grown.to;
        piled.since_ns = piled.since_ns.min(grown.since_ns);
        piled.usual += usual;
        piled.has_grown |= pile.grown.is_some();
        piled.has_usual |= pile.usual.is_some();
        match &mut self.counters {
            None => self.counters = Some(Box::new(peer.counters)),
            Some(counters) => counters.absorb(&peer.counters),
        }
        self.steps.add(peer.steps);
        match peer.events {
            Some(events) if !self.lacks_events => self.events.extend(events),
            _ => (self.events, self.lacks_events) = (Vec::new(), true),
        }
        match (&mut self.earlier, peer.earlier) {
            (_, None) => {}
            (None, Some(earlier)) => self.earlier = Some(Box::new(earlier)),
            (Some(known), Some(earlier)) => {
                known.counters.absorb(&earlier.counters);
                known.window_ns = known.window_ns.max(earlier.window_ns);
            }
        }
        match self.shares.last_mut().filter(|last| last.host == host) {
            // The same client in another namespace of that host.
            Some(last) => {
                last.alone.opens += peer.alone.opens;
                last.alone.held += peer.alone.held;
                last.alone.verdict = last.alone.verdict.min(peer.alone.verdict);
            }
            None => self.shares.push(Share {
                host,
                alone: peer.alone,
                seen: peer.seen,
            }),
        }
    }

    /// The shares of the hosts that have any.
    pub(super) fn on_hosts(&self, hosts: &[JoinedHost]) -> Vec<OnHost> {
        let share = |share: &Share| {
            Some(OnHost {
                host: hosts.get(usize::from(share.host))?.host.clone(),
                opens: share.alone.opens,
                held: share.alone.held,
                verdict: share.alone.verdict,
            })
        };
        self.shares.iter().filter_map(share).collect()
    }

    /// The time line over several hosts, if all connections are known.
    pub(super) fn time_line(&mut self) -> Option<TimeLine> {
        if self.shares.len() < 2 || self.lacks_events {
            return None;
        }
        let events = std::mem::take(&mut self.events);
        let opens = events.iter().filter(|event| event.is_open()).count() as u64;
        let ends = events.len() as u64 - opens;
        let open_now = self.counters.as_ref()?.open_now;
        TimeLine::of(events, (open_now + ends).checked_sub(opens)?)
    }

    /// How it piled up before, if it did on any host.
    pub(super) fn pile(&self) -> Option<Pile> {
        let piled = self.piled?;
        let grown = piled.has_grown.then_some(Grown {
            from: piled.from,
            to: piled.to.max(piled.from),
            since_ns: piled.since_ns,
        });
        let usual = piled.has_usual.then_some(piled.usual);
        (grown.is_some() || usual.is_some()).then_some(Pile { grown, usual })
    }

    /// When it was active on any of them.
    pub(super) fn seen(&self, grid: &Grid) -> Seen {
        let all = || self.shares.iter().filter_map(|share| share.seen);
        let first_ns = all().map(|seen| seen.first_ns).min();
        let Some(first_ns) = first_ns else {
            // Only in earlier recordings.
            return Seen::default();
        };
        let last_ns = all().map(|seen| seen.last_ns).max().unwrap_or(first_ns);
        // A host that still holds some has held some since.
        let holding = self.shares.iter().filter(|share| share.alone.held > 0);
        let some_since_ns = holding.filter_map(|share| Some(share.seen?.began_ns)).min();
        let began_ns = match self.steps.none_held_ns(grid) {
            // It has held some ever since.
            None => 0,
            Some(none_ns) => all()
                .map(|seen| seen.began_ns)
                .filter(|began| *began >= none_ns)
                .min()
                .unwrap_or(none_ns)
                // Marks count at a later moment of the grid, by when other hosts may have begun as well.
                .min(some_since_ns.unwrap_or(u64::MAX)),
        };
        let has_begun = |seen: &Seen| seen.began_ns <= began_ns.saturating_add(FILL_NS);
        let filled = all().filter(has_begun).map(|seen| seen.filled).sum();
        Seen::over(first_ns, last_ns, (began_ns, filled), self.steps.looks(grid))
    }

    pub(super) fn parts(self) -> Parts {
        Parts {
            counters: self.counters.map(|counters| *counters).unwrap_or_default(),
            steps: self.steps,
            earlier: self.earlier,
        }
    }
}
