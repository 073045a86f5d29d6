//! The ring of records: a table that the programs write and the loader empties, without a lock or a system call.
//!
//! It begins with its [`Ends`], and a power of two of [`Entry`] follows. The records are numbered from 0, and
//! that of a number lies at the number's remainder.

use super::closed::Closed;

/// How far it is filled and emptied. Each in a cache line of its own, since each is written by one side.
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

/// Whether a ring of `mask` + 1 entries has no room left. The two numbers may be of different moments: one
/// that others have long gone beyond is no sign of a full ring, and nobody gets a place by it.
#[inline(always)]
pub const fn is_full(reserved: u64, read: u64, mask: u64) -> bool {
    reserved.wrapping_sub(read).cast_signed() > mask.cast_signed()
}

/// Bytes of a ring with so many entries, which is where a further one would begin.
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
