//! What the socket iterator writes: one record per live socket.

use super::pod;

/// Bits of [`Live::flags`], beside those of [`super::conn::flag`] in the low bits.
pub mod live_flag {
    /// The programs know this connection, or the socket is a listener.
    pub const TRACKED: u8 = 0x40;
    /// The socket has a file: a process accepted or created it.
    pub const HAS_FILE: u8 = 0x20;
    /// The process has closed the socket, and it lives on in the kernel (`SOCK_DEAD`).
    pub const ORPHAN: u8 = 0x10;
    /// A request has no answer yet: a poll is being held.
    pub const HOLDING: u8 = 0x08;
}

/// The drops of a listener are unknown.
pub const NO_DROPS: u32 = u32::MAX;

/// One connection or listener, as it stood when the iterator passed.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct Live {
    /// The socket's cookie; 0: it has none, so it is not remembered.
    pub cookie: u64,
    /// When it opened or was found; 0 for a listener. Monotonic clock, ns.
    pub opened_ns: u64,
    /// When it entered CLOSE_WAIT or was found there; 0: never did.
    pub close_wait_ns: u64,
    /// Time since the last data segment in either direction, ns.
    pub idle_ns: u64,
    /// Time since anything was received from the other side, data or acknowledgement, ns.
    pub heard_ns: u64,
    /// Inode number of the socket's file; 0: it has none, or the kernel does not say.
    pub inode: u64,
    /// Payload received so far, bytes.
    pub bytes_received: u64,
    /// Payload sent so far, bytes.
    pub bytes_sent: u64,
    /// Local address, network order, IPv4 as `::ffff:a.b.c.d`; a wildcard listener is all zero.
    pub local_address: [u32; 4],
    /// Remote address likewise, not masked.
    pub remote_address: [u32; 4],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Interface that the socket is bound to; see [`super::peer::PeerKey::interface`].
    pub interface: u32,
    /// Slot of its peer in the `PEERS` array.
    pub slot: u32,
    /// Bytes received and not yet read by the process. For a listener: its accept queue.
    pub queue: u32,
    /// For a listener: the limit of its accept queue.
    pub queue_limit: u32,
    /// How many connections the peer held when this one opened, or [`super::conn::HELD_UNKNOWN`].
    pub held: u32,
    /// Process that connected it or read from it first, thread group id; 0: not known.
    pub owner: u32,
    /// Request turns; see [`super::config::Config::count_turns`] for how well they are known.
    pub turns: u32,
    /// Segments with payload received so far.
    pub data_segs_in: u32,
    /// Segments with payload sent so far.
    pub data_segs_out: u32,
    /// Segments retransmitted after the handshake so far.
    pub retransmits: u32,
    /// For a listener: what it dropped since it listens, [`NO_DROPS`] if the kernel does not say.
    pub drops: u32,
    /// What the other side's TCP timestamp clock said at the host's monotonic time 0, ms, within a second; 0:
    /// it sends none, or the kernel does not say.
    pub clock: u32,
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// TCP state, as in the kernel's `enum`.
    pub state: u8,
    /// One of [`super::peer::direction`]; 0 for a listener.
    pub direction: u8,
    /// Bits of [`live_flag`] and of [`super::conn::flag`].
    pub flags: u8,
    /// How often the oldest unacknowledged segment was retransmitted in vain.
    pub retries: u8,
    /// Unanswered probes of an idle connection or a closed window.
    pub probes: u8,
    /// What it speaks, one of [`crate::talk::protocol`].
    pub protocol: u8,
    /// Always 0.
    pub pad: [u8; 2],
}

impl Live {
    /// Of nothing yet.
    pub const NOTHING: Self = Self {
        cookie: 0,
        opened_ns: 0,
        close_wait_ns: 0,
        idle_ns: 0,
        heard_ns: 0,
        inode: 0,
        bytes_received: 0,
        bytes_sent: 0,
        local_address: [0; 4],
        remote_address: [0; 4],
        netns: 0,
        interface: 0,
        slot: 0,
        queue: 0,
        queue_limit: 0,
        held: 0,
        owner: 0,
        turns: 0,
        data_segs_in: 0,
        data_segs_out: 0,
        retransmits: 0,
        drops: 0,
        clock: 0,
        local_port: 0,
        remote_port: 0,
        state: 0,
        direction: 0,
        flags: 0,
        retries: 0,
        probes: 0,
        protocol: 0,
        pad: [0; 2],
    };
}

pod!(Live);
