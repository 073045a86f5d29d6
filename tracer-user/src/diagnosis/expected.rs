//! How many connections one well-behaved peer holds.

use crate::model::socket::{Connection, State};

/// What the user says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Learn it from the peers themselves.
    #[default]
    Auto,
    /// This many.
    Connections(u32),
}

/// The number in use and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Connections one well-behaved peer holds.
    pub connections: u32,
    /// Peers it was learned from; `None` when it was given.
    pub learned_from: Option<usize>,
}

/// Learns the number: the first quartile of what the peers that hold any connection hold now,
/// those in CLOSE_WAIT not counted, and at least 1. Half of the peers may pile up without moving it.
pub(super) fn learn<'a>(expect: Expect, peers: impl Iterator<Item = &'a [&'a Connection]>) -> Expected {
    if let Expect::Connections(connections) = expect {
        return Expected {
            connections,
            learned_from: None,
        };
    }
    let mut held: Vec<usize> = peers
        .map(|live| {
            live.iter()
                .filter(|connection| connection.state == State::Established)
                .count()
        })
        .filter(|held| *held > 0)
        .collect();
    held.sort_unstable();
    let quartile = held.get(held.len().saturating_sub(1) / 4).copied().unwrap_or(1);
    Expected {
        connections: u32::try_from(quartile.max(1)).unwrap_or(u32::MAX),
        learned_from: Some(held.len()),
    }
}
