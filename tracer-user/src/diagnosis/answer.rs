//! The diagnosis as a whole: the answer, the judged peers and the causes that group them.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Capacity, Change, Expected, Figures, Learned, ListenerNow, Norm, Options, Party, Service, Verdict,
    cause::{self, Finding, Grown},
    scene::About,
    software,
    thresholds::{Thresholds, habitual, share},
};
use crate::model::{
    accounting::{Accounting, Losses},
    history::Surge,
    peer::{Counters, Direction, PeerId},
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
}

impl Judged {
    /// One sentence to quote in a ticket. It states what was counted, not what is assumed. Built on each
    /// call, since few of them are ever read.
    pub fn explanation(&self) -> String {
        cause::explain(&self.about().case(&self.figures), self.finding.verdict)
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
        software::fix(&software::At {
            verdict: self.finding.verdict,
            direction: self.id.direction,
            port: self.id.port,
            owner: self.figures.owner.as_deref().map(|owner| owner.comm.as_str()),
            closer: self.closer(),
        })
    }

    /// Who has to act on the verdict; `None` if nobody has to.
    pub fn party(&self) -> Option<Party> {
        let party = self.finding.verdict.party()?;
        match self.finding.verdict {
            Verdict::LifetimeClose => Some(self.closer().unwrap_or(party)),
            // Seen from the client's host, the client is the one that fails to close.
            Verdict::CloseWaitLeak if self.id.direction == Direction::Outbound => Some(Party::Client),
            _ => Some(party),
        }
    }

    /// The side that ends the connections, if it is nearly always the same one.
    fn closer(&self) -> Option<Party> {
        let figures = &self.figures;
        if habitual(figures.server_fin, figures.closes) {
            Some(Party::Server)
        } else if habitual(figures.client_fin + figures.client_rst, figures.closes) {
            Some(Party::Client)
        } else {
            None
        }
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
    /// The causes, most costly first.
    pub causes: Vec<Cause>,
    /// What changed, oldest first.
    pub changes: Vec<Change>,
    /// Number of earlier changes that did not fit into `changes`.
    pub changes_dropped: u64,
    /// All peers, worst first.
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
        worst_first(&mut self.peers);
        self.causes = causes(&self.peers);
        self.answer = overall(&self.peers);
    }

    /// Whether it is too early for any rule to match.
    pub fn is_too_early(&self) -> bool {
        self.answer == Answer::InsufficientData && self.run_ns() < self.thresholds.settled
    }

    /// Number of peers whose verdict this party has to act on.
    pub fn to_act(&self, party: Party) -> u64 {
        let of_party = self.peers.iter().filter(|peer| peer.party() == Some(party));
        of_party.count() as u64
    }

    /// Number of peers the operator has to decide about.
    pub fn to_decide(&self) -> u64 {
        let many = |peer: &&Judged| peer.finding.verdict == Verdict::ManyHeld;
        self.peers.iter().filter(many).count() as u64
    }

    /// Number of peers that were accused within the window and no longer are.
    pub fn recovered(&self) -> u64 {
        let recovered = |peer: &&Judged| peer.recovered.is_some() && !peer.finding.verdict.accuses();
        self.peers.iter().filter(recovered).count() as u64
    }

    /// Number of peers whose main verdict accuses them.
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
    } else if has(|verdict| matches!(verdict, Verdict::Reusing | Verdict::ManyHeld)) {
        Answer::No
    } else {
        Answer::InsufficientData
    }
}

/// Sorts accused peers first, then those to be decided, then the rest. Within a group the most costly come
/// first, by their share of all opens or of all open connections, whichever is larger; ties go by verdict and
/// identity.
pub(super) fn worst_first(peers: &mut [Judged]) {
    let opens = peers.iter().map(|peer| peer.figures.opens).sum();
    let held = peers.iter().map(|peer| peer.figures.open_now).sum();
    // With cached keys the peers themselves, which are large, are moved only once.
    peers.sort_by_cached_key(|peer| {
        let verdict = peer.finding.verdict;
        (
            !verdict.accuses(),
            verdict != Verdict::ManyHeld,
            Reverse(millionths(cost(
                peer.figures.opens,
                opens,
                peer.figures.open_now,
                held,
            ))),
            verdict,
            peer.id,
        )
    });
}

/// The cost of a peer or group: its share of the opens or of the open connections, whichever is larger.
fn cost(opens: u64, of_opens: u64, held: u64, of_held: u64) -> f64 {
    share(opens, of_opens).max(share(held, of_held))
}

/// A share as an integer, which can be ordered.
fn millionths(share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is between 0 and 1, give or take rounding"
    )]
    let millionths = (share * 1e6).round() as u64;
    millionths
}

/// Groups the peers by verdict, most costly first. Peers to be decided come last.
pub(super) fn causes(peers: &[Judged]) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    let is_cause = |verdict: Verdict| verdict.accuses() || verdict == Verdict::ManyHeld;
    for peer in peers.iter().filter(|peer| is_cause(peer.finding.verdict)) {
        let verdict = peer.finding.verdict;
        let (held, opens) = (peer.figures.open_now, peer.figures.opens);
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
    let all_held = peers.iter().map(|peer| peer.figures.open_now).sum();
    let all_opens = peers.iter().map(|peer| peer.figures.opens).sum();
    for cause in &mut causes {
        cause.share_of_held = (share(cause.held, all_held) * 1000.0).round() / 1000.0;
        cause.share_of_opens = (share(cause.opens, all_opens) * 1000.0).round() / 1000.0;
    }
    causes.sort_by_key(|cause| {
        (
            !cause.verdict.accuses(),
            Reverse(millionths(cost(cause.opens, all_opens, cause.held, all_held))),
            Reverse(cause.peers),
            cause.verdict,
        )
    });
    causes
}
