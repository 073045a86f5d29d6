//! The ring buffer's record: one per ended connection. It illustrates; no count rests on it.

use super::pod;

/// One ended connection or failed connect.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct Closed {
    /// When it opened or, when seeded, was found; 0 for a failed connect. Monotonic clock, ns.
    pub opened_ns: u64,
    /// When it ended. Monotonic clock, ns.
    pub closed_ns: u64,
    /// When it entered CLOSE_WAIT or was found there; 0: never did.
    pub close_wait_ns: u64,
    /// When it left CLOSE_WAIT; 0: never did.
    pub close_wait_left_ns: u64,
    /// How long the peer had held nothing when this one opened, ns; 0: not known.
    pub gap_ns: u64,
    /// From the last data segment in either direction to the first FIN or RST, ns; not known with
    /// [`super::conn::flag::IDLE_UNKNOWN`].
    pub idle_ns: u64,
    /// Payload received, bytes.
    pub bytes_received: u64,
    /// Payload sent, bytes.
    pub bytes_sent: u64,
    /// Local address, network order, IPv4 as `::ffff:a.b.c.d`.
    pub local_address: [u32; 4],
    /// Remote address likewise, not masked.
    pub remote_address: [u32; 4],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Interface that its peer's key has; see [`super::peer::PeerKey::interface`].
    pub interface: u32,
    /// Segments with payload received.
    pub data_segs_in: u32,
    /// Segments with payload sent.
    pub data_segs_out: u32,
    /// Segments retransmitted after the handshake.
    pub retransmits: u32,
    /// How many connections the peer held when this one opened, or [`super::conn::HELD_UNKNOWN`].
    pub held: u32,
    /// Process that connected it or read from it first, thread group id; 0: not known.
    pub owner: u32,
    /// Request turns; see [`super::config::Config::count_turns`] for how well they are known.
    pub turns: u32,
    /// Local port.
    pub local_port: u16,
    /// Remote port.
    pub remote_port: u16,
    /// `sk_err` at the end, a positive errno, or 0.
    pub errno: u16,
    /// One of [`super::peer::direction`].
    pub direction: u8,
    /// One of [`super::peer::reason`].
    pub reason: u8,
    /// Bits of [`super::conn::flag`].
    pub flags: u8,
    /// The TCP state it left for CLOSE, as in the kernel's `enum`.
    pub last_state: u8,
    /// What it spoke, one of [`crate::talk::protocol`].
    pub protocol: u8,
    /// Always 0.
    pub pad: [u8; 5],
}

pod!(Closed);
