//! A sample with everything needed to judge its peers, such as their figures over the window or a later part
//! of it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{
    Expected, Figures, Memory, Options,
    answer::HostWide,
    cause::{Case, Grown},
    expected, figures,
    judge::Pile,
    norm::{Lessons, Norm, Norms, Service},
};
use crate::model::{
    history::History,
    peer::PeerId,
    sample::{Peer, Sample},
    socket::Connection,
    window::{self, Window},
};

/// Where the period that figures cover begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// At the start of the window.
    Start,
    /// At one of the window's boundaries, by number.
    Boundary(usize),
}

/// A sample with its context.
pub(super) struct Scene<'a> {
    pub(super) sample: &'a Sample,
    pub(super) options: &'a Options,
    piles: HashMap<PeerId, Pile>,
    window: &'a Window,
    live: Live<'a>,
    processes: figures::Processes,
    expected: HashMap<Service, Expected>,
}

impl<'a> Scene<'a> {
    /// `peers` are the sample's, which may have been taken out of it.
    pub(super) fn of(
        sample: &'a Sample,
        peers: &[Peer],
        history: &'a History,
        options: &'a Options,
        memory: &Memory,
    ) -> Self {
        let window = history.window();
        let held_at_start = peers.iter().map(|peer| {
            let held = match window.start() {
                None => peer.counters.seeded,
                Some(_) => window.base_held(peer.slot).unwrap_or(0),
            };
            (peer.id, held)
        });
        Self {
            sample,
            options,
            piles: memory.piles(),
            window,
            live: Live::of(&sample.sockets.connections),
            processes: figures::Processes::of(sample),
            expected: Norms::expected(options.expect, held_at_start, &options.thresholds),
        }
    }

    /// When the window begins, monotonic, ns.
    pub(super) fn begins_ns(&self) -> u64 {
        let start = self.window.start().unwrap_or(self.sample.started);
        start.monotonic_ns
    }

    pub(super) fn window(&self) -> &'a Window {
        self.window
    }

    /// The norms that the figures of all peers teach.
    pub(super) fn norms(&self, lessons: Lessons) -> Norms {
        lessons.norms(&self.expected, self.options)
    }

    /// How the peer piled up, as long as the pile stands.
    pub(super) fn grown(&self, peer: PeerId) -> Option<Grown> {
        self.piles.get(&peer)?.grown
    }

    /// Whether the peer has piled up before.
    pub(super) fn has_piled_up(&self, peer: PeerId) -> bool {
        self.piles.get(&peer).is_some_and(|pile| pile.usual.is_some())
    }

    /// How many connections the peer may hold.
    pub(super) fn expected(&self, peer: PeerId) -> Expected {
        let of_service = self.expected.get(&Service::of(peer)).copied().unwrap_or_default();
        expected::of_peer(peer.network, &self.options.expect_peers, of_service)
    }

    /// Number of the peer's requests that may be tcpreuse's own.
    pub(super) fn own_requests(&self, peer: PeerId) -> u64 {
        let from = self.options.own_requests;
        from.filter(|(from, _)| peer.network.contains(from))
            .map_or(0, |(_, requests)| requests)
    }

    /// A peer's figures from `from` until the sample.
    pub(super) fn figures(&self, peer: &Peer, from: From) -> Figures {
        let (window, slot) = (self.window, peer.slot);
        let expected = self.expected(peer.id).connections;
        let (begins_ns, base) = match from {
            From::Start => (self.begins_ns(), window.base(slot)),
            From::Boundary(at) => {
                let begins = window.boundaries().nth(at).unwrap_or(self.sample.started);
                // A peer first seen after the boundary started from zero.
                let base = window.mark(at, slot).unwrap_or_default();
                (begins.monotonic_ns, Some(base))
            }
        };
        // Only the whole window extends into earlier recordings.
        let earlier = match from {
            From::Start => self.sample.earlier.peer(slot),
            From::Boundary(_) => None,
        };
        let both = earlier.map(|earlier| Peer {
            counters: peer.counters.after(&earlier.counters),
            ..peer.clone()
        });
        let counters = &peer.counters;
        let holds = window::held(counters) + base.as_ref().map_or(0, |base| window::held(&base.counters));
        // What it held in between may have ended at once.
        let mut levels = if holds.max(counters.open_peak) > 2 {
            window.course(slot)
        } else {
            Vec::new()
        };
        levels.retain(|level| level.at_ns >= begins_ns);
        let found = match (&base, counters.seeded) {
            (None, 1..) => window.mark(0, slot).unwrap_or_default().live,
            _ => window::Live::default(),
        };
        let now_ns = self.sample.taken.monotonic_ns;
        let came_earlier = window::Seen {
            first_ns: if earlier.is_some() { now_ns } else { 0 },
            ..window::Seen::default()
        };
        let mut figures = figures::of(
            &figures::Of {
                sample: self.sample,
                thresholds: &self.options.thresholds,
                processes: &self.processes,
                begins_ns,
            },
            &figures::Known {
                peer: both.as_ref().unwrap_or(peer),
                live: self.live.of_slot(slot),
                expected,
                base,
                found,
                seen: window.seen(slot).unwrap_or(came_earlier),
                usual: self.piles.get(&peer.id).and_then(|pile| pile.usual),
                levels: &levels,
            },
        );
        if let (From::Start, Some(line)) = (from, window.time_line(slot)) {
            // Each host has counted what it held itself.
            figures.opens_with_none = line.opens_with_none();
            figures.overlaps = line.overlaps(expected);
            figures.open_peak = line.peak;
            figures.gap = figures::Spread::from(&line.gap).into();
        }
        let more_ns = earlier.map_or(0, |earlier| earlier.window_ns);
        figures.span_ns = figures.span_ns.saturating_add(more_ns);
        figures.occupancy.window_ns = figures.occupancy.window_ns.saturating_add(more_ns);
        figures
    }
}

