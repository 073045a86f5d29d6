//! How many connections one well-behaved peer holds.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::thresholds::MIN_PEERS_TO_LEARN;

/// What the user says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Learn it from the peers themselves.
    #[default]
    Auto,
    /// This many.
    Connections(u32),
}

/// A peer of which the user knows how many connections it may hold: a proxy, or a NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectPeer {
    /// Who.
    pub network: IpNet,
    /// How many.
    pub connections: u32,
}

/// How many connections a peer may hold: what is said of the smallest network it is in, else
/// what is expected of all.
pub(crate) fn of_peer(peer: IpNet, said: &[ExpectPeer], otherwise: Expected) -> Expected {
    said.iter()
        .filter(|known| known.network.contains(&peer))
        .max_by_key(|known| known.network.prefix_len())
        .map_or(otherwise, |known| Expected {
            connections: known.connections,
            learned_from: None,
        })
}

/// The number in use and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Connections one well-behaved peer holds.
    pub connections: u32,
    /// Peers it was learned from, 0 when there were too few; `None` when it was given.
    pub learned_from: Option<usize>,
}

impl Default for Expected {
    /// One connection, of which nothing is known.
    fn default() -> Self {
        Self {
            connections: 1,
            learned_from: Some(0),
        }
    }
}

impl Expected {
    /// Whether the user said so.
    pub fn is_given(&self) -> bool {
        self.learned_from.is_none()
    }
}

/// Learns the number: the first quartile of what each peer held when the window began, if enough
/// peers held anything; at least 1, and no more than a pool of usual size, since it may have
/// begun when all of them were piling up already.
///
/// What they hold later says nothing about how many would do: in the very case this is for, all
/// peers pile up evenly. And from a few peers nothing is learned, because one of them may be the
/// one that piles up.
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
