//! The peer table, read through a shared mapping: no system call per peer, and no copy of the table in the
//! kernel.

use std::{mem::offset_of, os::fd::AsFd, sync::atomic::Ordering::Relaxed};

use rustix::mm::ProtFlags;
use tracer_ebpf::{
    abi::peer::{PeerKey, PeerStats, reason},
    buckets::HELD_BUCKETS,
};

use super::{
    TraceError,
    decode::{self, DecodeError},
    mapping::Mapping,
};
use crate::model::accounting::Totals;

/// The `PEERS` map.
#[derive(Debug)]
pub(super) struct PeerTable {
    mapping: Mapping,
    slots: usize,
}

/// A small part of a slot, which changes with all that its peer does but read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Brief {
    pub(super) key: PeerKey,
    pub(super) open_now: u32,
    pub(super) totals: Totals,
    pub(super) failed: u32,
    pub(super) late_requests: u32,
    /// Request turns over the ended connections.
    pub(super) turns: u64,
    /// When a connection ended last, ns; 0 if that is not known.
    pub(super) last_end_ns: u64,
}

impl Brief {
    /// A number that changes with each of the counts; never 0.
    pub(super) fn print(&self) -> u64 {
        // The multiplier spreads a difference of a few bits over all of them.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let Totals {
            seeded,
            opened,
            closed,
        } = self.totals;
        let [a, b, c, d] = self.key.address.map(u64::from);
        let counts = [self.open_now, self.failed, self.late_requests, self.key.process].map(u64::from);
        let service = u64::from(self.key.netns) << 32 | u64::from(self.key.port);
        let words = [
            a << 32 | b,
            c << 32 | d,
            service,
            seeded,
            opened,
            closed,
            self.turns,
        ];
        let mixed = words.into_iter().chain(counts).fold(0_u64, |mixed, word| {
            (mixed.rotate_left(7) ^ word).wrapping_mul(SPREAD)
        });
        mixed | 1
    }
}

impl PeerTable {
    /// Maps the table of `slots` slots behind a map's file descriptor.
    pub(super) fn map(fd: impl AsFd, slots: usize) -> Result<Self, TraceError> {
        let bytes = slots * size_of::<PeerStats>();
        Ok(Self {
            mapping: Mapping::new(fd, bytes, ProtFlags::READ | ProtFlags::WRITE, "the peer table")?,
            slots,
        })
    }

    /// The offset of a slot in the table; `None` beyond it.
    fn place(&self, slot: usize) -> Option<usize> {
        (slot < self.slots).then(|| slot * size_of::<PeerStats>())
    }

    /// The key of a slot; `None` beyond the table.
    pub(super) fn key(&self, slot: usize) -> Option<Result<PeerKey, DecodeError>> {
        const _: () = assert!(offset_of!(PeerStats, key) == 0);
        // Whole words are copied, and the second half of the last one follows the key.
        const WORDS: usize = size_of::<PeerKey>().next_multiple_of(size_of::<u64>());
        let bytes = self.mapping.copy::<WORDS>(self.place(slot)?)?;
        Some(decode::read(bytes.get(..size_of::<PeerKey>())?))
    }

    /// One slot's counters; `None` beyond the table. The programs keep counting meanwhile: each number is one
    /// that occurred, but two may be from slightly different moments. Those of opens and ends are consistent,
    /// unless a few attempts do not achieve that.
    pub(super) fn read(&self, slot: usize) -> Option<Result<PeerStats, DecodeError>> {
        let place = self.place(slot)?;
        let mut tries = 1;
        loop {
            let stats = decode::read(&self.mapping.copy::<{ size_of::<PeerStats>() }>(place)?);
            if tries == TRIES || stats.as_ref().is_ok_and(balance) {
                return Some(stats);
            }
            tries += 1;
        }
    }

