//! The whole answer.

use std::{cmp::Reverse, sync::Arc};

use serde::Serialize;

use super::{
    Capacity, Expected, Figures, Learned, ListenerNow, Verdict,
    rules::{self, Case, Finding},
    thresholds::{Thresholds, share},
};
use crate::model::{
    accounting::{Accounting, Losses},
    history::Surge,
    peer::{Counters, PeerId},
    sample::Moment,
    workers::Workers,
};

/// Are clients opening new connections instead of reusing theirs?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// At least one peer with enough data does.
    Yes,
    /// There is enough data and none does.
    No,
    /// Nobody showed enough to say.
    InsufficientData,
}

/// One peer with its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// On which host, where there are several.
    pub host: Option<String>,
    /// Who.
    pub id: PeerId,
    /// The verdict and its reasons.
    pub finding: Finding,
    /// What it rests on.
    pub figures: Figures,
    /// Many independent clients seem to sit behind this address.
    pub shared_address: bool,
    /// Slot of its counters in its sample.
    pub slot: u32,
    pub(super) expected: u32,
    pub(super) own_requests: u64,
    pub(super) host_wide: Arc<HostWide>,
}

/// What is the same for all peers of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct HostWide {
    pub(super) window_ns: u64,
    pub(super) hold_ns: Option<u64>,
    pub(super) thresholds: Thresholds,
    pub(super) learned: Learned,
    pub(super) listeners: Vec<ListenerNow>,
}

impl Judged {
    /// One sentence a person can repeat in a ticket: what was counted, not what is believed. It is
    /// made when it is asked for.
    pub fn explanation(&self) -> String {
        rules::explain(&self.case())
    }

    pub(super) fn case(&self) -> Case<'_> {
        let host = &*self.host_wide;
        Case {
            figures: &self.figures,
            direction: self.id.direction,
            port: self.id.port,
            expected: self.expected,
            window_ns: host.window_ns,
            hold_ns: host.hold_ns,
            learned: &host.learned,
            listener: host.listener_of(self.id),
            own_requests: self.own_requests,
            thresholds: &host.thresholds,
            worded: false,
        }
    }
}

impl HostWide {
    /// The listener that an inbound peer connects to.
    fn listener_of(&self, peer: PeerId) -> Option<&ListenerNow> {
        let key = (peer.netns, peer.local_port()?);
        let at = self
            .listeners
            .binary_search_by_key(&key, |listener| (listener.netns, listener.port))
            .ok()?;
        self.listeners.get(at)
    }
}

/// One verdict over all peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// Which.
    pub verdict: Verdict,
    /// How many peers have it as their main verdict.
    pub peers: u64,
    /// Connections these peers hold now.
    pub held: u64,
    /// These, as a part of all connections that are held, 0 to 1.
    pub share_of_held: f64,
    /// What to change.
    pub fix: &'static str,
}

/// How the number of open connections moved over the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Open when tracing began.
    pub from: u64,
    /// Open at the end.
    pub to: u64,
    /// The greatest surge, if there was one.
    pub surge: Option<Surge>,
}

/// Everything there is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The answer.
    pub answer: Answer,
    /// When the counters began.
    pub started: Moment,
    /// When they were read.
    pub taken: Moment,
    /// How many connections a well-behaved peer holds.
    pub expected: Expected,
    /// What the peers show together of the server's settings.
    pub learned: Learned,
    /// What the rules compared with.
    pub thresholds: Thresholds,
    /// What the server says of its workers.
    pub workers: Option<Workers>,
    /// The identity and its check.
    pub accounting: Accounting,
    /// What was lost, by cause.
    pub losses: Losses,
    /// The counters of the connections that belong to no listed peer.
    pub unattributed: Counters,
    /// The listeners.
    pub listeners: Vec<ListenerNow>,
    /// Their processes, with the workers of each.
    pub capacity: Vec<Capacity>,
    /// The movement of the total.
    pub movement: Movement,
    /// The causes, most peers first.
    pub causes: Vec<Cause>,
    /// All peers, worst first.
    pub peers: Vec<Judged>,
}

impl Diagnosis {
    /// Length of the window, ns.
    pub fn window_ns(&self) -> u64 {
        self.taken.monotonic_ns.saturating_sub(self.started.monotonic_ns)
    }

    /// Peers whose main verdict accuses them.
    pub fn accused(&self) -> u64 {
        self.peers
            .iter()
            .filter(|peer| peer.finding.verdict.accuses())
            .count() as u64
    }
}

pub(super) fn overall(peers: &[Judged]) -> Answer {
    let has = |wanted: fn(Verdict) -> bool| peers.iter().any(|peer| wanted(peer.finding.verdict));
    if has(Verdict::accuses) {
        Answer::Yes
    } else if has(|verdict| verdict == Verdict::Reusing) {
        Answer::No
    } else {
        Answer::InsufficientData
    }
}

/// Sorts: accused before others; then who holds the most, opened the most, and in the order of names.
pub(super) fn worst_first(peers: &mut [Judged]) {
    // By places: a peer is too large to be moved more than once.
    peers.sort_by_cached_key(|peer| {
        (
            !peer.finding.verdict.accuses(),
            Reverse(peer.figures.open_now),
            Reverse(peer.figures.opens),
            peer.finding.verdict,
            peer.id,
        )
    });
}

pub(super) fn causes(peers: &[Judged]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for peer in peers.iter().filter(|peer| peer.finding.verdict.accuses()) {
        let verdict = peer.finding.verdict;
        match causes.iter_mut().find(|cause| cause.verdict == verdict) {
            Some(cause) => {
                cause.peers += 1;
                cause.held += peer.figures.open_now;
            }
            None => causes.push(Cause {
                verdict,
                peers: 1,
                held: peer.figures.open_now,
                share_of_held: 0.0,
                fix: peer.finding.fix,
            }),
        }
    }
    let all = peers.iter().map(|peer| peer.figures.open_now).sum();
    for cause in &mut causes {
        cause.share_of_held = (share(cause.held, all) * 1000.0).round() / 1000.0;
    }
    causes.sort_by_key(|cause| (Reverse(cause.peers), Reverse(cause.held), cause.verdict));
    causes
}
