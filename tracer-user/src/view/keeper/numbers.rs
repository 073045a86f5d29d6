//! A small number for each peer, in whose place tables of all peers have it.

use hashbrown::HashMap;

use crate::model::{peer::PeerId, sample::Sample};

/// The number of each peer that was ever seen. It is not the slot: a recording's slots are not those of its last
/// sample.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<PeerId, u32>);

impl Numbers {
    /// Gives a number to each new peer of a sample.
    pub(super) fn add(&mut self, sample: &Sample) {
        for peer in &sample.peers {
            let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
            self.0.entry(peer.id).or_insert(next);
        }
    }

    /// A peer's number, less than [`Numbers::len`].
    pub fn get(&self, peer: PeerId) -> Option<u32> {
        self.0.get(&peer).copied()
    }

    /// How many peers have one.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
