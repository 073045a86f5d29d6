//! The established connections of one peer beside each other: alive or silent, used or idle.

use smallvec::SmallVec;

use super::{age, opened_ns};
use crate::{
    diagnosis::thresholds::{HABIT, STILL_GROWING, Thresholds, share},
    model::{
        sample::Known,
        socket::{Connection, State},
    },
};

/// The established connections of one peer, as the socket list shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldNow {
    /// How many.
    pub established: u64,
    /// How many opened well after the oldest: not a pool that was filled in one go.
    pub late: u64,
    /// How many opened in the second half of the time since the oldest.
    pub recent: u64,
    /// Of those that have a younger sibling: how many were heard of after that one had opened.
    pub alive: u64,
    /// Of those that have a younger sibling: how many were not, but wait for an answer that the
    /// server owes them. A poll that is held is as silent as a path that has died.
    pub holding: u64,
    /// Of those that have a younger sibling, closed by this host or not: how many have something
    /// sent in vain and were not heard of since that one opened.
    pub dead: u64,
    /// Of those that have a younger sibling: the others, of which nothing shows either.
    pub silent: u64,
    /// How long the one has been silent that is known to be dead for longest, ns.
    pub dead_longest_ns: u64,
    /// How many have carried several requests.
    pub reused: u64,
    /// Their request turns so far, or the most there can have been.
    pub turns: u64,
}

impl HeldNow {
    /// More connections at once than a well-behaved peer needs: beyond the expected number, and
    /// not a pool of usual size that was filled in one go.
    pub fn is_pile(&self, expected: u32, thresholds: &Thresholds) -> bool {
        let expected = u64::from(expected);
        self.established >= expected + thresholds.min_pile
            && (self.late >= thresholds.min_pile || self.established > expected.max(thresholds.max_pool))
    }

    /// Many connections each of which is reused, and no longer more and more: so many independent
    /// clients behind one address, or one with a large pool.
    pub fn looks_shared(&self, expected: u32) -> bool {
        self.established > u64::from(expected)
            && share(self.reused, self.established) >= HABIT
            && share(self.recent, self.established) <= STILL_GROWING
    }

    /// Those that have a younger sibling.
    pub fn older(&self) -> u64 {
        self.alive + self.holding + self.dead + self.silent
    }
}

/// Sets each connection beside the next younger one.
pub(super) fn of(live: &[&Connection], known: Known, now_ns: u64, thresholds: &Thresholds) -> HeldNow {
    if live.is_empty() {
        return HeldNow::default();
    }
    let mut established: SmallVec<[&Connection; 8]> = live
        .iter()
        .copied()
        .filter(|connection| connection.state == State::Established)
        .collect();
    established.sort_unstable_by_key(|connection| (opened_ns(connection), connection.remote));
    let oldest = established
        .first()
        .map_or(now_ns, |connection| opened_ns(connection));
    let half = oldest + (now_ns.saturating_sub(oldest)) / 2;
    let count = |wanted: &dyn Fn(&Connection) -> bool| {
        established.iter().filter(|connection| wanted(connection)).count() as u64
    };
    let mut held = HeldNow {
        established: established.len() as u64,
        late: count(&|connection| opened_ns(connection).saturating_sub(oldest) > thresholds.pool_fills),
        recent: count(&|connection| opened_ns(connection) > half),
        reused: count(&|connection| u64::from(connection.turns) >= thresholds.min_turns),
        turns: established
            .iter()
            .map(|connection| u64::from(connection.turns))
            .sum(),
        ..HeldNow::default()
    };
    for (connection, next) in established.iter().zip(established.iter().skip(1)) {
        let silence = silence_ns(connection, known);
        if is_dead(connection, known, thresholds.silent) && silence >= age(next, now_ns) {
            held.dead += 1;
            held.dead_longest_ns = held.dead_longest_ns.max(silence);
        } else if silence < age(next, now_ns) {
            held.alive += 1;
        } else if connection.holding {
            held.holding += 1;
        } else {
            held.silent += 1;
        }
    }
    // Those this host has closed meanwhile, with a FIN that nobody acknowledges.
    if let Some(youngest) = established.last() {
        for connection in live.iter().filter(|one| one.state != State::Established) {
            let silence = silence_ns(connection, known);
            if is_dead(connection, known, thresholds.silent) && silence >= age(youngest, now_ns) {
                held.dead += 1;
                held.dead_longest_ns = held.dead_longest_ns.max(silence);
            }
        }
    }
    held
}

/// Something is being sent in vain, and has been for longer than a lost segment explains.
fn is_dead(connection: &Connection, known: Known, silent_ns: u64) -> bool {
    let in_vain = connection.retries > 0 || connection.probes > 0;
    known.heard && in_vain && connection.heard_ns >= silent_ns
}

/// Time since anything was heard on the connection, ns; without that, since data moved.
fn silence_ns(connection: &Connection, known: Known) -> u64 {
    if known.heard {
        connection.heard_ns
    } else {
        connection.idle_ns
    }
}
