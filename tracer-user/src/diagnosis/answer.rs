//! The diagnosis as a whole: the answer, the judged peers and the causes that group them.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Capacity, Change, Expected, Figures, JoinedHost, Learned, ListenerNow, Norm, Options, OverHosts, Service,
    Verdict,
    cause::{self, Finding, Grown},
    rated::{Rated, Tally, worst_first},
    scene::About,
    thresholds::{Thresholds, share},
};
use crate::model::{
    accounting::{Accounting, Losses},
    history::Surge,
    names::Names,
    peer::{Counters, PeerId},
    sample::Moment,
    workers::Workers,
};

/// Whether clients open new connections instead of reusing theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// At least one peer with enough data does.
    Yes,
    /// There is enough data, and no peer does.
    No,
    /// No peer has enough data to judge.
    InsufficientData,
}

/// A peer with its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The host it belongs to, when several are combined.
    pub host: Option<String>,
    /// The hosts it was seen on, when they are judged as one service.
    pub over: Option<Box<OverHosts>>,
    /// The peer.
    pub id: PeerId,
    /// The verdict with its confidence.
    pub finding: Finding,
    /// The figures the verdict rests on.
    pub figures: Figures,
    /// The accusation that was withdrawn within the window, if there was one.
    pub recovered: Option<Box<Recovered>>,
    /// What the peer costs its service.
    pub impact: Impact,
    /// Whether many independent clients seem to share this address.
    pub shared_address: bool,
    /// Slot of its counters in the sample.
    pub slot: u32,
    pub(super) expected: Expected,
    pub(super) own_requests: u64,
    pub(super) grown: Option<Grown>,
    pub(super) norm: Arc<Norm>,
    pub(super) host_wide: Arc<HostWide>,
}

/// An accusation that has been withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// The withdrawn verdict.
    pub verdict: Verdict,
    /// Start of the period in which the cause has not been seen again.
    pub since: Moment,
}

/// A peer's share of its service's load, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// Share of the connections opened within the window.
    pub opens_share: f64,
    /// Share of the connections open now.
    pub held_share: f64,
}

impl Impact {
    pub(super) fn of(figures: &Figures, norm: &Norm) -> Self {
        let thousandths = |share: f64| (share * 1000.0).round() / 1000.0;
        Self {
            opens_share: thousandths(share(figures.opens, norm.opens)),
            held_share: thousandths(share(figures.open_now, norm.held)),
        }
    }
}

/// What all peers of a host have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostWide {
    pub(super) taken: Moment,
    pub(super) hold_ns: Option<u64>,
    pub(super) thresholds: Thresholds,
    pub(super) listeners: Vec<ListenerNow>,
    pub(super) names: Names,
    pub(super) strangers_share: bool,
}

impl Judged {
    /// One sentence to quote in a ticket. It states what was counted, not what is assumed. Built on each
    /// call, since few of them are ever read.
    pub fn explanation(&self) -> String {
        let said = cause::explain(&self.about().case(&self.figures), self.finding.verdict);
        match self
            .over
            .as_ref()
            .and_then(|over| over.said(self.finding.verdict))
        {
            Some(over) => format!("{over}: {said}"),
            None => said,
        }
    }

    /// What the user calls it.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.host_wide.names.get(self.id.network)
    }

    /// Everything the rules look at besides the figures.
    pub(super) fn about(&self) -> About {
        About {
            id: self.id,
            expected: self.expected,
            own_requests: self.own_requests,
            grown: self.grown,
            norm: Arc::clone(&self.norm),
            host: Arc::clone(&self.host_wide),
        }
    }

    /// When the peer was first seen. For a peer that was there before the tracer, this is the start of
    /// tracing.
    pub fn first_seen(&self) -> Moment {
        self.host_wide.taken.earlier(self.figures.first_seen_ns)
    }

    /// When the peer was last active.
    pub fn last_seen(&self) -> Moment {
        self.host_wide.taken.earlier(self.figures.last_seen_ns)
    }

    /// Time since the peer was last active, ns.
    pub fn quiet_ns(&self) -> u64 {
        let now_ns = self.host_wide.taken.monotonic_ns;
        now_ns.saturating_sub(self.figures.last_seen_ns)
    }

    /// How many connections it is expected to hold.
    pub fn expected(&self) -> u32 {
        self.expected.connections
    }

    /// What to change, in the terms of the software involved.
    pub fn fix(&self) -> Cow<'static, str> {
        Rated::fix(self)
    }
}

impl HostWide {
    /// The listener an inbound peer connects to.
    pub(super) fn listener_of(&self, peer: PeerId) -> Option<&ListenerNow> {
        let key = (peer.netns, peer.local_port()?);
        let at = self
            .listeners
            .binary_search_by_key(&key, |listener| (listener.netns, listener.port))
            .ok()?;
        self.listeners.get(at)
    }
}

/// A verdict with all the peers that have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// The verdict.
    pub verdict: Verdict,
    /// Peers with this as their main verdict.
    pub peers: u64,
    /// Connections these peers hold now.
    pub held: u64,
    /// Their share of all open connections, 0 to 1.
    pub share_of_held: f64,
    /// Connections these peers opened within the window.
    pub opens: u64,
    /// Their share of all connections opened, 0 to 1.
    pub share_of_opens: f64,
    /// What to change.
    pub fix: Cow<'static, str>,
}

/// How the number of open connections changed over the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Connections open when tracing began.
    pub from: u64,
    /// Connections open at the end.
    pub to: u64,
    /// The current surge, or the last one within the window.
    pub surge: Option<Surge>,
}

