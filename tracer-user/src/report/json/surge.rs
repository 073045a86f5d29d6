//! The movement of the number of open connections.

use serde::Serialize;

use crate::{
    diagnosis::Movement,
    model::{
        history::{self, Shape},
        interface::Interface,
    },
    report::timestamp,
};

#[derive(Default, Serialize)]
pub(super) struct Surge {
    detected: bool,
    number: Option<u32>,
    from: u64,
    to: u64,
    started: Option<String>,
    ended: Option<String>,
    shape: Option<Shape>,
    peers_grown: Option<u64>,
    peers: Option<u64>,
    behind: Vec<Behind>,
}

#[derive(Serialize)]
struct Behind {
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<Interface>,
    from: u64,
    to: u64,
}

/// The surge or, without one, the number open at the start and at the end.
pub(super) fn of(movement: &Movement) -> Surge {
    match &movement.surge {
        Some(surge) => one(surge),
        None => Surge {
            from: movement.from,
            to: movement.to,
            ..Surge::default()
        },
    }
}

/// One surge.
pub(super) fn one(surge: &history::Surge) -> Surge {
    Surge {
        detected: true,
        number: Some(surge.number),
        from: surge.from,
        to: surge.to,
        started: Some(timestamp(surge.started)),
        ended: surge.ended.map(timestamp),
        shape: Some(surge.shape),
        peers_grown: Some(surge.grown),
        peers: Some(surge.peers),
        behind: surge
            .behind
            .iter()
            .map(|behind| Behind {
                peer: behind.peer.address(),
                interface: behind.peer.interface,
                from: behind.from,
                to: behind.to,
            })
            .collect(),
    }
}
