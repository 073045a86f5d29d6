//! The whole answer.

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

/// Are clients opening new connections instead of reusing theirs?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it was accused of within the window and is not any more.
    pub recovered: Option<Box<Recovered>>,
    /// What it costs.
    pub impact: Impact,
    /// Many independent clients seem to sit behind this address.
    pub shared_address: bool,
    /// Slot of its counters in its sample.
    pub slot: u32,
    pub(super) expected: Expected,
    pub(super) own_requests: u64,
    pub(super) grown: Option<Grown>,
    pub(super) norm: Arc<Norm>,
    pub(super) host_wide: Arc<HostWide>,
}

/// An accusation that is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// What it was.
    pub verdict: Verdict,
    /// Since when the cause has not shown again.
    pub since: Moment,
}

/// A peer's part of all that its service has to do with, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impact {
    /// Of the connections opened within the window.
    pub opens_share: f64,
    /// Of the connections held.
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

/// What is the same for all peers of a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostWide {
    pub(super) taken: Moment,
    pub(super) hold_ns: Option<u64>,
    pub(super) thresholds: Thresholds,
    pub(super) listeners: Vec<ListenerNow>,
}

impl Judged {
    /// One sentence a person can repeat in a ticket: what was counted, not what is believed. It is
    /// made when it is asked for.
    pub fn explanation(&self) -> String {
        cause::explain(&self.about().case(&self.figures), self.finding.verdict)
    }

    /// All that the rules look at beside the figures.
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

    /// When it was there first; where it was before the tracer, when that began.
    pub fn first_seen(&self) -> Moment {
        self.host_wide.taken.earlier(self.figures.first_seen_ns)
    }

    /// When it last did anything.
    pub fn last_seen(&self) -> Moment {
        self.host_wide.taken.earlier(self.figures.last_seen_ns)
    }

    /// How long ago it last did anything, ns.
    pub fn quiet_ns(&self) -> u64 {
        let now_ns = self.host_wide.taken.monotonic_ns;
        now_ns.saturating_sub(self.figures.last_seen_ns)
    }

    /// Connections it is expected to hold.
    pub fn expected(&self) -> u32 {
        self.expected.connections
    }

    /// What to change, in the words of the software at hand.
    pub fn fix(&self) -> Cow<'static, str> {
        software::fix(&software::At {
            verdict: self.finding.verdict,
            direction: self.id.direction,
            port: self.id.port,
            owner: self.figures.owner.as_deref().map(|owner| owner.comm.as_str()),
            closer: self.closer(),
        })
    }

    /// Who has to act on it; `None` when nobody has to.
    pub fn party(&self) -> Option<Party> {
        let party = self.finding.verdict.party()?;
        match self.finding.verdict {
            Verdict::LifetimeClose => Some(self.closer().unwrap_or(party)),
            // Seen from the client's host, it is the client that does not close.
            Verdict::CloseWaitLeak if self.id.direction == Direction::Outbound => Some(Party::Client),
            _ => Some(party),
        }
    }

    /// Which side ends the connections, where it is nearly always the same.
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
    /// The listener that an inbound peer connects to.
    pub(super) fn listener_of(&self, peer: PeerId) -> Option<&ListenerNow> {
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
    /// Connections these peers opened within the window.
    pub opens: u64,
    /// These, as a part of all that were opened, 0 to 1.
    pub share_of_opens: f64,
    /// What to change.
    pub fix: Cow<'static, str>,
}

/// How the number of open connections moved over the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Open when tracing began.
    pub from: u64,
    /// Open at the end.
    pub to: u64,
    /// The surge that goes on, or the last one within the window.
    pub surge: Option<Surge>,
}

/// Everything there is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The answer.
    pub answer: Answer,
    /// When the counters began.
    pub started: Moment,
    /// When the time that is judged begins.
    pub window_start: Moment,
    /// How much of that time lies in recordings from before the one in which it ends, ns. Between them nothing was seen,
    /// and monotonic times of other boots cannot be compared.
    pub earlier_ns: u64,
    /// When they were read.
    pub taken: Moment,
    /// How many connections a well-behaved peer holds.
    pub expected: Expected,
    /// What the peers show together of the server's settings.
    pub learned: Learned,
    /// The same of each service.
    pub norms: Vec<(Service, Norm)>,
    /// What the rules compared with.
    pub thresholds: Thresholds,
    /// What the diagnosis was told.
    pub options: Options,
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
    /// The causes, the most costly first.
    pub causes: Vec<Cause>,
    /// What came and went, oldest first.
    pub changes: Vec<Change>,
    /// Earlier changes for which there was no room.
    pub changes_dropped: u64,
    /// All peers, worst first.
    pub peers: Vec<Judged>,
}

impl Diagnosis {
    /// Length of the time that is judged, ns.
    pub fn window_ns(&self) -> u64 {
        let start = self.window_start.monotonic_ns;
        let last_ns = self.taken.monotonic_ns.saturating_sub(start);
        last_ns.saturating_add(self.earlier_ns)
    }

    /// How long it has been traced, ns.
    pub fn run_ns(&self) -> u64 {
        let last_ns = self.taken.monotonic_ns.saturating_sub(self.started.monotonic_ns);
        last_ns.saturating_add(self.earlier_ns)
    }

    /// Puts in order what stands about the peers, and what follows from it.
    pub(super) fn order(&mut self) {
        worst_first(&mut self.peers);
        self.causes = causes(&self.peers);
        self.answer = overall(&self.peers);
    }

    /// Whether the rules could not have spoken yet.
    pub fn is_too_early(&self) -> bool {
        self.answer == Answer::InsufficientData && self.run_ns() < self.thresholds.settled
    }

    /// Peers for whose verdict this party has to act.
    pub fn to_act(&self, party: Party) -> u64 {
        let of_party = self.peers.iter().filter(|peer| peer.party() == Some(party));
        of_party.count() as u64
    }

    /// Peers of which the operator has to decide what they are.
    pub fn to_decide(&self) -> u64 {
        let many = |peer: &&Judged| peer.finding.verdict == Verdict::ManyHeld;
        self.peers.iter().filter(many).count() as u64
    }

    /// Peers that were accused within the window and are not any more.
    pub fn recovered(&self) -> u64 {
        let recovered = |peer: &&Judged| peer.recovered.is_some() && !peer.finding.verdict.accuses();
        self.peers.iter().filter(recovered).count() as u64
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
    } else if has(|verdict| matches!(verdict, Verdict::Reusing | Verdict::ManyHeld)) {
        Answer::No
    } else {
        Answer::InsufficientData
    }
}

/// Sorts: accused before undecided before others; of these, who costs the most of all opens or of all connections
/// held; and in the order of names.
pub(super) fn worst_first(peers: &mut [Judged]) {
    let opens = peers.iter().map(|peer| peer.figures.opens).sum();
    let held = peers.iter().map(|peer| peer.figures.open_now).sum();
    // By places: a peer is too large to be moved more than once.
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

/// What somebody's opens and connections cost: the larger of their parts.
fn cost(opens: u64, of_opens: u64, held: u64, of_held: u64) -> f64 {
    share(opens, of_opens).max(share(held, of_held))
}

/// A share as a number that can be compared.
fn millionths(share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1 and a little more"
    )]
    let millionths = (share * 1e6).round() as u64;
    millionths
}

/// What stands about several peers with the same verdict, the most costly first; those to be decided last.
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
