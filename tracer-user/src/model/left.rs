//! What the peers have counted that have left.

use std::collections::BTreeMap;

use super::{
    peer::{Counters, Direction, PeerId},
    sample::Peer,
};

/// How many services are told apart. All others are counted together.
const MAX_SERVICES: usize = 1024;

/// A service by direction and port; `None`: all that are not told apart.
type Service = Option<(Direction, u16)>;

/// Sums since tracing began, by service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left(BTreeMap<Service, Box<Counters>>);

impl Left {
    /// Takes in a peer that leaves.
    pub fn add(&mut self, peer: &Peer) {
        let PeerId { direction, port, .. } = peer.id;
        let own = Some((direction, port));
        let is_told_apart = self.0.contains_key(&own) || self.0.len() < MAX_SERVICES;
        let sums = self.0.entry(own.filter(|_| is_told_apart)).or_default();
        sums.absorb(&peer.counters);
    }

    /// The sums of each service.
    pub fn each(&self) -> impl Iterator<Item = (Service, &Counters)> {
        self.0.iter().map(|(service, sums)| (*service, &**sums))
    }
}
