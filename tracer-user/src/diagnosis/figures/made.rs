//! Figures made of counters and live sockets.

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;
use tracer_ebpf::buckets::held_floor;

use super::{
    CloseWait, Course, Figures, Idle, Occupancy, Pace, Sparse, Spread, Waiting, clocks, held, lingering,
};
use crate::{
    diagnosis::thresholds::{EXCEPTION, NO_REQUEST_BYTES, Thresholds, share},
    model::{
        occupancy::before_the_window,
        owner::Process,
        peer::{Counters, Direction},
        protocol::Protocol,
        sample::{Peer, Sample},
        socket::{Connection, Since, State},
        window::{Level, Live, Looks, Mark, Seen},
    },
    units::MS,
};

/// The processes of a sample whose names are known: thousands of peers have the same one.
#[derive(Default)]
pub(in crate::diagnosis) struct Processes(HashMap<u32, Arc<Process>>);

impl Processes {
    pub(in crate::diagnosis) fn of(sample: &Sample) -> Self {
        let pids = sample.names.keys();
        Self(
            pids.filter_map(|pid| Some((*pid, Arc::new(sample.process(*pid)?))))
                .collect(),
        )
    }

    pub(super) fn get(&self, pid: u32) -> Option<Arc<Process>> {
        self.0.get(&pid).map(Arc::clone)
    }
}

/// What is the same for all peers of a sample.
pub(in crate::diagnosis) struct Of<'a> {
    pub(in crate::diagnosis) sample: &'a Sample,
    pub(in crate::diagnosis) thresholds: &'a Thresholds,
    pub(in crate::diagnosis) processes: &'a Processes,
    /// When the time that is judged begins, monotonic, ns.
    pub(in crate::diagnosis) begins_ns: u64,
}

/// One peer with what is known of its past.
pub(in crate::diagnosis) struct Known<'a> {
    pub(in crate::diagnosis) peer: &'a Peer,
    pub(in crate::diagnosis) live: &'a [&'a Connection],
    pub(in crate::diagnosis) expected: u32,
    /// As it was when the time that is judged began; `None`: that is the beginning of the run.
    pub(in crate::diagnosis) base: Option<Mark>,
    /// What its connections had done when they were first seen, when there is no base.
    pub(in crate::diagnosis) found: Live,
    pub(in crate::diagnosis) seen: Seen,
    /// The most it held before it piled up, if it did so before.
    pub(in crate::diagnosis) usual: Option<u64>,
    /// What it held at several moments since, oldest first; empty where that tells nothing.
    pub(in crate::diagnosis) levels: &'a [Level],
}

