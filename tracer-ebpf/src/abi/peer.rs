//! Per-peer counters: what the diagnosis rests on.

use super::pod;
use crate::buckets::{HELD_BUCKETS, TIME_BUCKETS, TURN_BUCKETS};

/// Who opened a connection. Zero is "nobody", so that zeroed memory is never a direction.
pub mod direction {
    /// The remote side connected to a listener of this host.
    pub const INBOUND: u8 = 1;
    /// A process of this host connected.
    pub const OUTBOUND: u8 = 2;
}

/// Why a connection ended. The first event decides. [`PeerStats::closes`] has them from
/// [`reason::LOCAL_FIN`] on.
pub mod reason {
    /// Not ended yet.
    pub const OPEN: u8 = 0;
    /// This host sent the first FIN.
    pub const LOCAL_FIN: u8 = 1;
    /// The remote side sent the first FIN.
    pub const REMOTE_FIN: u8 = 2;
    /// This host aborted it (close with unread data, `SO_LINGER` 0, process limits).
    pub const LOCAL_RST: u8 = 3;
    /// The remote side sent a RST.
    pub const REMOTE_RST: u8 = 4;
    /// Retransmission or keep-alive gave up, or the network said unreachable.
    pub const TIMEOUT: u8 = 5;
    /// The connect failed; the connection was never open.
    pub const CONNECT_FAILED: u8 = 6;
    /// How many an ended connection can have, [`OPEN`] counted.
    pub const COUNT: usize = 6;

    /// Whether this host ended the connection.
    #[inline(always)]
    #[must_use]
    pub const fn is_local(reason: u8) -> bool {
        reason == LOCAL_FIN || reason == LOCAL_RST
    }

    /// Whether the remote side ended the connection.
    #[inline(always)]
    #[must_use]
    pub const fn is_remote(reason: u8) -> bool {
        reason == REMOTE_FIN || reason == REMOTE_RST
    }
}

/// What identifies a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct PeerKey {
    /// Remote address in network order, IPv4 as `::ffff:a.b.c.d`, under the prefix mask.
    pub address: [u32; 4],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Inbound: the local port. Outbound: the remote port. In both cases the port of the service.
    pub port: u16,
    /// One of [`direction`].
    pub direction: u8,
    /// Of a slot that the strangers of an IPv6 network share: the length of its prefix, [`SHARED_PREFIX`].
    /// Else 0.
    pub shared: u8,
    /// Index of the interface that the socket is bound to, as of accepted ones in a VRF or from a link-local
    /// address; 0: none. The same address on another interface is another peer.
    pub interface: u32,
    /// Outbound: the process that connects, thread group id; 0: not known. Inbound: no part of what
    /// identifies the peer. It is 0 then, but in [`PeerStats::key`] the process that last read from the peer.
    pub process: u32,
}

/// Leading bits of the IPv6 network whose new peers share a slot while the table is nearly full: what one
/// attacker has.
pub const SHARED_PREFIX: u8 = 64;

impl PeerKey {
    /// The key under which this peer is counted together with others: of an outbound one, all processes that
    /// connect to the same address; of an inbound one, its network.
    #[inline(always)]
    #[must_use]
    pub const fn of_all(&self) -> Self {
        let [a, b, c, d] = self.address;
        if self.direction == direction::INBOUND {
            Self {
                address: [a, b, 0, 0],
                shared: SHARED_PREFIX,
                ..*self
            }
        } else {
            Self {
                address: [a, b, c, d],
                process: 0,
                ..*self
            }
        }
    }
}

/// What is timed, as an index into [`PeerStats::durations`] and [`PeerStats::buckets`].
pub mod timed {
    /// From open to end, of the ended connections that were not seeded.
    pub const LIFETIME: usize = 0;
    /// From the last data segment in either direction to the first FIN or RST, of the ended
    /// connections whose first FIN or RST was noticed at once. One timer tick exact
    /// ([`super::super::config::Config::tick_ns`]).
    pub const IDLE: usize = 1;
    /// From the end of the peer's last connection to the next open, when it held none between.
    pub const GAP: usize = 2;
    /// Time in CLOSE_WAIT, of the connections that left it and were seen to enter it.
    pub const CLOSE_WAIT: usize = 3;
    /// How many there are.
    pub const COUNT: usize = 4;
}

/// What is timed from turn to turn, as an index into [`PeerStats::rhythm`] and [`PeerStats::rhythm_buckets`].
/// One timer tick exact; see [`crate::rhythm`].
pub mod rhythm {
    /// From a request to the end of its answer, or to the first read of it at the client's end.
    pub const HOLD: usize = 0;
    /// From the end of an answer to the next request on the same connection.
    pub const PAUSE: usize = 1;
    /// How many there are.
    pub const COUNT: usize = 2;
}

/// One thing that is timed, over all its occurrences. All exact.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct Durations {
    /// Sum, in nanoseconds.
    pub sum_ns: u64,
    /// Longest, in nanoseconds.
    pub max_ns: u64,
    /// The shortest, in nanoseconds, with all bits turned round: so that the zero of fresh memory
    /// means "none yet", and a shorter one is a larger number.
    pub inverse_min_ns: u64,
}

