//! The ring of records: a table that the programs fill and the loader empties, without a lock or a system
//! call.
//!
//! It starts with its [`Ends`]; a power of two of [`Entry`] follows. Records are numbered from 0, and the
//! number modulo the entries gives the place.

use super::closed::Closed;

/// How far the ring is filled and emptied. Each counter has a cache line of its own, since each side writes
/// one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Ends {
    /// Number of the next record to be written.
    pub reserved: u64,
    /// Fills the line.
    pub pad: [u64; 7],
    /// Number of the next record to be read.
    pub read: u64,
    /// Fills the line.
    pub pad_of_read: [u64; 7],
}

/// A place for a record.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Entry {
    /// The record.
    pub closed: Closed,
    /// One more than the number of the record, once all of it is written; until then anything else.
    pub whole: u64,
}

const _: () = assert!(size_of::<Ends>() == 128);

/// Where the record of a number lies in a ring of `mask` + 1 entries, as an entry's number.
#[inline(always)]
pub const fn place(number: u64, mask: u64) -> usize {
    (number & mask) as usize
}

/// Whether a ring of `mask` + 1 entries has no room left. The two counters are read separately. A stale
/// `reserved` may be below `read`; that is not full, and the compare-and-swap that follows fails.
#[inline(always)]
pub const fn is_full(reserved: u64, read: u64, mask: u64) -> bool {
    reserved.wrapping_sub(read).cast_signed() > mask.cast_signed()
}

/// The size of a ring with this many entries, which is also where the next entry would start.
pub const fn bytes(entries: usize) -> usize {
    size_of::<Ends>() + entries * size_of::<Entry>()
}

#[cfg(test)]
mod tests {
    use super::is_full;

    #[test]
    fn it_is_full_when_as_many_wait_as_there_are_entries() {
        for (reserved, read, full) in [
            (0, 0, false),
            (3, 0, false),
            (4, 0, true),
            (9, 5, true),
            (9, 6, false),
            (5, 7, false),
            (1, u64::MAX, false),
            (3, u64::MAX, true),
        ] {
            assert_eq!(is_full(reserved, read, 3), full, "{reserved} {read}");
        }
    }
}
