//! The peer table, read through a shared mapping: no system call per peer, and no copy of the
//! table in the kernel.

use std::{mem::offset_of, os::fd::AsFd};

use rustix::mm::ProtFlags;
use tracer_ebpf::{
    abi::peer::{PeerKey, PeerStats, reason},
    buckets::HELD_BUCKETS,
};

use super::{
    TraceError,
    decode::{DecodeError, peer_key, peer_stats},
    mapping::Mapping,
};
use crate::model::accounting::Totals;

/// The `PEERS` map, mapped read-only.
#[derive(Debug)]
pub(super) struct PeerTable {
    mapping: Mapping,
    slots: usize,
}

impl PeerTable {
    /// Maps the table of `slots` slots behind a map's file descriptor.
    pub(super) fn map(fd: impl AsFd, slots: usize) -> Result<Self, TraceError> {
        let bytes = slots * size_of::<PeerStats>();
        Ok(Self {
            mapping: Mapping::new(fd, bytes, ProtFlags::READ, "the peer table")?,
            slots,
        })
    }

    /// The first word of a slot; `None` beyond the table.
    fn slot(&self, slot: usize) -> Option<*const u64> {
        if slot >= self.slots {
            return None;
        }
        // SAFETY: below `slots`, so inside the mapping.
        let first = unsafe { self.mapping.base().add(slot * size_of::<PeerStats>()) };
        Some(first.cast_const().cast())
    }

    /// Whose slot it is; `None` beyond the table.
    pub(super) fn key(&self, slot: usize) -> Option<Result<PeerKey, DecodeError>> {
        const _: () = assert!(offset_of!(PeerStats, key) == 0);
        Some(peer_key(&self.words::<{ size_of::<PeerKey>() }>(slot)?))
    }

    /// One slot's counters; `None` beyond the table. The programs go on counting meanwhile: each
    /// number is one that was there, but two numbers may be of slightly different moments. Those of opens and ends
    /// fit together, if that is to be had in a few tries.
    pub(super) fn read(&self, slot: usize) -> Option<Result<PeerStats, DecodeError>> {
        let mut tries = 1;
        loop {
            let stats = peer_stats(&self.words::<{ size_of::<PeerStats>() }>(slot)?);
            if tries == TRIES || stats.as_ref().is_ok_and(balance) {
                return Some(stats);
            }
            tries += 1;
        }
    }

    /// The first bytes of a slot; `None` beyond the table.
    fn words<const BYTES: usize>(&self, slot: usize) -> Option<[u8; BYTES]> {
        const { assert!(BYTES <= size_of::<PeerStats>() && BYTES.is_multiple_of(size_of::<u64>())) };
        let words = self.slot(slot)?;
        let mut bytes = [0; BYTES];
        for (index, chunk) in bytes.chunks_exact_mut(size_of::<u64>()).enumerate() {
            // SAFETY: no further than the slot. Volatile, because the kernel writes too; each
            // number is within one word, so it is never torn.
            let word = unsafe { words.add(index).read_volatile() };
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        Some(bytes)
    }

    /// What one slot adds to the totals, without reading all of it; `None` beyond the table.
    pub(super) fn totals(&self, slot: usize) -> Option<Totals> {
        let base = self.slot(slot)?.cast::<u8>();
        let sum = |offset: usize, count: usize| -> u64 {
            (0..count)
                .map(|index| {
                    // SAFETY: the callers below name fields of PeerStats, which lie inside the slot and
                    // are aligned. Volatile, because the kernel writes too.
                    let word = unsafe { base.add(offset).cast::<u32>().add(index).read_volatile() };
                    u64::from(word)
                })
                .sum()
        };
        Some(Totals {
            seeded: sum(offset_of!(PeerStats, seeded), 1),
            opened: sum(offset_of!(PeerStats, opens_by_held), HELD_BUCKETS),
            closed: sum(offset_of!(PeerStats, closes), reason::COUNT - 1),
        })
    }
}

/// So often a slot is read whose numbers do not fit together. If they never do, a count has drifted, which the
/// reader shows.
const TRIES: u32 = 4;

/// Whether as many connections are open as opened and did not end. While one opens or ends, two numbers
/// change one after the other.
fn balance(stats: &PeerStats) -> bool {
    let sum = |counts: &[u32]| counts.iter().fold(0, |sum: u32, count| sum.wrapping_add(*count));
    let opened = stats.seeded.wrapping_add(sum(&stats.opens_by_held));
    opened.wrapping_sub(sum(&stats.closes)) == stats.open_now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opened_and_did_not_end_is_open() {
        let mut stats = peer_stats(&[0; size_of::<PeerStats>()]).unwrap();
        assert!(balance(&stats));
        stats.seeded = 3;
        stats.opens_by_held[0] = u32::MAX;
        stats.opens_by_held[5] = 2;
        stats.closes[1] = 1;
        assert!(!balance(&stats));
        stats.open_now = 3;
        assert!(balance(&stats), "counts wrap");
        stats.closes[0] = 1;
        assert!(!balance(&stats));
    }
}
