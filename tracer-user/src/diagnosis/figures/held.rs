//! The established connections of one peer beside each other: alive or silent, used or idle.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::made::{age, opened_ns};
use crate::{
    diagnosis::thresholds::Thresholds,
    model::{
        sample::Known,
        socket::{Connection, State},
    },
};

/// The established connections of one peer, as the socket list shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldNow {
    /// How many.
    pub established: u64,
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
    /// How many carry a stream: data still moves long after their only request.
    pub streams: u64,
    /// Their request turns so far, or the most there can have been.
    pub turns: u64,
}

impl HeldNow {
    /// Those that have a younger sibling: how many of them do anything, or wait for an answer.
    pub fn in_use(&self) -> u64 {
        self.alive + self.holding
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
    let count = |wanted: &dyn Fn(&Connection) -> bool| {
        established.iter().filter(|connection| wanted(connection)).count() as u64
    };
    let mut held = HeldNow {
        established: established.len() as u64,
        reused: count(&|connection| u64::from(connection.turns) >= thresholds.min_turns),
        streams: count(&|connection| is_stream(connection, now_ns)),
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

/// A stream has soon moved this many segments with data; a request and a short answer are two.
const STREAM_SEGMENTS: u64 = 4;

/// Data has moved in the later half of its life, though not for a second request.
fn is_stream(connection: &Connection, now_ns: u64) -> bool {
    connection.turns <= 1
        && !connection.holding
        && u64::from(connection.data_segs_in) + u64::from(connection.data_segs_out) >= STREAM_SEGMENTS
        && connection.idle_ns < age(connection, now_ns) / 2
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{peer::Direction, socket::Since},
        units::S,
    };

    #[test]
    fn a_stream_moves_data_after_its_only_request() {
        let with = |data_segs: u32, idle_ns: u64| Connection {
            since: Since::Opened(10 * S),
            data_segs_in: data_segs,
            data_segs_out: data_segs,
            idle_ns,
            ..Connection::unknown(1, Direction::Inbound)
        };
        assert!(is_stream(&with(2, 3 * S), 20 * S));
        // As many as the kernel can count.
        assert!(is_stream(&with(u32::MAX, 3 * S), 20 * S));
        assert!(!is_stream(&with(1, 3 * S), 20 * S), "a request and its answer");
        assert!(!is_stream(&with(2, 6 * S), 20 * S), "it has been quiet for long");
    }
}
