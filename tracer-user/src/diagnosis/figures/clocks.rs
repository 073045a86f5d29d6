//! Whether a peer is a single host, by the clocks of its TCP timestamps.
//!
//! The timestamps of a host may run on one clock for all its connections to an address (older Linux, and any
//! with `net.ipv4.tcp_timestamps=2`), and hosts that were started apart have different ones. Newer systems
//! give each connection a clock of its own, so different clocks prove nothing.

use crate::{diagnosis::thresholds::MIN_ALIKE, model::socket::Connection};

/// Clocks are the same if they differ by no more, ms: each is known within a second, and may run some parts
/// in 100,000 too fast or too slow. Two that have nothing to do with each other differ by less once in a
/// million times.
const SAME_MS: u32 = 2_000;

/// Whether all these connections are of one host: there are several, and their clocks are the same.
pub(super) fn are_one(live: &[&Connection]) -> bool {
    let mut clocks = live.iter().map(|connection| connection.clock_ms);
    let Some(first) = clocks.next().flatten() else {
        return false;
    };
    let is_same = |clock: u32| clock.wrapping_sub(first).wrapping_add(SAME_MS) <= 2 * SAME_MS;
    live.len() as u64 >= MIN_ALIKE && clocks.all(|clock| clock.is_some_and(is_same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::peer::Direction;

    fn are_one(clocks: &[Option<u32>]) -> bool {
        let connections: Vec<Connection> = clocks
            .iter()
            .map(|clock| Connection {
                clock_ms: *clock,
                ..Connection::unknown(1, Direction::Inbound)
            })
            .collect();
        super::are_one(&connections.iter().collect::<Vec<_>>())
    }

    #[test]
    fn several_connections_on_one_clock_are_of_one_host() {
        assert!(are_one(&[Some(90_000), Some(88_000), Some(92_000), Some(90_999)]));
        assert!(
            are_one(&[Some(u32::MAX - 500), Some(700), Some(u32::MAX)]),
            "it wraps"
        );
        assert!(
            !are_one(&[]) && !are_one(&[Some(90_000), Some(90_000)]),
            "too few"
        );
        assert!(!are_one(&[Some(90_000), Some(90_000), Some(92_001)]));
        assert!(!are_one(&[Some(90_000), Some(90_000), None]));
        assert!(!are_one(&[None, None, None]));
    }
}
