//! A peer's figures: its counters and its live sockets, put together for rules and reports.

use super::thresholds::{MAX_POOL, MIN_PILE, POOL_FILLS_NS};
use crate::model::{
    durations::Durations,
    peer::{Closes, Counters},
    sample::Known,
    socket::{Connection, Since, State},
    turns::Turns,
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
        Self {
            p50_ns: durations.median_ns(),
            max_ns: durations.max_ns(),
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
    /// Of these, not accepted by any process.
    pub never_accepted: u64,
    /// Entered it while traced.
    pub entered: u64,
    /// Left it again while traced.
    pub left: u64,
    /// Longest of those that left it, ns.
    pub longest_ns: Option<u64>,
}

/// The established connections of one peer, as the socket list shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldNow {
    /// How many.
    pub established: u64,
    /// How many opened well after the oldest: not a pool that was filled in one go.
    pub late: u64,
    /// Of those that have a younger sibling: how many carried data after that one had opened.
    pub alive_after_next: u64,
    /// Of those that have a younger sibling: how many did not.
    pub silent_after_next: u64,
    /// Their request turns so far, or the most there can have been.
    pub turns: u64,
}

impl HeldNow {
    /// More connections at once than a well-behaved peer needs: beyond the expected number, and
    /// not a pool of usual size that was filled in one go.
    pub fn is_pile(&self, expected: u32) -> bool {
        let expected = u64::from(expected);
        self.established >= expected + MIN_PILE
            && (self.late >= MIN_PILE || self.established > expected.max(MAX_POOL))
    }
}

/// Everything a rule or a report says about a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Opened while traced.
    pub opens: u64,
    /// Ended while traced.
    pub closes: u64,
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
    /// Lifetime of the ended.
    pub lifetime: Spread,
    /// Idle before the first FIN or RST.
    pub idle: Spread,
    /// Time without a connection before a reopen.
    pub gap: Spread,
    /// CLOSE_WAIT.
    pub close_wait: CloseWait,
    /// Ages of the accepted connections in CLOSE_WAIT, ns, oldest first.
    pub close_wait_ages_ns: Vec<u64>,
    /// In an accept queue, in whatever state.
    pub never_accepted: u64,
    /// The established ones.
    pub held: HeldNow,
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
}

/// Puts counters and live sockets together.
pub(super) fn of(
    counters: &Counters,
    live: &[&Connection],
    known: Known,
    expected: u32,
    now_ns: u64,
) -> Figures {
    let sum = |of: fn(&Connection) -> u64| live.iter().map(|connection| of(connection)).sum::<u64>();
    let in_close_wait = || {
        live.iter()
            .filter(|connection| connection.state == State::CloseWait)
    };
    let age = |connection: &Connection| {
        connection
            .close_wait_since_ns
            .map(|since| now_ns.saturating_sub(since))
    };
    let mut close_wait_ages_ns: Vec<u64> = in_close_wait()
        .filter(|connection| connection.has_file)
        .filter_map(|connection| age(connection))
        .collect();
    close_wait_ages_ns.sort_unstable_by(|a, b| b.cmp(a));
    Figures {
        opens: counters.opens(),
        closes: counters.closes.total(),
        open_now: counters.open_now,
        open_peak: counters.open_peak,
        overlaps: counters.overlaps(expected),
        failed: counters.failed,
        seeded: counters.seeded,
        close_reasons: counters.closes,
        lifetime: (&counters.lifetime).into(),
        idle: if known.idle {
            (&counters.idle).into()
        } else {
            Spread::default()
        },
        gap: (&counters.gap).into(),
        close_wait: CloseWait {
            now: counters.close_wait_now,
            oldest_ns: in_close_wait().filter_map(|connection| age(connection)).max(),
            never_accepted: in_close_wait()
                .filter(|connection| connection.never_accepted())
                .count() as u64,
            entered: counters.close_wait_entered,
            left: counters.close_wait.count(),
            longest_ns: counters.close_wait.max_ns(),
        },
        close_wait_ages_ns,
        never_accepted: live
            .iter()
            .filter(|connection| connection.never_accepted())
            .count() as u64,
        held: held(live, now_ns),
        turns: counters.turns.clone(),
        turns_counted: known.turns,
        bytes_received: known
            .bytes_received
            .then(|| counters.bytes_received + sum(|connection| connection.bytes_received)),
        bytes_sent: known
            .bytes_sent
            .then(|| counters.bytes_sent + sum(|connection| connection.bytes_sent)),
        retransmits: known
            .retransmits
            .then(|| counters.retransmits + sum(|connection| u64::from(connection.retransmits))),
    }
}

/// A connection is alive beside a younger one when data moved on it after that one had opened.
fn held(live: &[&Connection], now_ns: u64) -> HeldNow {
    let opened = |connection: &Connection| match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => ns,
        Since::Unknown => 0,
    };
    let mut established: Vec<&&Connection> = live
        .iter()
        .filter(|connection| connection.state == State::Established)
        .collect();
    established.sort_unstable_by_key(|connection| (opened(connection), connection.remote));
    let mut held = HeldNow {
        established: established.len() as u64,
        ..HeldNow::default()
    };
    let oldest = established.first().map_or(0, |connection| opened(connection));
    held.late = established
        .iter()
        .filter(|connection| opened(connection).saturating_sub(oldest) > POOL_FILLS_NS)
        .count() as u64;
    for (connection, next) in established.iter().zip(established.iter().skip(1)) {
        if now_ns.saturating_sub(connection.idle_ns) > opened(next) {
            held.alive_after_next += 1;
        } else {
            held.silent_after_next += 1;
        }
    }
    held.turns = established
        .iter()
        .map(|connection| u64::from(connection.turns))
        .sum();
    held
}
