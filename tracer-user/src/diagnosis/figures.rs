//! A peer's figures: its counters and its live sockets, put together for rules and reports.

mod course;
mod held;
mod idle;

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

pub use self::{course::Course, held::HeldNow, idle::Idle};
use super::thresholds::{NO_REQUEST_BYTES, Thresholds};
use crate::model::{
    durations::Durations,
    owner::Process,
    peer::{Closes, Direction},
    sample::{Peer, Sample},
    socket::{Connection, Since, State},
    turns::Turns,
    window::{Level, Live, Looks, Mark, Seen},
};

/// Median and longest of something, ns; `None`: not measured, or nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Median.
    pub p50_ns: Option<u64>,
    /// Longest.
    pub max_ns: Option<u64>,
}

impl From<&Durations> for Spread {
    fn from(durations: &Durations) -> Self {
        let summary = durations.summary();
        Self {
            p50_ns: summary.map(|all| all.median_ns),
            max_ns: summary.map(|all| all.max_ns),
        }
    }
}

/// CLOSE_WAIT of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseWait {
    /// In it now.
    pub now: u64,
    /// Of these, how long the oldest has been, ns; "at least" when it was there before the tracer.
    pub oldest_ns: Option<u64>,
    /// Whether that is only "at least".
    pub oldest_is_bound: bool,
    /// Of these, not accepted by any process.
    pub never_accepted: u64,
    /// Entered it while traced.
    pub entered: u64,
    /// Left it again while traced.
    pub left: u64,
    /// Median of those that left it, ns.
    pub p50_ns: Option<u64>,
    /// Longest of those that left it, ns.
    pub longest_ns: Option<u64>,
}

/// Accepted connections that are in CLOSE_WAIT now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lingering {
    /// How long those have been in it whose last request was answered, ns.
    pub answered_ns: Vec<u64>,
    /// And those whose last request was not: the server may still be holding a poll.
    pub unanswered_ns: Vec<u64>,
    /// Of them all, how many the peer's later connections have passed by: it opened others after they had been in
    /// it for a while, and still did not close them.
    pub passed_by: u64,
    /// The process that holds the most of them, and how many.
    pub owner: Option<(Arc<Process>, u64)>,
}

impl Lingering {
    /// How many have been in it for longer than a server has any reason to. `hold_ns` is how long
    /// it may hold a poll, if that is known, and `late_ns` how late it closes others.
    pub fn overdue(&self, thresholds: &Thresholds, hold_ns: Option<u64>, late_ns: u64) -> u64 {
        let patience_ns = thresholds.lingering.max(late_ns);
        let hold = hold_ns
            .unwrap_or(thresholds.longest_hold)
            .saturating_add(patience_ns);
        // With a hold that is known, it may also explain what was answered: with a part of it.
        let answered = patience_ns.max(hold_ns.unwrap_or(0));
        let count = |ages: &[u64], limit| ages.iter().filter(|age| **age >= limit).count() as u64;
        count(&self.answered_ns, answered) + count(&self.unanswered_ns, hold)
    }

    /// Longest, ns.
    pub fn oldest_ns(&self) -> u64 {
        let all = self.answered_ns.iter().chain(&self.unanswered_ns);
        all.copied().max().unwrap_or(0)
    }
}

/// Connections of a peer that wait in an accept queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub now: u64,
    /// How long the oldest has waited, ns; "at least" when it was there before the tracer.
    pub oldest_ns: u64,
}

