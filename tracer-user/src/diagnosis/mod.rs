//! From a sample to the answer: which peers do not reuse their connections, why, what to change.
//!
//! Pure: a diagnosis is a function of one [`Sample`], the [`History`] that led to it, and the [`Options`]. Each verdict is one
//! [`rules::Rule`] in a file of its own; the numbers they compare with are in [`thresholds`].

mod answer;
mod expected;
mod figures;
mod learned;
mod listeners;
pub mod rules;
mod several;
pub mod thresholds;
mod verdict;

use std::net::IpAddr;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::expected::of_peer as expected_of_peer;
use self::rules::Case;
pub use self::{
    answer::{Answer, Cause, Diagnosis, Judged, Movement},
    expected::{Expect, ExpectPeer, Expected},
    figures::{CloseWait, Figures, HeldNow, Idle, Lingering, Spread, Waiting},
    learned::{Constant, Learned},
    listeners::ListenerNow,
    several::combine,
    verdict::Verdict,
};
use crate::model::{history::History, peer::PeerId, sample::Sample, socket::Connection, workers::Workers};

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
    /// From where and how often tcpreuse itself asked it: no client to judge.
    pub own_requests: Option<(IpAddr, u64)>,
}

/// Judges every peer and the whole.
pub fn diagnose(sample: &Sample, history: &History, options: &Options) -> Diagnosis {
    let mut by_slot: HashMap<u32, Vec<&Connection>> = HashMap::new();
    for connection in &sample.sockets.connections {
        if let Some(slot) = connection.slot {
            by_slot.entry(slot).or_default().push(connection);
        }
    }
    let expected = expected::learn(
        options.expect,
        sample.peers.iter().map(|peer| peer.counters.seeded),
    );
    let figures: Vec<(u32, Figures)> = sample
        .peers
        .iter()
        .map(|peer| {
            let live = by_slot.get(&peer.slot).map(Vec::as_slice).unwrap_or_default();
            let expected = expected::of_peer(peer.id.network, &options.expect_peers, expected.connections);
            (expected, figures::of(sample, peer, live, expected))
        })
        .collect();
    let learned = learned::learn(figures.iter().map(|(_, figures)| figures), options.keepalive_ns);
    let listeners = listeners::of(sample, history, options);
    let window_ns = sample
        .taken
        .monotonic_ns
        .saturating_sub(sample.started.monotonic_ns);
    let mut peers: Vec<Judged> = sample
        .peers
        .iter()
        .zip(figures)
        .map(|(peer, (expected, figures))| {
            let finding = rules::judge(&Case {
                figures: &figures,
                direction: peer.id.direction,
                port: peer.id.port,
                expected,
                window_ns,
                hold_ns: options.hold_ns,
                learned: &learned,
                listener: listener_of(&listeners, peer.id),
                own_requests: options
                    .own_requests
                    .filter(|(from, _)| peer.id.network.contains(from))
                    .map_or(0, |(_, requests)| requests),
            });
            Judged {
                host: None,
                id: peer.id,
                finding,
                shared_address: figures.held.is_pile(expected) && figures.held.looks_shared(expected),
                figures,
            }
        })
        .collect();
    peers.sort_by(answer::worst_first);
    Diagnosis {
        answer: answer::overall(&peers),
        started: sample.started,
        taken: sample.taken,
        expected,
        learned,
        workers: options.workers.clone(),
        accounting: sample.accounting,
        losses: sample.losses,
        unattributed: sample.unattributed.clone(),
        listeners,
        movement: Movement {
            from: sample.accounting.totals.seeded,
            to: sample.accounting.open_now,
            surge: history.surge(),
        },
        causes: answer::causes(&peers),
        peers,
    }
}

/// The listener that an inbound peer connects to.
fn listener_of(listeners: &[ListenerNow], peer: PeerId) -> Option<&ListenerNow> {
    let key = (peer.netns, peer.local_port()?);
    let at = listeners
        .binary_search_by_key(&key, |listener| (listener.netns, listener.port))
        .ok()?;
    listeners.get(at)
}