    /// Number of slots in the table, the first of them for peers without one of their own.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// What shows whether a slot is in use; `None` if no peer has it.
    pub(super) fn brief(&self, slot: usize) -> Option<Brief> {
        let place = self.place(slot)?;
        let key = self.key(slot)?.ok().filter(|key| key.direction != 0)?;
        let counter = |offset: usize| Some(self.mapping.atomic_u32(place + offset)?.load(Relaxed));
        let sum = |offset: usize| Some(self.mapping.atomic_u64(place + offset)?.load(Relaxed));
        Some(Brief {
            key,
            open_now: counter(offset_of!(PeerStats, open_now))?,
            totals: self.totals(slot)?,
            failed: counter(offset_of!(PeerStats, failed))?,
            late_requests: counter(offset_of!(PeerStats, late_requests))?,
            turns: sum(offset_of!(PeerStats, turns_sum))?,
            last_end_ns: sum(offset_of!(PeerStats, last_end_ns))?,
        })
    }

    /// Empties a slot to which nothing refers.
    pub(super) fn clear(&self, slot: usize) {
        let Some(place) = self.place(slot) else { return };
        for word in (0..size_of::<PeerStats>()).step_by(size_of::<u64>()) {
            if let Some(word) = self.mapping.atomic_u64(place + word) {
                word.store(0, Relaxed);
            }
        }
    }

    /// Notes in an empty slot which one is given out after it.
    pub(super) fn note_next(&self, slot: usize, next: u32) {
        let place = self.place(slot);
        let word = place.and_then(|place| {
            self.mapping
                .atomic_u32(place + offset_of!(PeerStats, key.process))
        });
        if let Some(word) = word {
            word.store(next, Relaxed);
        }
    }

    /// Counts the end of a connection that the programs have not seen: of a slot, for one of [`reason`], out
    /// of CLOSE_WAIT or not. `None` if there is no such slot or reason. When it ended is not known, so no
    /// duration is counted, and the time until the peer's next open is not known either.
    pub(super) fn end(&self, slot: usize, reason: u8, in_close_wait: bool) -> Option<()> {
        let place = self.place(slot)?;
        let counter = |offset: usize| self.mapping.atomic_u32(place + offset);
        let reason = usize::from(reason.checked_sub(reason::LOCAL_FIN)?);
        if reason >= reason::COUNT - 1 {
            return None;
        }
        counter(offset_of!(PeerStats, open_now))?.fetch_sub(1, Relaxed);
        counter(offset_of!(PeerStats, closes) + reason * size_of::<u32>())?.fetch_add(1, Relaxed);
        if in_close_wait {
            counter(offset_of!(PeerStats, close_wait_left))?.fetch_add(1, Relaxed);
        }
        let last_end = self
            .mapping
            .atomic_u64(place + offset_of!(PeerStats, last_end_ns))?;
        last_end.store(0, Relaxed);
        Some(())
    }

    /// What one slot adds to the totals, without reading all of it; `None` beyond the table.
    pub(super) fn totals(&self, slot: usize) -> Option<Totals> {
        // SAFETY: below `slots`, so inside the mapping.
        let base = unsafe { self.mapping.base().add(self.place(slot)?) };
        let sum = |offset: usize, count: usize| -> u64 {
            (0..count)
                .map(|index| {
                    // SAFETY: the callers below name fields of PeerStats, which are inside the slot and
                    // aligned. Volatile, because the kernel writes too.
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

/// Maximum number of times a slot with inconsistent numbers is read. If they never become consistent, a count
/// has drifted, which the reader shows.
const TRIES: u32 = 4;

/// Whether the number open equals opens minus ends. While a connection opens or ends, the two change one
/// after the other.
fn balance(stats: &PeerStats) -> bool {
    let sum = |counts: &[u32]| counts.iter().fold(0, |sum: u32, count| sum.wrapping_add(*count));
    let opened = stats.seeded.wrapping_add(sum(&stats.opens_by_held));
    opened.wrapping_sub(sum(&stats.closes)) == stats.open_now
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn what_opened_and_did_not_end_is_open() {
        let mut stats = PeerStats::new_zeroed();
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