/// What stays the same however often a peer is judged within a sample.
pub(super) struct About {
    pub(super) id: PeerId,
    pub(super) expected: Expected,
    pub(super) own_requests: u64,
    pub(super) grown: Option<Grown>,
    pub(super) norm: Arc<Norm>,
    pub(super) host: Arc<HostWide>,
}

impl About {
    /// The input for the rules, with these figures.
    pub(super) fn case<'b>(&'b self, figures: &'b Figures) -> Case<'b> {
        Case {
            figures,
            direction: self.id.direction,
            port: self.id.port,
            expected: self.expected.connections,
            expected_is_given: self.expected.is_given(),
            now_ns: self.host.taken.monotonic_ns,
            hold_ns: self.host.hold_ns,
            norm: &self.norm,
            listener: self.host.listener_of(self.id),
            own_requests: self.own_requests,
            are_strangers: self.host.strangers_share && self.id.may_be_strangers(),
            thresholds: &self.host.thresholds,
            grown: self.grown,
            worded: false,
        }
    }
}

/// The live connections of each slot, in the sample's order.
struct Live<'a> {
    /// By slot.
    connections: Vec<&'a Connection>,
    /// Where those of each slot begin; the slot is the index.
    begins: Vec<usize>,
}

impl<'a> Live<'a> {
    fn of(all: &'a [Connection]) -> Self {
        let mut places: Vec<(u32, usize)> = all
            .iter()
            .enumerate()
            .filter_map(|(place, connection)| Some((connection.slot?, place)))
            .collect();
        places.sort_unstable();
        let mut begins = Vec::new();
        for (begin, (slot, _)) in places.iter().enumerate() {
            // Slots without a connection begin where the next one does.
            begins.resize(begins.len().max(*slot as usize + 1), begin);
        }
        begins.push(places.len());
        let connections = places.iter().filter_map(|(_, place)| all.get(*place)).collect();
        Self { connections, begins }
    }

    fn of_slot(&self, slot: u32) -> &[&'a Connection] {
        let slot = slot as usize;
        match self.begins.get(slot..slot.saturating_add(2)) {
            Some(&[begin, end]) => self.connections.get(begin..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::peer::Direction;

    #[test]
    fn each_slot_has_its_connections_in_order() {
        let slots = [Some(5), None, Some(1), Some(5), Some(2), Some(5)];
        let all: Vec<Connection> = (0..)
            .zip(slots)
            .map(|(inode, slot)| Connection {
                slot,
                inode: Some(inode),
                ..Connection::unknown(1, Direction::Inbound)
            })
            .collect();
        let live = Live::of(&all);
        let inodes = |slot| {
            let of_slot = live.of_slot(slot).iter();
            of_slot
                .filter_map(|connection| connection.inode)
                .collect::<Vec<_>>()
        };
        assert_eq!(inodes(5), [0, 3, 5]);
        assert_eq!((inodes(1), inodes(2)), (vec![2], vec![4]));
        for none in [0, 3, 4, 6, 7, u32::MAX] {
            assert!(live.of_slot(none).is_empty(), "{none}");
        }
        assert!(Live::of(&[]).of_slot(0).is_empty());
    }
}
