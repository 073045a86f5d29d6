//! A small number for each peer, in whose place tables of all peers have it.

use hashbrown::HashMap;

use crate::model::{peer::PeerId, sample::Sample};

/// The peers are numbered anew when there are more than twice as many numbers as peers, and this many more.
const SPARE: usize = 1024;

/// The number of each peer, also of some that have left. It is not the slot: a recording's slots are not
/// those of its last sample.
#[derive(Clone, Debug, Default)]
pub struct Numbers(HashMap<PeerId, u32>);

/// How the numbers changed: the new ones, by the old ones. Peers that have left have none.
#[derive(Debug)]
pub(super) struct Renumbered(Vec<Option<u32>>);

impl Numbers {
    /// Gives a number to each new peer of a sample. Returns how the numbers changed if too many peers had
    /// left.
    pub(super) fn add(&mut self, sample: &Sample) -> Option<Renumbered> {
        let number = |numbers: &mut Self| {
            for peer in &sample.peers {
                let next = u32::try_from(numbers.0.len()).unwrap_or(u32::MAX);
                numbers.0.entry(peer.id).or_insert(next);
            }
        };
        number(self);
        if self.0.len() <= 2 * sample.peers.len() + SPARE {
            return None;
        }
        let before = std::mem::take(&mut self.0);
        number(self);
        let mut renumbered = Renumbered(vec![None; before.len()]);
        for (id, old) in before {
            if let Some(new) = renumbered.0.get_mut(old as usize) {
                *new = self.get(id);
            }
        }
        Some(renumbered)
    }

    /// A peer's number, less than [`Numbers::len`].
    pub fn get(&self, peer: PeerId) -> Option<u32> {
        self.0.get(&peer).copied()
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Renumbered {
    /// The new number; `None` if the peer has left.
    pub(super) fn get(&self, old: u32) -> Option<u32> {
        self.0.get(old as usize).copied().flatten()
    }

    /// A table by the new numbers, made of one by the old ones.
    pub(super) fn table<T: Copy + Default>(&self, old: &[T]) -> Vec<T> {
        let len = self.0.iter().flatten().max().map_or(0, |last| *last as usize + 1);
        let mut new = vec![T::default(); len];
        for (value, number) in old.iter().zip(&self.0) {
            if let Some(place) = number.and_then(|number| new.get_mut(number as usize)) {
                *place = *value;
            }
        }
        new
    }
}