/// A complete diagnosis: the answer and everything it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The answer.
    pub answer: Answer,
    /// When counting began.
    pub started: Moment,
    /// Start of the judged time, which is the window.
    pub window_start: Moment,
    /// How much of the judged time lies in recordings older than the one it ends in, ns. The gaps between
    /// recordings were not observed, and the monotonic clocks of different boots cannot be compared.
    pub earlier_ns: u64,
    /// When the sample was taken.
    pub taken: Moment,
    /// How many connections a well-behaved peer holds.
    pub expected: Expected,
    /// Server settings inferred from all peers together.
    pub learned: Learned,
    /// What is usual for each service: expected connections and inferred settings.
    pub norms: Vec<(Service, Norm)>,
    /// The thresholds the rules used.
    pub thresholds: Thresholds,
    /// What the user stated.
    pub options: Options,
    /// What the server's status page says about its workers.
    pub workers: Option<Workers>,
    /// The accounting identity and its check.
    pub accounting: Accounting,
    /// What was lost, by cause.
    pub losses: Losses,
    /// Counters of connections that belong to no listed peer.
    pub unattributed: Counters,
    /// The listeners.
    pub listeners: Vec<ListenerNow>,
    /// The listening processes, with the workers of each.
    pub capacity: Vec<Capacity>,
    /// How the total number of connections changed.
    pub movement: Movement,
    /// How many peers there are of each kind.
    pub tally: Tally,
    /// The causes, most costly first.
    pub causes: Vec<Cause>,
    /// What changed, oldest first.
    pub changes: Vec<Change>,
    /// Number of earlier changes that did not fit into `changes`.
    pub changes_dropped: u64,
    /// The hosts whose peers were joined, by name; empty for a single one.
    pub hosts: Vec<JoinedHost>,
    /// All peers, worst first, unless they were handed over one by one.
    pub peers: Vec<Judged>,
}

impl Diagnosis {
    /// Length of the judged time, ns.
    pub fn window_ns(&self) -> u64 {
        let start = self.window_start.monotonic_ns;
        let last_ns = self.taken.monotonic_ns.saturating_sub(start);
        last_ns.saturating_add(self.earlier_ns)
    }

    /// Total time traced, ns.
    pub fn run_ns(&self) -> u64 {
        let last_ns = self.taken.monotonic_ns.saturating_sub(self.started.monotonic_ns);
        last_ns.saturating_add(self.earlier_ns)
    }

    /// Sorts the peers and derives the causes and the answer from their verdicts.
    pub(super) fn order(&mut self) {
        let mut peers = std::mem::take(&mut self.peers);
        self.rate(&mut peers);
        self.peers = peers;
    }

    /// Sorts the peers, worst first, and derives the causes and the answer from their verdicts.
    pub(super) fn rate<P: Rated>(&mut self, peers: &mut [P]) {
        self.tally = Tally::of(peers);
        worst_first(peers, &self.tally);
        self.causes = causes(peers, &self.tally);
        self.answer = match self.tally.answer() {
            // No rule can have accused anybody yet.
            Answer::No if self.run_ns() < self.thresholds.settled => Answer::InsufficientData,
            answer => answer,
        };
    }

    /// Whether it is too early for any rule to match.
    pub fn is_too_early(&self) -> bool {
        self.answer == Answer::InsufficientData && self.run_ns() < self.thresholds.settled
    }
}

/// Groups the peers by verdict, most costly first. Peers to be decided come last.
fn causes<P: Rated>(peers: &[P], tally: &Tally) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    let is_cause = |verdict: Verdict| verdict.accuses() || verdict == Verdict::ManyHeld;
    for peer in peers {
        let (verdict, held, opens) = (peer.verdict(), peer.open_now(), peer.opens());
        if !is_cause(verdict) {
            continue;
        }
        match causes.iter_mut().find(|cause| cause.verdict == verdict) {
            Some(cause) => {
                cause.peers += 1;
                cause.held += held;
                cause.opens += opens;
            }
            None => causes.push(Cause {
                verdict,
                peers: 1,
                held,
                share_of_held: 0.0,
                opens,
                share_of_opens: 0.0,
                fix: peer.fix(),
            }),
        }
    }
    for cause in &mut causes {
        cause.share_of_held = (share(cause.held, tally.held) * 1000.0).round() / 1000.0;
        cause.share_of_opens = (share(cause.opens, tally.opens) * 1000.0).round() / 1000.0;
    }
    causes.sort_by_key(|cause| {
        (
            !cause.verdict.accuses(),
            Reverse(tally.cost(cause.opens, cause.held)),
            Reverse(cause.peers),
            cause.verdict,
        )
    });
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{
        Judge,
        judge::tests::world::{Peer, S, World},
    };

    #[test]
    fn nobody_is_acquitted_before_the_rules_could_have_spoken() {
        let mut world = World::new(1_000);
        let mut judge = Judge::new(Some(300 * S));
        for held in [1, 1, 1, 1, 1, 1, 64] {
            let who = world.add();
            (0..held).for_each(|_| world.peer(who).find());
        }
        for _ in 0..10 {
            world.peers().for_each(Peer::poll);
            let diagnosis = judge.look(&world.tick(), &Options::default());
            let settled = diagnosis.run_ns() >= diagnosis.thresholds.settled;
            let wanted = match settled {
                true => Answer::No,
                false => Answer::InsufficientData,
            };
            assert_eq!(diagnosis.answer, wanted, "after {} ns", diagnosis.run_ns());
            assert_eq!(diagnosis.is_too_early(), !settled);
        }
    }
}