/// Puts counters and live sockets together.
pub(in crate::diagnosis) fn of(all: &Of<'_>, of: &Known<'_>) -> Figures {
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
    // What was found open is counted over its whole life when it ends.
    let turns_before = match of.base {
        Some(_) => before.turns,
        None if counters.seeded > 0 => of.found.turns,
        None => 0,
    };
    let turns_now = counters.turns.sum + counters.seeded_turns + alive.turns;
    let requests = turns_now.saturating_sub(turns_before);
    let carried = |ended: u64, now: u64, before: u64| (ended + now).saturating_sub(before);
    let now = Level::of(now_ns, &peer.counters);
    let start = match &of.base {
        Some(base) => crate::model::window::held(&base.counters),
        None => peer.counters.seeded.min(now.held.max(1)),
    };
    let course = if of.levels.is_empty() {
        Course::flat(start, now)
    } else {
        Course::of(of.levels, now, of.seen, of.usual)
    };
    let sum = |of: fn(&Connection) -> u64| live.iter().map(|connection| of(connection)).sum::<u64>();
    let closes = counters.closes;
    let ends = Ends::of(counters, peer.id.direction);
    let in_close_wait = || {
        live.iter()
            .filter(|connection| connection.state == State::CloseWait)
    };
    let left = counters.close_wait.summary();
    // From the times at which data was last sent and received, at reads.
    let pace = |durations| match known.turns && known.idle {
        true => Pace::from(durations).into(),
        false => Sparse::default(),
    };
    let waiting = || live.iter().filter(|connection| connection.never_accepted());
    Figures {
        span_ns: now_ns.saturating_sub(begins_ns.max(of.seen.first_ns)),
        first_seen_ns: of.seen.first_ns,
        last_seen_ns: of.seen.last_ns,
        opens: counters.opens(),
        opens_with_none: counters.opens_by_held.get(0).into(),
        closes: closes.total(),
        requests: requests.max(counters.turns.sum),
        first_overlap_ns: live
            .iter()
            .filter(|connection| connection.held.is_some_and(|held| held >= of.expected))
            .filter_map(|connection| match connection.since {
                Since::Opened(ns) => Some(ns),
                Since::Seeded(_) | Since::Unknown => None,
            })
            .min(),
        course,
        looks: of
            .seen
            .looks
            .since(of.base.as_ref().map_or(Looks::default(), |base| base.looks))
            .into(),
        occupancy: occupancy(all, of, counters, requests, course),
        open_now: counters.open_now,
        open_peak: counters.open_peak,
        overlaps: counters.overlaps(of.expected),
        opens_beyond: opens_beyond(counters, &course),
        failed: counters.failed,
        seeded: counters.seeded,
        close_reasons: closes,
        client_fin: ends.client_fin,
        client_rst: ends.client_rst,
        server_fin: ends.server_fin,
        server_rst: ends.server_rst,
        counted: counters.into(),
        known,
        lifetime_sum_ns: counters.lifetime.sum_ns,
        age: Idle::from(&counters.lifetime).into(),
        idle: match known.idle {
            true => Idle::from(&counters.idle).into(),
            false => Sparse::default(),
        },
        gap: Spread::from(&counters.gap).into(),
        hold: pace(&counters.hold),
        pause: pace(&counters.pause),
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
        }
        .into(),
        lingering: lingering::of(now_ns, live, thresholds, processes),
        waiting: Waiting {
            now: waiting().count() as u64,
            oldest_ns: waiting()
                .map(|connection| age(connection, now_ns))
                .max()
                .unwrap_or(0),
        },
        late_read_max_ns: counters.late_read_max_ns,
        held: held::of(live, known, now_ns, thresholds),
        one_host: clocks::are_one(live),
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
        requests_told: known.requests
            && counters.requests_bounded == 0
            && peer.counters.protocol != 0
            // Of those found open, only what was before is not told.
            && live
                .iter()
                .all(|connection| connection.requests_exact || !matches!(connection.since, Since::Opened(_))),
        protocol: Protocol::of(peer.counters.protocol).filter(|_| known.requests),
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

/// How many connections each side has ended: by its FIN or RST, or by a goodbye that the other side answered
/// with one.
struct Ends {
    client_fin: u64,
    client_rst: u64,
    server_fin: u64,
    server_rst: u64,
}

impl Ends {
    fn of(counters: &Counters, direction: Direction) -> Self {
        let closes = &counters.closes;
        let local = (closes.local_fin, closes.local_rst, counters.left_by_local);
        let remote = (closes.remote_fin, closes.remote_rst, counters.left_by_remote);
        let ((client_fin, client_rst, client_left), (server_fin, server_rst, server_left)) = match direction {
            Direction::Inbound => (remote, local),
            Direction::Outbound => (local, remote),
        };
        let less = |fin: u64, rst: u64, left: u64| {
            let fins = left.min(fin);
            (fin - fins, rst.saturating_sub(left - fins))
        };
        let (by_client, client_rst) = less(client_fin, client_rst, server_left);
        let (by_server, server_rst) = less(server_fin, server_rst, client_left);
        Self {
            client_fin: by_client + client_left,
            client_rst,
            server_fin: by_server + server_left,
            server_rst,
        }
    }
}

/// What was held over the time that is judged. `counters`: what happened within it.
fn occupancy(all: &Of<'_>, of: &Known<'_>, counters: &Counters, requests: u64, course: Course) -> Occupancy {
    let known = all.sample.known;
    let start = match &of.base {
        Some(base) => crate::model::window::held(&base.counters),
        None => counters.seeded,
    };
    let before = of.base.as_ref().map_or(0, |base| base.counters.close_wait_now);
    let all_counted = counters.close_wait_entered + counters.close_wait_now + before == 0;
    let most = counters.opens_by_held.used().filter(|(_, n)| *n > 0).last();
    let most = most.map_or(0, |(bucket, _)| u64::from(held_floor(bucket)) + 1);
    let waiting = of.live.iter().filter(|connection| connection.holding).count() as u64;
    let (held_before, busy_before) = of
        .base
        .as_ref()
        .map_or((0, 0), |base| before_the_window(base, all.begins_ns));
    // What the client gave up was held too, and is among the busy time.
    let holds = counters.hold.count() + counters.unanswered + waiting;
    let window_ns = all.sample.taken.monotonic_ns.saturating_sub(all.begins_ns);
    let held_ms = counters.held_ms.saturating_sub(held_before);
    let seen = course.peak.max(start);
    Occupancy {
        window_ns,
        start,
        peak: if all_counted {
            seen.max(counters.open_peak).max(most)
        } else {
            // No less than the mean.
            seen.max(held_ms.saturating_mul(MS).div_ceil(window_ns.max(1)))
        },
        held_ms: known.held.then_some(held_ms),
        busy_ms: (known.held && known.turns && known.idle && share(holds, requests) >= 1.0 - EXCEPTION)
            .then(|| counters.busy_ms.saturating_sub(busy_before)),
    }
}

/// The process that owns the most of these connections, the lowest number of equals, and how many.
pub(super) fn owner(live: &[&Connection]) -> Option<(u32, u64)> {
    let mut pids: SmallVec<[u32; 8]> = live.iter().filter_map(|connection| connection.owner).collect();
    pids.sort_unstable();
    pids.chunk_by(|a, b| a == b)
        .filter_map(|same| Some((*same.first()?, same.len() as u64)))
        .max_by_key(|(pid, n)| (*n, std::cmp::Reverse(*pid)))
}

/// Opens while more was held than the least of `course`.
pub(in crate::diagnosis) fn opens_beyond(counters: &Counters, course: &Course) -> u64 {
    counters.overlaps(u32::try_from(course.low).unwrap_or(u32::MAX).saturating_add(1))
}

/// When a connection opened or was found open, monotonic, ns.
pub(super) fn opened_ns(connection: &Connection) -> u64 {
    match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => ns,
        Since::Unknown => 0,
    }
}

/// How long a connection has been open, ns, or known to be.
pub(super) fn age(connection: &Connection, now_ns: u64) -> u64 {
    match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => now_ns.saturating_sub(ns),
        Since::Unknown => 0,
    }
}

/// How long a connection has been in CLOSE_WAIT, ns. Of one that was there before the tracer, it is at least
/// the time since anything was heard: the FIN came no later than that.
pub(super) fn close_wait_age(connection: &Connection, now_ns: u64) -> Option<u64> {
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
