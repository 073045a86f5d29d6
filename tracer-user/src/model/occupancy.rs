//! How long connections were held and how long of that they had a request in hand, all of a peer's together.
//!
//! The kernel knows it of what has ended; what goes on is added from the list of sockets. So both numbers
//! only grow, and over any window their difference is an integral: divided by the window's length, the mean
//! number of connections held, and of those that were busy.

use hashbrown::HashMap;

use super::{
    sample::{Moment, Peer},
    socket::{Connection, State},
    window::{Mark, held},
};

const NS_PER_MS: u64 = 1_000_000;

/// What goes on at one moment, over the connections of a peer.
#[derive(Clone, Copy, Default)]
struct Going {
    connections: u64,
    held_ns: u64,
    busy_ns: u64,
}

impl Going {
    fn add(&mut self, connection: &Connection, now: Moment) {
        let Some((age_ns, _)) = connection.age_ns(now) else {
            return;
        };
        self.connections += 1;
        self.held_ns += age_ns.saturating_sub(connection.close_wait_ns(now).unwrap_or(0));
        if connection.holding && connection.state == State::Established {
            // Nothing has moved since the request came.
            self.busy_ns += connection.idle_ns.min(age_ns);
        }
    }
}

/// Adds what goes on to what has ended.
pub fn add_what_goes_on(peers: &mut [Peer], connections: &[Connection], now: Moment) {
    let mut of_slots: HashMap<u32, Going> = HashMap::new();
    for connection in connections {
        if let Some(slot) = connection.slot {
            of_slots.entry(slot).or_default().add(connection, now);
        }
    }
    for Peer { slot, counters, .. } in peers {
        counters.reckoned_ms = now.monotonic_ns / NS_PER_MS;
        let Some(going) = of_slots.get(slot).filter(|going| going.connections > 0) else {
            continue;
        };
        // Some may have ended or begun between the two readings; they are taken to be like the others.
        let all_ns =
            u128::from(going.held_ns) * u128::from(counters.open_now) / u128::from(going.connections);
        let all_ns = u64::try_from(all_ns).unwrap_or(u64::MAX);
        counters.held_ms = counters.held_ms.saturating_add(all_ns / NS_PER_MS);
        counters.busy_ms = counters.busy_ms.saturating_add(going.busy_ns / NS_PER_MS);
    }
}

/// What was held and busy since a mark by which nothing has changed until `begins_ns`, when the window
/// begins. A mark is only made anew when something has, and what is held goes on until then.
pub fn before_the_window(mark: &Mark, begins_ns: u64) -> (u64, u64) {
    let ms = (begins_ns / NS_PER_MS).saturating_sub(mark.counters.reckoned_ms);
    (
        ms.saturating_mul(held(&mark.counters)),
        ms.saturating_mul(mark.live.busy),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        peer::{Counters, Direction, PeerId},
        socket::Since,
        window::Live,
    };

    const S: u64 = 1_000_000_000;

    fn connection(opened_s: u64) -> Connection {
        Connection {
            slot: Some(3),
            since: Since::Opened(opened_s * S),
            turns: 1,
            ..Connection::unknown(1, Direction::Inbound)
        }
    }

    fn reckoned(open_now: u64, connections: &[Connection]) -> Counters {
        let mut peers = [Peer {
            id: PeerId {
                netns: 1,
                direction: Direction::Inbound,
                port: 80,
                network: "192.0.2.7/32".parse().unwrap(),
                interface: None,
                process: None,
                program: None,
            },
            slot: 3,
            counters: Counters {
                open_now,
                held_ms: 500,
                busy_ms: 100,
                ..Counters::default()
            },
        }];
        let now = Moment {
            monotonic_ns: 100 * S,
            utc_ns: 0,
        };
        add_what_goes_on(&mut peers, connections, now);
        peers[0].counters.clone()
    }

    #[test]
    fn what_goes_on_counts_with_its_age_and_without_its_close_wait() {
        let holding = Connection {
            holding: true,
            idle_ns: 4 * S,
            ..connection(90)
        };
        let waiting = Connection {
            state: State::CloseWait,
            close_wait_since_ns: Some(97 * S),
            holding: true,
            idle_ns: 4 * S,
            ..connection(80)
        };
        let elsewhere = Connection {
            slot: Some(4),
            ..connection(1)
        };
        let counters = reckoned(2, &[holding, waiting, elsewhere]);
        assert_eq!(
            (counters.held_ms, counters.busy_ms),
            (500 + 10_000 + 17_000, 4_100)
        );
        assert_eq!(counters.reckoned_ms, 100_000);
    }

    #[test]
    fn a_connection_that_is_not_listed_yet_is_like_the_others() {
        assert_eq!(
            reckoned(3, &[connection(90), connection(94)]).held_ms,
            500 + 24_000
        );
        assert_eq!(reckoned(1, &[]).held_ms, 500);
    }

    #[test]
    fn what_is_held_goes_on_after_a_mark() {
        let mark = Mark {
            counters: Counters {
                open_now: 5,
                close_wait_now: 2,
                reckoned_ms: 40_000,
                ..Counters::default()
            },
            live: Live {
                busy: 1,
                ..Live::default()
            },
            ..Mark::default()
        };
        assert_eq!(before_the_window(&mark, 50 * S), (30_000, 10_000));
    }
}
