//! Peers that leave while they are read: the recorder gave back their slots.

use std::sync::Arc;

use super::{Rebuild, peer::Entry};
use crate::model::{accounting::Totals, peer::PeerId};

/// A sum that no number of rows brings near overflow.
const MAX_LEFT: u64 = 1 << 60;

/// The slots of the peers read. Like the recorder's they are used again, so that what is kept by slot stays
/// small.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    free: Vec<u32>,
    /// How often each was given back. Slot 0 is for peers without a slot of their own.
    generations: Vec<u32>,
}

impl Slots {
    pub(super) fn take(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        let first = self.generations.len().max(1);
        self.generations.resize(first + 1, 0);
        u32::try_from(first).unwrap_or(0)
    }

    fn give_back(&mut self, slot: u32) {
        if let Some(generation) = self.generations.get_mut(slot as usize) {
            *generation = generation.wrapping_add(1);
            self.free.push(slot);
        }
    }

    pub(super) fn generations(&self) -> Vec<u32> {
        self.generations.clone()
    }
}

impl Rebuild {
    /// Whether a peer was listed at the last interval. Without rows of peers all are.
    pub(super) fn lists(&self, entry: &Entry) -> bool {
        !self.lists_peers || entry.is_listed(self.key_frames)
    }

    /// Forgets the peers that had left by the last interval, whose connections have all been read. What they
    /// counted is kept by the peer that now stands for them, or in the sum of those that have left.
    pub(super) fn let_leave(&mut self) {
        if !self.lists_peers || !std::mem::take(&mut self.may_have_left) {
            return;
        }
        let (key_frame, interval) = (self.key_frames, self.intervals);
        let mut gone: Vec<PeerId> = Vec::new();
        for (id, entry) in &self.peers {
            if entry.has_left(key_frame, interval) {
                gone.push(*id);
            } else {
                // It is looked at again.
                self.may_have_left |= entry.gauge.is_none();
            }
        }
        gone.into_iter().for_each(|id| self.leave(id));
    }

    /// Forgets a peer.
    pub(super) fn leave(&mut self, id: PeerId) {
        let stands_for_it = self.counted_for(id);
        let Some(entry) = self.peers.remove(&id) else {
            return;
        };
        self.slots.give_back(entry.slot);
        match self.peers.get_mut(&stands_for_it) {
            Some(shared) => Arc::make_mut(shared).take_in(&entry),
            None => {
                self.left.add(&entry.counters(self.expected, false));
                let Totals {
                    seeded,
                    opened,
                    closed,
                } = &mut self.left;
                for sum in [seeded, opened, closed] {
                    *sum = (*sum).min(MAX_LEFT);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