/// Everything a rule or a report says about a peer, within the time that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How much of that time the peer was there, ns.
    pub span_ns: u64,
    /// When it was there first, monotonic, ns.
    pub first_seen_ns: u64,
    /// When it last did anything, monotonic, ns.
    pub last_seen_ns: u64,
    /// Opened.
    pub opens: u64,
    /// Of these, while it held none.
    pub opens_with_none: u64,
    /// Ended.
    pub closes: u64,
    /// Requests over all its connections, or the most there can have been.
    pub requests: u64,
    /// How the number held moved.
    pub course: Course,
    /// How busy its connections were found.
    pub looks: Looks,
    /// Open now.
    pub open_now: u64,
    /// Most open at once.
    pub open_peak: u64,
    /// Opens while the expected number was held already.
    pub overlaps: u64,
    /// Failed connects.
    pub failed: u64,
    /// Open before tracing began.
    pub seeded: u64,
    /// Ended, by reason.
    pub close_reasons: Closes,
    /// Ended by the client's FIN: the remote side's when this host is the server.
    pub client_fin: u64,
    /// Aborted by the client.
    pub client_rst: u64,
    /// Ended by the server's FIN.
    pub server_fin: u64,
    /// Ended by the client before it had its answer.
    pub unanswered: u64,
    /// Whether that can be told.
    pub answers_known: bool,
    /// Lifetime of the ended.
    pub lifetime: Spread,
    /// Their sum, ns.
    pub lifetime_sum_ns: u64,
    /// The same, to tell a constant age from chance.
    pub age: Idle,
    /// Idle before the first FIN or RST.
    pub idle: Idle,
    /// Time without a connection before a reopen.
    pub gap: Spread,
    /// CLOSE_WAIT.
    pub close_wait: CloseWait,
    /// Accepted connections in CLOSE_WAIT, which most peers have none of.
    pub lingering: Option<Box<Lingering>>,
    /// In an accept queue, in whatever state.
    pub waiting: Waiting,
    /// Connections whose first request lay unread for a second or longer.
    pub late_reads: u64,
    /// The longest such wait, ns.
    pub late_read_max_ns: u64,
    /// The established ones.
    pub held: HeldNow,
    /// Established for a while without any request.
    pub without_request: u64,
    /// Request turns of the ended connections, or the most there can have been.
    pub turns: Turns,
    /// Whether turns are counted; else they are bounds.
    pub turns_counted: bool,
    /// Payload received, live connections included, bytes; `None`: this kernel does not say.
    pub bytes_received: Option<u64>,
    /// Payload sent likewise.
    pub bytes_sent: Option<u64>,
    /// Segments sent again likewise.
    pub retransmits: Option<u64>,
    /// Process of this host that has most to do with the peer.
    pub owner: Option<Arc<Process>>,
}

impl Figures {
    /// Payload that came from the client and from the server, bytes.
    pub fn bytes_by_role(&self, direction: Direction) -> (Option<u64>, Option<u64>) {
        match direction {
            Direction::Inbound => (self.bytes_received, self.bytes_sent),
            Direction::Outbound => (self.bytes_sent, self.bytes_received),
        }
    }

    /// Connections of which it is known what they carried.
    pub fn seen(&self) -> u64 {
        self.opens + self.seeded
    }
}

/// The processes of a sample whose names are known: thousands of peers have the same one.
pub(super) struct Processes(HashMap<u32, Arc<Process>>);

impl Processes {
    pub(super) fn of(sample: &Sample) -> Self {
        let pids = sample.names.keys();
        Self(
            pids.filter_map(|pid| Some((*pid, Arc::new(sample.process(*pid)?))))
                .collect(),
        )
    }

    fn get(&self, pid: u32) -> Option<Arc<Process>> {
        self.0.get(&pid).map(Arc::clone)
    }
}

/// What is the same for all peers of a sample.
pub(super) struct Of<'a> {
    pub(super) sample: &'a Sample,
    pub(super) thresholds: &'a Thresholds,
    pub(super) processes: &'a Processes,
    /// When the time that is judged begins, monotonic, ns.
    pub(super) begins_ns: u64,
}

/// One peer with what is known of its past.
pub(super) struct Known<'a> {
    pub(super) peer: &'a Peer,
    pub(super) live: &'a [&'a Connection],
    pub(super) expected: u32,
    /// As it was when the time that is judged began; `None`: that is the beginning of the run.
    pub(super) base: Option<Mark>,
    /// What its connections had done when they were first seen, when there is no base.
    pub(super) found: Live,
    pub(super) seen: Seen,
    /// The most it held before it piled up, if it did so before.
    pub(super) usual: Option<u64>,
    /// What it held at several moments since, oldest first; empty where that tells nothing.
    pub(super) levels: &'a [Level],
}

