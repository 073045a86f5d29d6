//! From a sample to the answer: which peers do not reuse their connections, why, what to change.
//!
//! Pure: a diagnosis is a function of one [`Sample`], the [`History`] that led to it, and the [`Options`]. Each verdict is one
//! [`rules::Rule`] in a file of its own; the numbers they compare with are in [`thresholds`].

mod answer;
mod capacity;
mod expected;
mod figures;
mod learned;
mod listeners;
pub mod rules;
mod several;
pub mod thresholds;
mod verdict;

use std::{net::IpAddr, ops::Range, sync::Arc};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::expected::of_peer as expected_of_peer;
use self::{answer::HostWide, thresholds::Thresholds};
pub use self::{
    answer::{Answer, Cause, Diagnosis, Judged, Movement},
    capacity::Capacity,
    expected::{Expect, ExpectPeer, Expected},
    figures::{CloseWait, Figures, HeldNow, Idle, Lingering, Spread, Waiting},
    learned::{Constant, Learned},
    listeners::ListenerNow,
    several::combine,
    verdict::{Party, Verdict},
};
use crate::{
    memory,
    model::{history::History, sample::Sample, socket::Connection, workers::Workers},
};

/// Networks that a recording may say something of: each peer is looked for in all of them.
const MAX_SAID: usize = 4096;

/// What the user knows and the counters cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// How many connections one well-behaved peer holds.
    pub expect: Expect,
    /// Peers that may hold more.
    #[serde(deserialize_with = "crate::model::serial::bounded::deserialize::<_, _, MAX_SAID>")]
    pub expect_peers: Vec<ExpectPeer>,
    /// The server's keep-alive timeout, ns.
    pub keepalive_ns: Option<u64>,
    /// How long the server may hold a poll, ns.
    pub hold_ns: Option<u64>,
    /// How many workers the server has.
    pub max_workers: Option<u32>,
    /// What the server says of its workers.
    pub workers: Option<Workers>,
    /// From where tcpreuse itself asked it, and how many connections that took: no client to judge.
    pub own_requests: Option<(IpAddr, u64)>,
    /// What the rules compare with.
    pub thresholds: Thresholds,
}

/// Judges every peer and the whole.
pub fn diagnose(sample: &Sample, history: &History, options: &Options) -> Diagnosis {
    let thresholds = options.thresholds;
    let live = Live::of(&sample.sockets.connections);
    let expected = expected::learn(
        options.expect,
        sample.peers.iter().map(|peer| peer.counters.seeded),
        thresholds.max_pool,
    );
    let processes = figures::Processes::of(sample);
    let nothing_yet = Arc::new(HostWide::default());
    // Each is put together in its place, without its verdict, which takes all the others' figures.
    let mut peers = memory::room_for(sample.peers.len());
    peers.extend(sample.peers.iter().map(|peer| {
        let expected = expected::of_peer(peer.id.network, &options.expect_peers, expected.connections);
        let own_requests = options
            .own_requests
            .filter(|(from, _)| peer.id.network.contains(from))
            .map_or(0, |(_, requests)| requests);
        Judged {
            host: None,
            id: peer.id,
            finding: rules::nothing_to_say(""),
            figures: figures::of(
                sample,
                peer,
                live.of_slot(peer.slot),
                expected,
                &thresholds,
                &processes,
            ),
            shared_address: false,
            slot: peer.slot,
            expected,
            own_requests,
            host_wide: Arc::clone(&nothing_yet),
        }
    }));
    let learned = learned::learn(
        peers.iter().map(|peer| &peer.figures),
        options.keepalive_ns,
        &thresholds,
    );
    let (listeners, capacity) = listeners::of(sample, history, options);
    let host_wide = Arc::new(HostWide {
        window_ns: sample
            .taken
            .monotonic_ns
            .saturating_sub(sample.started.monotonic_ns),
        hold_ns: options.hold_ns,
        thresholds,
        learned,
        listeners: listeners.clone(),
    });
    for peer in &mut peers {
        peer.host_wide = Arc::clone(&host_wide);
        peer.finding = rules::judge(&peer.case());
        let held = &peer.figures.held;
        peer.shared_address = held.is_pile(peer.expected, &thresholds) && held.looks_shared(peer.expected);
    }
    answer::worst_first(&mut peers);
    Diagnosis {
        answer: answer::overall(&peers),
        started: sample.started,
        taken: sample.taken,
        expected,
        learned,
        thresholds,
        workers: options.workers.clone(),
        accounting: sample.accounting,
        losses: sample.losses,
        unattributed: sample.unattributed.clone(),
        listeners,
        capacity,
        movement: Movement {
            from: sample.accounting.totals.seeded,
            to: sample.accounting.open_now,
            surge: history.surge(),
        },
        causes: answer::causes(&peers),
        peers,
    }
}

/// The live connections of each slot, in the order in which the sample has them.
struct Live<'a> {
    connections: Vec<&'a Connection>,
    slots: HashMap<u32, Range<usize>>,
}

impl<'a> Live<'a> {
    fn of(all: &'a [Connection]) -> Self {
        let mut places: Vec<(u32, usize)> = all
            .iter()
            .enumerate()
            .filter_map(|(place, connection)| Some((connection.slot?, place)))
            .collect();
        places.sort_unstable();
        let mut begin = 0;
        let slots = places
            .chunk_by(|(a, _), (b, _)| a == b)
            .filter_map(|same| {
                let range = begin..begin + same.len();
                begin = range.end;
                Some((same.first()?.0, range))
            })
            .collect();
        let connections = places.iter().filter_map(|(_, place)| all.get(*place)).collect();
        Self { connections, slots }
    }

    fn of_slot(&self, slot: u32) -> &[&'a Connection] {
        let range = self.slots.get(&slot).cloned().unwrap_or_default();
        self.connections.get(range).unwrap_or_default()
    }
}