/// The counters of one peer, one slot of the `PEERS` array. Slot 0 takes the connections of all
/// peers that found no room.
///
/// A whole number of cache lines, so that two peers never share one. With many peers each line
/// that an event touches is a miss, so what changes together lies in one line: an open needs two
/// of them and an end four.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct PeerStats {
    // First line: every open and every end.
    /// Whose counters these are; direction 0 while the slot is unused.
    pub key: PeerKey,
    /// Connections open now: seeded and opened, not yet closed.
    pub open_now: u32,
    /// Ended connections by [`reason`], the first being that of [`reason::LOCAL_FIN`]. Failed connects are in
    /// `failed` alone.
    pub closes: [u32; reason::COUNT - 1],
    /// When the peer's last connection ended, monotonic clock, ns; 0: none has.
    pub last_end_ns: u64,
    // Second line: every end. The last two durations are in the third.
    /// Payload received over the ended connections, in bytes.
    pub bytes_received: u64,
    /// Payload sent over the ended connections, in bytes.
    pub bytes_sent: u64,
    /// What is timed, by [`timed`].
    pub durations: [Durations; timed::COUNT],
    // Third line: CLOSE_WAIT, and what every end finds.
    /// Connections that entered CLOSE_WAIT while traced.
    pub close_wait_entered: u32,
    /// Connections that left CLOSE_WAIT again.
    pub close_wait_left: u32,
    /// The smoothed round-trip time when it was looked at last, µs: at the end of a connection, and of those
    /// that are open whenever the sockets are listed. 0: never yet.
    pub rtt_us: u32,
    /// The smallest of those, µs, with all bits turned round as in [`Durations::inverse_min_ns`].
    pub inverse_rtt_min_us: u32,
    // Fourth line: every end.
    /// Request turns over the ended connections that were not seeded.
    pub turns_sum: u64,
    /// The most request turns of any ended connection that was not seeded.
    pub turns_max: u32,
    /// Those connections by their number of turns, by [`crate::buckets::turn_bucket`].
    pub turn_buckets: [u32; TURN_BUCKETS],
    // Fifth line: every open.
    /// The most that were open at once.
    pub open_peak: u32,
    /// Opens by how many connections the peer already held, by [`crate::buckets::held_bucket`].
    pub opens_by_held: [u32; HELD_BUCKETS],
    // What is rare.
    /// Connections found already open when tracing began.
    pub seeded: u32,
    /// Connections found already in CLOSE_WAIT when tracing began.
    pub close_wait_seeded: u32,
    /// Connects that failed.
    pub failed: u32,
    /// Segments retransmitted after the handshake, over the ended connections; those of the handshake too
    /// where it was not seen.
    pub retransmits: u32,
    /// Connections the client ended while its request had no answer yet.
    pub unanswered: u32,
    // From here on, one line or two are in use.
    /// How each thing that is timed is spread, by [`crate::buckets::time_bucket`] and [`timed`]: durations of
    /// one length share a line, whatever they are of.
    pub buckets: [[u32; timed::COUNT]; TIME_BUCKETS],
    /// The longest wait of [`PeerStats::late_reads`], ms.
    pub late_read_max_ms: u32,
    /// The protocol that was told last, one of [`crate::talk::protocol`]; 0: none yet.
    pub protocol: u32,
    /// Ended connections of which the number of requests is a bound, not counting the seeded ones.
    pub requests_bounded: u32,
    /// Ended connections with a TLS handshake and no request.
    pub handshakes_alone: u32,
    // Lines of their own, which requests alone touch.
    /// What is timed from turn to turn, by [`rhythm`].
    pub rhythm: [Durations; rhythm::COUNT],
    /// Data that came after this host had closed the connection; see [`PeerStats::late_port`].
    pub late_requests: u32,
    /// The port that such data came from last. Several segments of one request count once.
    pub late_port: u32,
    /// How long the ended connections were held that were seeded, since they were found and without
    /// CLOSE_WAIT, ns.
    pub seeded_ns: u64,
    /// How each of it is spread, as [`PeerStats::buckets`] are.
    pub rhythm_buckets: [[u32; rhythm::COUNT]; TIME_BUCKETS],
    /// How long the requests had waited that the client gave up, ns.
    pub unanswered_ns: u64,
    // What is rare and has no room above.
    /// Connections whose first data lay unread for [`LATE_NS`] or longer: they waited for the
    /// process to accept or to read.
    pub late_reads: u32,
    /// Ended by this host's FIN or RST, after the other side had said goodbye.
    pub left_by_remote: u32,
    /// Request turns over the ended connections that were seeded, each an upper bound over its whole life.
    pub seeded_turns: u64,
    /// Ended by the other side's FIN or RST, after this host had said goodbye.
    pub left_by_local: u32,
    /// Always 0.
    pub pad_to_line: [u32; 11],
}

/// A process that is not overloaded reads what it was sent within milliseconds.
pub const LATE_NS: u64 = 1_000_000_000;

/// What a peer may cost of the kernel's memory, in bytes.
const PEER_BYTES: usize = 23 * 64;

const _: () = assert!(size_of::<PeerStats>().is_multiple_of(64));
const _: () = assert!(
    size_of::<PeerStats>() <= PEER_BYTES,
    "users are told what a peer costs at most"
);

const _: () = assert!(core::mem::offset_of!(PeerStats, bytes_received) == 64);
const _: () =
    assert!(core::mem::offset_of!(PeerStats, durations) + timed::GAP * size_of::<Durations>() == 128);
const _: () = assert!(core::mem::offset_of!(PeerStats, turns_sum) == 192);
const _: () = assert!(core::mem::offset_of!(PeerStats, buckets) == 384);
const _: () = assert!(core::mem::offset_of!(PeerStats, rhythm) == 1024);

pod!(PeerKey, PeerStats);
