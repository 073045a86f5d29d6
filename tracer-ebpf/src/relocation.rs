//! Placeholders in the object that the loader replaces.
//!
//! The offset of a kernel member and a setting of the run are constants for one run, and a program is
//! shortest when its instructions carry them. So the object is built with placeholders, here called marks,
//! and the loader writes the number over each mark before it hands the programs to the kernel: what CO-RE
//! relocations do for C. Out of a frozen global each use would take an address, a load and an addition, and
//! the programs 7 % more time.
//!
//! - A load of a member has a displacement of [`MEMBERS`] or more.
//! - The address of a table ([`table`]) is a 64-bit immediate, which becomes the address of a map's value.
//! - Any other number is a 64-bit immediate. The upper half says which kind it is, the lower half which one.

use crate::abi::offsets::{self, Need};

/// Displacement that stands for the first member: far outside any struct of ours and the stack.
pub const MEMBERS: i16 = 0x5a00;

/// Bytes of a member that can be told apart, so that one of several words can be loaded word by word.
pub const MEMBER_ROOM: i16 = 16;

/// Tables that every state change needs. Each is the only value of an array map: its address is then part of
/// the instruction, where a look-up would take a dozen.
pub mod table {
    /// The counters, one slot per peer.
    pub const PEERS: u32 = 0;
    /// Which slot a peer has.
    pub const INDEX: u32 = 1;
    /// The traced connections.
    pub const PLACES: u32 = 2;
    /// The cookie of the socket in each place.
    pub const COOKIES: u32 = 3;
    /// The ring of records.
    pub const RING: u32 = 4;
    /// How many tables there are.
    pub const COUNT: usize = 5;
}

/// Upper half of the immediate for the address of a table. The lower half is one of [`table`].
pub const TABLE: u32 = 0x7ee7_7ab1;

/// Upper half of the immediate for a setting. The lower half is its number, in words of 64 bits.
pub const SETTING: u32 = 0x7ee7_c0de;

/// Upper half of the immediate that is 1 if the kernel has a member and else 0.
pub const HAS: u32 = 0x7ee7_0ff1;

/// Upper half of the immediate for the offset of a member, 0 without one.
pub const OFFSET: u32 = 0x7ee7_0ff5;

/// The displacement of a load of `bytes` bytes from an essential member: all of it, or one word of that size.
///
/// # Panics
/// At compile time, for a member of another size and for one that may be missing.
pub const fn load(member: usize, bytes: usize, word: Option<usize>) -> i16 {
    assert!(
        matches!(offsets::MEMBERS[member].need, Need::Essential),
        "a kernel may lack this member: `Option<…>` or `or 0` says what it is then"
    );
    displacement(member, bytes, word)
}

/// The same for a member that a kernel may lack; the load gives 0 then.
///
/// # Panics
/// At compile time, for a member of another size and for one that is never missing.
pub const fn load_or_0(member: usize, bytes: usize, word: Option<usize>) -> i16 {
    assert!(
        !matches!(offsets::MEMBERS[member].need, Need::Essential),
        "this member is never missing"
    );
    displacement(member, bytes, word)
}

const fn displacement(member: usize, bytes: usize, word: Option<usize>) -> i16 {
    let size = offsets::MEMBERS[member].bytes as usize;
    let (fits, at) = match word {
        None => (size == bytes, 0),
        Some(word) => (
            size.is_multiple_of(bytes) && bytes * (word + 1) <= size,
            bytes * word,
        ),
    };
    assert!(
        fits && size <= MEMBER_ROOM as usize,
        "the member has another size"
    );
    MEMBERS + member as i16 * MEMBER_ROOM + at as i16
}

/// The immediate that tells whether the kernel has a member.
pub const fn has(member: usize) -> u64 {
    immediate(HAS, member)
}

/// The immediate for a member's offset.
pub const fn offset(member: usize) -> u64 {
    immediate(OFFSET, member)
}

/// The immediate for the setting at byte `place` of [`Config`](crate::abi::config::Config).
pub const fn setting(place: usize) -> u64 {
    immediate(SETTING, place / size_of::<u64>())
}

/// The immediate for the address of one of [`table`].
pub const fn address_of(table: u32) -> u64 {
    immediate(TABLE, table as usize)
}

const fn immediate(kind: u32, number: usize) -> u64 {
    (kind as u64) << 32 | number as u64
}
