//! The number of connections a well-behaved peer holds.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::thresholds::MIN_PEERS_TO_LEARN;

/// What the user states about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Learn the number from the peers themselves.
    #[default]
    Auto,
    /// Use this number.
    Connections(u32),
}

/// A peer that may hold a number of connections known to the user, such as a proxy or a NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectPeer {
    /// The peer's network.
    pub network: IpNet,
    /// How many connections it may hold.
    pub connections: u32,
}

/// How many connections a peer may hold: as stated for the smallest network that contains it, otherwise
/// `otherwise`.
pub(crate) fn of_peer(peer: IpNet, said: &[ExpectPeer], otherwise: Expected) -> Expected {
    said.iter()
        .filter(|known| known.network.contains(&peer))
        .max_by_key(|known| known.network.prefix_len())
        .map_or(otherwise, |known| Expected {
            connections: known.connections,
            learned_from: None,
        })
}

/// The number in use, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Connections a well-behaved peer holds.
    pub connections: u32,
    /// Number of peers it was learned from, 0 if there were too few; `None` if the user stated it.
    pub learned_from: Option<usize>,
}

impl Default for Expected {
    /// One connection, learned from nobody.
    fn default() -> Self {
        Self {
            connections: 1,
            learned_from: Some(0),
        }
    }
}

impl Expected {
    /// Whether the user stated it.
    pub fn is_given(&self) -> bool {
        self.learned_from.is_none()
    }
}

/// Learns the number as the first quartile of what each peer held when the window began, if enough peers held
/// anything. It is at least 1 and at most `max_pool`, since all peers may already have been piling up by
/// then.
///
/// Later counts are no guide to how many suffice: in the very case this tool is for, all peers pile up
/// evenly. A few peers teach nothing, because one of them may be the one that piles up.
pub(super) fn learn(expect: Expect, seeded: impl Iterator<Item = u64>, max_pool: u64) -> Expected {
    if let Expect::Connections(connections) = expect {
        return Expected {
            connections,
            learned_from: None,
        };
    }
    let mut held: Vec<u64> = seeded.filter(|held| *held > 0).collect();
    if held.len() < MIN_PEERS_TO_LEARN {
        return Expected::default();
    }
    held.sort_unstable();
    let quartile = held.get((held.len() - 1) / 4).copied().unwrap_or(1);
    Expected {
        connections: u32::try_from(quartile.clamp(1, max_pool.max(1))).unwrap_or(u32::MAX),
        learned_from: Some(held.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(held: &[u64]) -> u32 {
        learn(Expect::Auto, held.iter().copied(), 8).connections
    }

    #[test]
    fn what_is_given_is_taken() {
        let given = learn(Expect::Connections(7), [1, 1, 1, 1, 1].into_iter(), 8);
        assert_eq!(
            given,
            Expected {
                connections: 7,
                learned_from: None
            }
        );
    }

    #[test]
    fn the_smallest_network_decides() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let said = [("10.0.0.0/8", 20), ("10.1.0.0/16", 300)].map(|(text, connections)| ExpectPeer {
            network: net(text),
            connections,
        });
        let expected = |peer| of_peer(net(peer), &said, Expected::default());
        assert_eq!(expected("10.1.2.3/32").connections, 300);
        assert_eq!(expected("10.2.2.3/32").connections, 20);
        assert!(expected("10.2.2.3/32").is_given());
        assert_eq!(expected("192.0.2.1/32"), Expected::default());
    }

    #[test]
    fn a_few_peers_teach_nothing() {
        assert_eq!(learned(&[]), 1);
        assert_eq!(learned(&[75, 75, 75]), 1);
        assert_eq!(learned(&[75, 75, 75, 0, 0, 0]), 1);
    }

    #[test]
    fn a_surge_that_has_begun_already_teaches_no_more_than_a_pool() {
        assert_eq!(learned(&[75; 200]), 8);
    }

    #[test]
    fn bad_peers_do_not_move_it_even_when_there_are_more_of_them() {
        assert_eq!(learned(&[6, 6, 6, 6, 500, 500, 500, 500, 500]), 6);
        assert_eq!(learned(&[6, 6, 6, 6, 6, 6, 6, 6, 500]), 6);
    }
}
