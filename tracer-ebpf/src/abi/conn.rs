//! What the programs remember of one connection, under its socket's cookie.

use super::{peer::rhythm, pod};
use crate::{
    rhythm::{Rhythm, Short},
    talk::Talk,
};

/// Places whose cookies share a cache line. A connection that finds its own place taken gets one of its
/// neighbours', so that a look-up reads the same line.
pub const NEIGHBOURS: u32 = 8;

/// Places of the table of connections: one for each connection that may be open, rounded up to a power of
/// two. If cookies were random, 14 % of the connections would find all eight places taken in a full table,
/// and 1 in 7,000 when a quarter of it is in use.
pub const fn places(max_connections: u32) -> u32 {
    /// A place takes 128 bytes.
    const MOST: u32 = 1 << 21;
    let wanted = if max_connections > MOST {
        MOST
    } else {
        max_connections
    };
    let places = wanted.next_power_of_two();
    if places < NEIGHBOURS { NEIGHBOURS } else { places }
}

/// One of the eight places of a line, by its distance from a place. Number 0 is that place itself.
#[inline(always)]
pub const fn neighbour(place: u64, number: u32) -> u64 {
    place ^ (number % NEIGHBOURS) as u64
}

/// The phase of a connection.
pub mod phase {
    /// Between SYN_SENT and its answer.
    pub const CONNECTING: u8 = 1;
    /// Counted as open.
    pub const OPEN: u8 = 2;
    /// Counted as open and now in CLOSE_WAIT.
    pub const CLOSE_WAIT: u8 = 3;
}

/// Bits of [`Conn::flags`].
pub mod flag {
    /// The process has read from it at least once while traced. Not shown to user space.
    pub const READ: u8 = 8;
    /// Found already open when tracing began: its age is "at least".
    pub const SEEDED: u8 = 1;
    /// A RST was received.
    pub const RST_RECEIVED: u8 = 2;
    /// The client ended it while its request had no answer yet.
    pub const UNANSWERED: u8 = 4;
    /// The number of requests is exact. In what user space is shown, not in [`super::Conn::flags`].
    pub const REQUESTS_EXACT: u8 = 0x80;
    /// How long the connection had been idle at the first FIN or RST is not known: that was noticed late, or
    /// the server's goodbye hides when it answered.
    pub const IDLE_UNKNOWN: u8 = 16;
    /// The other side said goodbye first, as the process has read. Not shown to user space.
    pub const GOODBYE: u8 = 32;
    /// The side that did not send the first FIN or RST had said goodbye first: it is the one that ended the
    /// connection. Not shown to user space.
    pub const LEFT: u8 = 64;
}

/// [`Conn::held`] of connections whose peer has no slot of its own.
pub const HELD_UNKNOWN: u32 = u32::MAX;

/// What an open connection is that is not remembered.
pub mod unknown {
    /// It was there before the tracer, and seeding is under way.
    pub const SEEDED: u32 = 0;
    /// Its open was missed: seeding is done.
    pub const MISSED: u32 = 1;
    /// Unknown: some found no room, and are counted as dropped.
    pub const DROPPED: u32 = 2;
}

/// What the reads of a connection's process have shown.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes))]
#[repr(C)]
pub struct Heard {
    /// What is said on it. The requests in it are those of the connection: where the protocol is not known,
    /// turns, which are reads by the process after it had written since the last one.
    pub talk: Talk,
    /// End of what the process has read, as a sequence number.
    pub read_seq: u32,
    /// End of what the process had written when it read the last request, as a sequence number.
    pub asked_seq: u32,
    /// Bytes of the last read that came before this one in the same system call.
    pub in_call: u32,
    /// Where the process read to: the lower half of the address, which tells one buffer from another. 0: not
    /// known.
    pub buffer: u32,
    /// When the last data came that the process has read and that was no goodbye, in timer ticks.
    pub last_ticks: u32,
}