/// Puts counters and live sockets together.
pub(super) fn of(all: &Of<'_>, of: &Known<'_>) -> Figures {
    let Of {
        sample,
        thresholds,
        processes,
        begins_ns,
    } = *all;
    let (peer, live) = (of.peer, of.live);
    let (known, now_ns) = (sample.known, sample.taken.monotonic_ns);
    let since = of.base.as_ref().map(|base| peer.counters.since(&base.counters));
    let counters = since.as_ref().unwrap_or(&peer.counters);
    let mut alive = Live::default();
    live.iter().for_each(|connection| alive.add(connection));
    // What was read from the newest sockets may lag behind what their ends have counted.
    let before = of.base.as_ref().map_or(Live::default(), |base| base.live);
    let turns_before = if of.base.is_some() {
        before.turns
    } else {
        of.found.turns
    };
    let requests = (counters.turns.sum + alive.turns).saturating_sub(turns_before);
    let carried = |ended: u64, now: u64, before: u64| (ended + now).saturating_sub(before);
    let now = Level::of(now_ns, &peer.counters);
    let start = match &of.base {
        Some(base) => crate::model::window::held(&base.counters),
        None => peer.counters.seeded.min(now.held.max(1)),
    };
    let sum = |of: fn(&Connection) -> u64| live.iter().map(|connection| of(connection)).sum::<u64>();
    let closes = counters.closes;
    let (client_fin, client_rst, server_fin) = match peer.id.direction {
        Direction::Inbound => (closes.remote_fin, closes.remote_rst, closes.local_fin),
        Direction::Outbound => (closes.local_fin, closes.local_rst, closes.remote_fin),
    };
    let in_close_wait = || {
        live.iter()
            .filter(|connection| connection.state == State::CloseWait)
    };
    let left = counters.close_wait.summary();
    let waiting = || live.iter().filter(|connection| connection.never_accepted());
    Figures {
        span_ns: now_ns.saturating_sub(begins_ns.max(of.seen.first_ns)),
        first_seen_ns: of.seen.first_ns,
        last_seen_ns: of.seen.last_ns,
        opens: counters.opens(),
        opens_with_none: counters.opens_by_held.get(0).into(),
        closes: closes.total(),
        requests: requests.max(counters.turns.sum),
        course: if of.levels.is_empty() {
            Course::flat(start, now)
        } else {
            Course::of(of.levels, now, of.seen, of.usual)
        },
        looks: of
            .seen
            .looks
            .since(of.base.as_ref().map_or(Looks::default(), |base| base.looks)),
        open_now: counters.open_now,
        open_peak: counters.open_peak,
        overlaps: counters.overlaps(of.expected),
        failed: counters.failed,
        seeded: counters.seeded,
        close_reasons: closes,
        client_fin,
        client_rst,
        server_fin,
        unanswered: counters.unanswered,
        // By reads and writes, else by the times of the last segments.
        answers_known: known.turns || known.idle,
        lifetime: (&counters.lifetime).into(),
        lifetime_sum_ns: counters.lifetime.sum_ns,
        age: (&counters.lifetime).into(),
        idle: if known.idle {
            (&counters.idle).into()
        } else {
            Idle::default()
        },
        gap: (&counters.gap).into(),
        close_wait: CloseWait {
            now: counters.close_wait_now,
            oldest_ns: in_close_wait()
                .filter_map(|connection| close_wait_age(connection, now_ns))
                .max(),
            oldest_is_bound: oldest_is_bound(live, now_ns),
            never_accepted: in_close_wait()
                .filter(|connection| connection.never_accepted())
                .count() as u64,
            entered: counters.close_wait_entered,
            left: left.map_or(0, |all| all.count),
            p50_ns: left.map(|all| all.median_ns),
            longest_ns: left.map(|all| all.max_ns),
        },
        lingering: lingering(now_ns, live, thresholds, processes),
        waiting: Waiting {
            now: waiting().count() as u64,
            oldest_ns: waiting()
                .map(|connection| age(connection, now_ns))
                .max()
                .unwrap_or(0),
        },
        late_reads: counters.late_reads,
        late_read_max_ns: counters.late_read_max_ns,
        held: held::of(live, known, now_ns, thresholds),
        without_request: live
            .iter()
            .filter(|connection| {
                connection.state == State::Established
                    && connection.has_file
                    && connection.data_segs_in.min(connection.data_segs_out) == 0
                    && connection.bytes_received.max(connection.bytes_sent) < NO_REQUEST_BYTES
                    && age(connection, now_ns) >= thresholds.no_request
            })
            .count() as u64,
        turns: counters.turns.clone(),
        turns_counted: known.turns,
        bytes_received: known
            .bytes_received
            .then(|| carried(counters.bytes_received, alive.received, before.received)),
        bytes_sent: known
            .bytes_sent
            .then(|| carried(counters.bytes_sent, alive.sent, before.sent)),
        retransmits: known
            .retransmits
            .then(|| counters.retransmits + sum(|connection| u64::from(connection.retransmits))),
        owner: owner(live)
            .map(|(pid, _)| pid)
            .or(counters.owner)
            .and_then(|pid| processes.get(pid)),
    }
}

