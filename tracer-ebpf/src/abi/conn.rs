//! What the programs remember of one connection, under its socket's cookie.

use crate::talk::Talk;

/// Places of the table of connections; a power of two.
pub const PLACES: u32 = 1 << 15;

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
}

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
#[repr(C)]
pub struct Heard {
    /// What is said on it.
    pub talk: Talk,
    /// End of what the process has read, as a sequence number.
    pub read_seq: u32,
    /// End of what the process had written when it read the last request, as a sequence number.
    pub asked_seq: u32,
    /// Bytes of the last read that came before this one in the same system call.
    pub in_call: u32,
    /// Where the process read to.
    pub buffer: u64,
    /// When the last data came that the process has read and that was no goodbye, in timer ticks.
    pub last_ticks: u32,
    /// Always 0.
    pub pad: u32,
}

/// One connection, from its connect or accept to its close. Two cache lines, of which a read touches the first
/// alone.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Conn {
    /// What was read from it.
    pub heard: Heard,
    /// Slot of its peer in the `PEERS` array.
    pub slot: u32,
    /// Process that connected it or, of an accepted one, that read from it first; thread group id.
    /// 0: not known.
    pub owner: u32,
    /// Requests so far. Where the protocol is not known, turns: reads by the process after it had written
    /// since the last one.
    pub turns: u32,
    /// The end of what the process had written when it last read, as a sequence number.
    pub write_seq: u32,
    /// Local port.
    pub local_port: u16,
    /// One of [`super::peer::direction`].
    pub direction: u8,
    /// One of [`phase`].
    pub phase: u8,
    /// One of [`super::peer::reason`]: what ended it first.
    pub reason: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Always 0.
    pub pad: [u8; 2],
    /// When it opened or, with [`flag::SEEDED`], when it was found. Monotonic clock, ns.
    pub opened_ns: u64,
    /// When it entered CLOSE_WAIT or was found there. 0: never did.
    pub close_wait_ns: u64,
    /// When it left CLOSE_WAIT; 0: never did.
    pub close_wait_left_ns: u64,
    /// How long the peer had held nothing when this one opened, ns; 0: not known.
    pub gap_ns: u64,
    /// From the last data segment to the first FIN or RST, in timer ticks
    /// ([`super::config::Config::tick_ns`]). Valid once `reason` is set.
    pub idle_ticks: u32,
    /// How many connections the peer held when this one opened.
    pub held: u32,
    /// Always 0.
    pub pad_to_line: [u64; 3],
}

const _: () = assert!(core::mem::offset_of!(Conn, opened_ns) == 64);
const _: () = assert!(size_of::<Conn>() == 128);
