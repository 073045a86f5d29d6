//! What stands in the object for numbers that only the loader knows.
//!
//! The offset of a kernel member and a setting of the run are constants for one run, and a program is shortest
//! when its instructions carry them. So the object is built with a mark in their place, and the loader writes
//! the number over each mark before it hands the programs to the kernel: what CO-RE relocations do for C. Out of
//! a frozen global each use would take an address, a load and an addition, and the programs 7 % more time.
//!
//! - A load of a member has a displacement from [`MEMBERS`] on.
//! - The address of a table ([`table`]) is a 64-bit immediate too, for which the loader puts the map that it
//!   has made for it.
//! - Any other number is a 64-bit immediate whose upper half says what it is, and the lower half of which.

/// Mark of the first member, as a displacement. Far outside any struct of ours and the stack.
pub const MEMBERS: i16 = 0x5a00;

/// Bytes of a member that can be told apart, so that one of several words can be loaded word by word.
pub const MEMBER_ROOM: i16 = 16;

/// Tables that are needed at every change. Each is the one value of an array map: its address is then part of
/// the instruction, where a look-up would be a dozen.
pub mod table {
    /// The counters, one slot a peer.
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

/// The displacement of a load of the member whose offset lies at `place` in
/// [`Offsets`](crate::abi::offsets::Offsets).
pub const fn member(place: usize) -> i16 {
    MEMBERS + number(place) as i16 * MEMBER_ROOM
}

/// The immediate that tells whether the kernel has that member.
pub const fn has(place: usize) -> u64 {
    immediate(HAS, number(place))
}

/// The immediate for that member's offset.
pub const fn offset(place: usize) -> u64 {
    immediate(OFFSET, number(place))
}

/// The immediate for the setting at `place` in [`Config`](crate::abi::config::Config).
pub const fn setting(place: usize) -> u64 {
    immediate(SETTING, place / size_of::<u64>())
}

/// The immediate for the address of one of [`table`].
pub const fn address_of(table: u32) -> u64 {
    immediate(TABLE, table as usize)
}

const fn number(place: usize) -> usize {
    place / size_of::<u32>()
}

const fn immediate(what: u32, number: usize) -> u64 {
    (what as u64) << 32 | number as u64
}