fn lingering(
    now_ns: u64,
    live: &[&Connection],
    thresholds: &Thresholds,
    processes: &Processes,
) -> Option<Box<Lingering>> {
    let accepted: Vec<&Connection> = live
        .iter()
        .copied()
        .filter(|connection| connection.state == State::CloseWait && connection.has_file)
        .collect();
    if accepted.is_empty() {
        return None;
    }
    let ages = |unanswered: bool| {
        let mut ages: Vec<u64> = accepted
            .iter()
            .filter(|connection| connection.unanswered == unanswered)
            .filter_map(|connection| close_wait_age(connection, now_ns))
            .collect();
        ages.sort_unstable();
        ages
    };
    let newest_ns = live
        .iter()
        .map(|connection| opened_ns(connection))
        .max()
        .unwrap_or(0);
    let passed_by = accepted.iter().filter(|connection| {
        let since = connection.close_wait_since_ns.unwrap_or(u64::MAX);
        since.saturating_add(thresholds.passed_by) <= newest_ns
    });
    Some(Box::new(Lingering {
        answered_ns: ages(false),
        unanswered_ns: ages(true),
        passed_by: passed_by.count() as u64,
        owner: owner(&accepted).and_then(|(pid, held)| Some((processes.get(pid)?, held))),
    }))
}

/// The process that owns the most of these connections, the lowest number of equals, and how many.
fn owner(live: &[&Connection]) -> Option<(u32, u64)> {
    let mut pids: SmallVec<[u32; 8]> = live.iter().filter_map(|connection| connection.owner).collect();
    pids.sort_unstable();
    pids.chunk_by(|a, b| a == b)
        .filter_map(|same| Some((*same.first()?, same.len() as u64)))
        .max_by_key(|(pid, n)| (*n, std::cmp::Reverse(*pid)))
}

/// When a connection opened or was found open, monotonic, ns.
fn opened_ns(connection: &Connection) -> u64 {
    match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => ns,
        Since::Unknown => 0,
    }
}

/// How long a connection has been open, ns, or known to be.
fn age(connection: &Connection, now_ns: u64) -> u64 {
    match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => now_ns.saturating_sub(ns),
        Since::Unknown => 0,
    }
}

/// How long a connection has been in CLOSE_WAIT, ns. Of one that was there before the tracer, it is at least the time
/// since anything was heard: the FIN came no later than that.
fn close_wait_age(connection: &Connection, now_ns: u64) -> Option<u64> {
    let since = now_ns.saturating_sub(connection.close_wait_since_ns?);
    Some(match connection.since {
        Since::Opened(_) => since,
        Since::Seeded(_) | Since::Unknown => since.max(connection.heard_ns),
    })
}

/// Whether the age of the oldest in CLOSE_WAIT is only "at least".
fn oldest_is_bound(live: &[&Connection], now_ns: u64) -> bool {
    let waiting = live
        .iter()
        .filter(|connection| connection.state == State::CloseWait);
    waiting
        .max_by_key(|connection| close_wait_age(connection, now_ns))
        .is_some_and(|oldest| !matches!(oldest.since, Since::Opened(_)))
}