/// One connection, from its connect or accept to its close. Two cache lines, of which reads touch the first
/// alone.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes))]
#[repr(C)]
pub struct Conn {
    // First line: every read.
    /// What was read from it.
    pub heard: Heard,
    /// When its last request and answer were.
    pub rhythm: Rhythm,
    /// Its short times of [`rhythm`] that are not among its peer's yet. At high rates nearly all are short,
    /// and an atomic instruction for each would take longer than all else that a read does. They are added
    /// when the sockets are listed, which every sample begins with, at the end, and when there is no more
    /// room here.
    pub short: [Short; rhythm::COUNT],
    /// The end of what the process had written when it last read, as a sequence number.
    pub write_seq: u32,
    /// One of [`super::peer::direction`].
    pub direction: u8,
    /// One of [`phase`].
    pub phase: u8,
    /// One of [`super::peer::reason`]: what ended it first.
    pub reason: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    // Second line: its changes of state, and what is rare.
    /// When it opened or, with [`flag::SEEDED`], when it was found. Monotonic clock, ns.
    pub opened_ns: u64,
    /// When it entered CLOSE_WAIT or was found there. 0: never did.
    pub close_wait_ns: u64,
    /// When it left CLOSE_WAIT; 0: never did.
    pub close_wait_left_ns: u64,
    /// How long the peer had held nothing when this one opened, ns; 0: not known.
    pub gap_ns: u64,
    /// From the last data segment to the first FIN or RST, in timer ticks
    /// ([`super::config::Config::tick_ns`]). Valid once `reason` is set, without [`flag::IDLE_UNKNOWN`].
    pub idle_ticks: u32,
    /// How many connections the peer held when this one opened, or [`HELD_UNKNOWN`].
    pub held: u32,
    /// End of what had been received when this host sent the first FIN, as a sequence number.
    pub fin_seq: u32,
    /// Slot of its peer in the `PEERS` array.
    pub slot: u32,
    /// Process that connected it or, of an accepted one, that read from it first; thread group id.
    /// 0: not known.
    pub owner: u32,
    /// Local port.
    pub local_port: u16,
    /// Segments of its handshake that this host sent again, up to 255.
    pub handshake_retransmits: u8,
    /// Always 0.
    pub pad: u8,
    /// Interface that its peer's key has; see [`super::peer::PeerKey::interface`].
    pub interface: u32,
    /// The end of what the process had written when a walk over the sockets last saw it answer a request; see
    /// [`Rhythm::seen_answered`].
    pub answered_seq: u32,
}

impl Conn {
    /// Before anything is known.
    pub const NOTHING: Self = Self {
        opened_ns: 0,
        close_wait_ns: 0,
        close_wait_left_ns: 0,
        gap_ns: 0,
        idle_ticks: 0,
        slot: 0,
        held: 0,
        owner: 0,
        write_seq: 0,
        local_port: 0,
        direction: 0,
        phase: phase::OPEN,
        reason: super::peer::reason::OPEN,
        flags: 0,
        handshake_retransmits: 0,
        pad: 0,
        interface: 0,
        answered_seq: 0,
        heard: Heard {
            talk: Talk::NOTHING,
            read_seq: 0,
            asked_seq: 0,
            in_call: 0,
            buffer: 0,
            last_ticks: 0,
        },
        rhythm: Rhythm::NOTHING,
        short: [Short::NOTHING; rhythm::COUNT],
        fin_seq: 0,
    };
}

const _: () = assert!(core::mem::offset_of!(Conn, opened_ns) == 64);
const _: () = assert!(size_of::<Conn>() == 128);

pod!(Conn);

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    #[test]
    fn there_is_a_place_for_each_connection() {
        for (max, all) in [
            (0, 8),
            (1, 8),
            (9, 16),
            (65_536, 65_536),
            (65_537, 131_072),
            (u32::MAX, 1 << 21),
        ] {
            assert_eq!(places(max), all);
        }
    }

    #[test]
    fn neighbours_share_a_line() {
        let mut all: Vec<u64> = (0..NEIGHBOURS).map(|number| neighbour(21, number)).collect();
        assert_eq!(all.first(), Some(&21));
        all.sort_unstable();
        assert!(all.into_iter().eq(16..24));
    }
}
