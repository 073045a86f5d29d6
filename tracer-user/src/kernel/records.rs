//! The records of ended connections, read from the ring.

use std::{
    mem::offset_of,
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::mm::ProtFlags;
use tracer_ebpf::abi::{
    closed::Closed,
    ring::{self, Ends, Entry},
};

use super::{TraceError, decode, mapping::Mapping};
use crate::model::ended::Ended;

const WORD: usize = size_of::<u64>();

/// The room of records already read is released after at most this many.
const GIVEN_BACK: u64 = 256;

/// The reading end of the ring. It can be used in a separate thread, so that the ring does not overflow while
/// another thread is busy.
#[derive(Debug)]
pub struct Records {
    ring: Mapping,
    /// The number of its entries, minus one.
    mask: u64,
    /// The number of the next record.
    next: u64,
}

impl Records {
    /// Maps the ring of `entries` entries, a power of two, behind a map's file descriptor.
    pub(super) fn map(fd: impl AsFd, entries: u32) -> Result<Self, TraceError> {
        Ok(Self {
            ring: Mapping::new(
                fd,
                ring::bytes(entries as usize),
                ProtFlags::READ | ProtFlags::WRITE,
                "the ring of records",
            )?,
            mask: u64::from(entries) - 1,
            next: 0,
        })
    }

    /// Takes the records since the last call, at most `limit`.
    pub fn take(&mut self, limit: usize) -> Vec<Ended> {
        let mut ended = Vec::new();
        while ended.len() < limit
            && let Some(record) = self.next_record()
        {
            match decode::read::<Closed>(&record).map(|closed| decode::ended(&closed)) {
                Ok(Some(connection)) => ended.push(connection),
                Ok(None) => log::warn!("a record of an ended connection with unknown numbers was left out"),
                Err(error) => log::warn!("a damaged record was left out: {error}"),
            }
            if self.next.is_multiple_of(GIVEN_BACK) {
                self.give_back();
            }
        }
        self.give_back();
        ended
    }

    /// The next record, if it is complete.
    fn next_record(&mut self) -> Option<[u8; size_of::<Closed>()]> {
        let entry = ring::bytes(ring::place(self.next, self.mask));
        let whole = self.word(entry + offset_of!(Entry, whole));
        // Acquire: everything written before that number is visible after it.
        if whole.load(Ordering::Acquire) != self.next.wrapping_add(1) {
            return None;
        }
        let record = self.ring.copy(entry + offset_of!(Entry, closed))?;
        self.next = self.next.wrapping_add(1);
        Some(record)
    }

    /// Lets the programs reuse the room of the records read.
    fn give_back(&self) {
        self.word(offset_of!(Ends, read))
            .store(self.next, Ordering::Release);
    }

    /// The word of the ring at offset `at`.
    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(WORD) && at < ring::bytes(ring::place(self.mask, self.mask) + 1));
        // SAFETY: the callers name words of the header and of an entry within the mask, which are inside the
        // mapping and aligned. The programs write them too, as whole words.
        unsafe { AtomicU64::from_ptr(self.ring.base().add(at).cast()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use proptest::prelude::*;
    use tracer_ebpf::abi::{
        peer::{direction, reason},
        ring::{is_full, place},
    };

    use super::*;

    const ENTRIES: u32 = 4;
    const MASK: u64 = ENTRIES as u64 - 1;

    /// Does what the programs do, on the same memory.
    struct Writer {
        ring: Records,
        lost: u64,
    }

    impl Writer {
        fn word(&self, at: usize) -> &AtomicU64 {
            self.ring.word(at)
        }

        fn reserve(&mut self) -> Option<u64> {
            let reserved = self.word(offset_of!(Ends, reserved));
            let number = reserved.load(Ordering::Relaxed);
            let read = self.word(offset_of!(Ends, read)).load(Ordering::Relaxed);
            if is_full(number, read, MASK) {
                self.lost += 1;
                return None;
            }
            reserved.store(number + 1, Ordering::Relaxed);
            Some(number)
        }

        /// Its record is recognised by the number of bytes received.
        fn write(&self, number: u64) {
            let entry = ring::bytes(place(number, MASK));
            let closed = entry + offset_of!(Entry, closed);
            let [kind, family] = [
                offset_of!(Closed, direction),
                offset_of!(Closed, local_address) + 8,
            ];
            let set = |at: usize, value: u64| self.word(at).store(value, Ordering::Relaxed);
            set(closed + offset_of!(Closed, bytes_received), number);
            set(
                closed + family,
                u64::from_ne_bytes([0, 0, 0xff, 0xff, 127, 0, 0, 1]),
            );
            set(
                closed + family + 16,
                u64::from_ne_bytes([0, 0, 0xff, 0xff, 127, 0, 0, 2]),
            );
            let mut word = [0; WORD];
            word[kind % WORD] = direction::INBOUND;
            word[offset_of!(Closed, reason) - kind + kind % WORD] = reason::LOCAL_FIN;
            set(closed + kind / WORD * WORD, u64::from_ne_bytes(word));
        }

        fn publish(&self, number: u64) {
            let whole = ring::bytes(place(number, MASK)) + offset_of!(Entry, whole);
            self.word(whole).store(number + 1, Ordering::Release);
        }
    }

    fn both_ends() -> (Writer, Records) {
        let memory = rustix::fs::memfd_create("ring", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let file = File::from(memory);
        file.set_len(1 << 16).unwrap();
        let map = || Records::map(&file, ENTRIES).unwrap();
        let writer = Writer { ring: map(), lost: 0 };
        (writer, map())
    }

    fn numbers(ended: &[Ended]) -> Vec<u64> {
        ended.iter().map(|one| one.bytes_received).collect()
    }

    #[test]
    fn a_record_is_read_once_it_is_whole_and_none_before_it() {
        let (mut writer, mut records) = both_ends();
        let (first, second) = (writer.reserve().unwrap(), writer.reserve().unwrap());
        writer.write(first);
        writer.write(second);
        assert_eq!(records.take(9), []);
        writer.publish(second);
        assert_eq!(records.take(9), [], "its neighbour is not whole");
        writer.publish(first);
        assert_eq!(numbers(&records.take(1)), [0]);
        assert_eq!(numbers(&records.take(9)), [1]);
        assert_eq!(records.take(9), []);
    }

    #[test]
    fn a_full_ring_takes_no_more_until_it_is_read() {
        let (mut writer, mut records) = both_ends();
        for round in 0..100 {
            for _ in 0..ENTRIES {
                let number = writer.reserve().unwrap();
                writer.write(number);
                writer.publish(number);
            }
            assert_eq!(writer.reserve(), None);
            let first = round * u64::from(ENTRIES);
            let all: Vec<u64> = (first..first + u64::from(ENTRIES)).collect();
            assert_eq!(numbers(&records.take(9)), all);
        }
        assert_eq!(writer.lost, 100);
    }

    proptest! {
        /// In whatever order programs that interrupt each other reserve and publish entries, each record is
        /// read once and in the order of reservation.
        #[test]
        fn every_record_is_read_once(does in prop::collection::vec((0..4_u8, 0..5_usize), 0..200)) {
            let (mut writer, mut records) = both_ends();
            let (mut open, mut got, mut given) = (Vec::new(), Vec::new(), 0);
            for (what, which) in does {
                match what {
                    0 | 1 => if let Some(number) = writer.reserve() {
                        given += 1;
                        writer.write(number);
                        open.push(number);
                    },
                    2 if !open.is_empty() => {
                        let number = open.remove(which % open.len());
                        writer.publish(number);
                    }
                    _ => got.extend(numbers(&records.take(which))),
                }
            }
            open.iter().for_each(|number| writer.publish(*number));
            got.extend(numbers(&records.take(usize::MAX)));
            prop_assert_eq!(got, (0..given).collect::<Vec<u64>>());
        }
    }
}
