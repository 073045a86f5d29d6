//! Reading kernel sockets through the offsets that the loader found.
//!
//! Each read is a direct load that the verifier checks against the kernel's own types: an offset
//! that does not fit there is a load error at start, never a wrong number.

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_jiffies64, bpf_skc_to_tcp_sock};
use tracer_ebpf::{
    abi::{live::NO_DROPS, peer::direction},
    address,
};

use crate::maps::{config, has};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;

/// A `struct sock` (or anything that begins with one) the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct Sock(pub(crate) *const u8);

/// A `struct tcp_sock` the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct TcpSock(*const u8);

/// Loads a member, or a word of one, from a pointer the verifier trusts. The displacement is the member's mark,
/// which the loader writes over; where the kernel does not have the member, the loader makes a 0 of it and
/// reports it as unknown. In assembler, since the compiler would make one load of two at an address worked out.
macro_rules! load {
    ($base:expr, $member:ident $(+ $more:literal)?: $type:ident) => {{
        let value: u64;
        // SAFETY: the verifier has checked this very load, or the program would not run.
        unsafe {
            core::arch::asm!(
                concat!("{value} = *(", stringify!($type), " *)({base} + {mark})"),
                value = out(reg) value,
                base = in(reg) $base,
                mark = const $crate::maps::member!($member) $(+ $more)?,
                options(pure, readonly, nostack, preserves_flags),
            );
            core::hint::assert_unchecked(value <= $type::MAX as u64);
        }
        value as $type
    }};
}
pub(crate) use load;

/// Loads a member that is a pointer.
macro_rules! load_pointer {
    ($base:expr, $member:ident) => {
        $crate::sock::load!($base, $member: u64) as *const u8
    };
}
pub(crate) use load_pointer;

/// Loads an address, IPv4 mapped, from the member of its family.
macro_rules! address {
    ($base:expr, $v4:ident, $v6:ident) => {
        match load!($base, skc_family: u16) {
            AF_INET => address::mapped(load!($base, $v4: u32)),
            AF_INET6 => [
                load!($base, $v6: u32),
                load!($base, $v6 + 4: u32),
                load!($base, $v6 + 8: u32),
                load!($base, $v6 + 12: u32),
            ],
            _ => [0; 4],
        }
    };
}

impl Sock {
    /// MPTCP, SCTP and DCCP sockets pass the same tracepoint.
    #[inline(always)]
    pub(crate) fn is_tcp(self) -> bool {
        load!(self.0, sk_protocol: u16) == IPPROTO_TCP
    }

    /// The TCP state as stored; during `inet_sock_set_state` this still is the old one.
    #[inline(always)]
    pub(crate) fn state(self) -> u8 {
        load!(self.0, skc_state: u8)
    }

    /// Local port, host order. 0 once the port was given back, so ask before CLOSE.
    #[inline(always)]
    pub(crate) fn local_port(self) -> u16 {
        load!(self.0, skc_num: u16)
    }

    /// Local port, host order, of a connection that may have given it back.
    #[inline(always)]
    pub(crate) fn local_port_once_had(self) -> u16 {
        match self.local_port() {
            0 => self
                .tcp()
                .map_or(0, |tcp| u16::from_be(load!(tcp.0, inet_sport: u16))),
            port => port,
        }
    }

    /// Remote port, host order.
    #[inline(always)]
    pub(crate) fn remote_port(self) -> u16 {
        u16::from_be(load!(self.0, skc_dport: u16))
    }

    /// The port of the service: what filters and keys go by.
    #[inline(always)]
    pub(crate) fn service_port(self, direction: u8) -> u16 {
        if direction == direction::INBOUND {
            self.local_port()
        } else {
            self.remote_port()
        }
    }

    /// Pending error, a positive errno.
    #[inline(always)]
    pub(crate) fn errno(self) -> u16 {
        load!(self.0, sk_err: u32) as u16
    }

    /// Remote address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn remote_address(self) -> [u32; 4] {
        address!(self.0, skc_daddr, skc_v6_daddr)
    }

    /// Local address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn local_address(self) -> [u32; 4] {
        address!(self.0, skc_rcv_saddr, skc_v6_rcv_saddr)
    }

    /// Inode number of the network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> u32 {
        let net: *const u8 = load_pointer!(self.0, skc_net);
        if net.is_null() {
            0
        } else {
            load!(net, net_inum: u32)
        }
    }

    /// Inode number of the socket's file; 0 without one.
    #[inline(always)]
    pub(crate) fn inode(self) -> u64 {
        let socket: *const u8 = load_pointer!(self.0, sk_socket);
        if socket.is_null() {
            return 0;
        }
        let file: *const u8 = load_pointer!(socket, socket_file);
        if file.is_null() {
            return 0;
        }
        let inode: *const u8 = load_pointer!(file, file_inode);
        if inode.is_null() {
            0
        } else {
            load!(inode, inode_number: u64)
        }
    }

    /// Whether a process holds the socket: false before accept and after close.
    #[inline(always)]
    pub(crate) fn has_socket(self) -> bool {
        !load_pointer!(self.0, sk_socket).is_null()
    }

    /// The process has closed the socket (`SOCK_DEAD`, the first of the socket flags).
    #[inline(always)]
    pub(crate) fn is_orphan(self) -> bool {
        load!(self.0, skc_flags: u64) & 1 != 0
    }

    /// The remote side's FIN has been taken in (`SOCK_DONE`, the second of the socket flags).
    #[inline(always)]
    pub(crate) fn fin_received(self) -> bool {
        load!(self.0, skc_flags: u64) & 2 != 0
    }

    /// Accept queue of a listener and its limit.
    #[inline(always)]
    pub(crate) fn accept_queue(self) -> (u32, u32) {
        (
            load!(self.0, sk_ack_backlog: u32),
            load!(self.0, sk_max_ack_backlog: u32),
        )
    }

    /// What a listener dropped since it listens: SYNs and connections.
    #[inline(always)]
    pub(crate) fn drops(self) -> u32 {
        if has!(sk_drops) {
            load!(self.0, sk_drops: u32)
        } else {
            NO_DROPS
        }
    }

    /// The socket's cookie, which is never used twice; 0 when nobody has asked for it yet.
    #[inline(always)]
    pub(crate) fn cookie(self) -> u64 {
        load!(self.0, skc_cookie: u64)
    }

    /// The socket's cookie, made if need be.
    #[inline(always)]
    pub(crate) fn cookie_or_new(self) -> u64 {
        // SAFETY: the verifier trusts the socket.
        unsafe { bpf_get_socket_cookie(self.0.cast_mut().cast()) }
    }

    /// Whether a process holds the socket. If none does, it is a packet or a timer that changes it.
    #[inline(always)]
    pub(crate) fn is_held(self) -> bool {
        !has!(sk_lock_owned) || load!(self.0, sk_lock_owned: u32) != 0
    }

    /// The socket as `tcp_sock`; none for request and time-wait sockets.
    #[inline(always)]
    pub(crate) fn tcp(self) -> Option<TcpSock> {
        // SAFETY: the helper checks what kind of socket it is given.
        let tcp = unsafe { bpf_skc_to_tcp_sock(self.0.cast_mut().cast()) };
        if tcp.is_null() {
            None
        } else {
            Some(TcpSock(tcp.cast_const().cast()))
        }
    }
}

/// Timer ticks as time, ns.
#[inline(always)]
pub(crate) fn ticks_ns(ticks: u32) -> u64 {
    u64::from(ticks) * config!(tick_ns)
}

/// The kernel's timer ticks. 32 bits of them, as sockets note them, and these wrap.
#[inline(always)]
fn now_ticks() -> u32 {
    // SAFETY: the helper only reads a clock.
    unsafe { bpf_jiffies64() as u32 }
}

/// Timer ticks since the later of two moments that a socket notes; 0 when the kernel does not note one of them.
macro_rules! since_either {
    ($tcp:expr, $one:ident, $other:ident) => {
        if has!($one) && has!($other) {
            let (one, other) = (load!($tcp, $one: u32), load!($tcp, $other: u32));
            let now = now_ticks();
            now.wrapping_sub(one).min(now.wrapping_sub(other))
        } else {
            0
        }
    };
}

impl TcpSock {
    /// The same socket, for what every socket has.
    #[inline(always)]
    pub(crate) fn sock(self) -> Sock {
        Sock(self.0)
    }

    /// Payload received and payload sent, bytes; what was sent again, in so many segments, counts once. The
    /// kernel's count of received bytes includes the FIN, which is taken out.
    #[inline(always)]
    pub(crate) fn bytes(self, sk: Sock, retransmits: u32) -> (u64, u64) {
        let received = load!(self.0, bytes_received: u64);
        let fin = u64::from(sk.fin_received() && received > 0);
        let sent = load!(self.0, bytes_sent: u64);
        (
            received - fin,
            if retransmits == 0 && has!(total_retrans) {
                sent
            } else {
                sent.wrapping_sub(load!(self.0, bytes_retrans: u64))
            },
        )
    }

    /// Data segments received and sent.
    #[inline(always)]
    pub(crate) fn data_segs(self) -> (u32, u32) {
        (
            load!(self.0, data_segs_in: u32),
            load!(self.0, data_segs_out: u32),
        )
    }

    /// End of what the process has written, as a sequence number.
    #[inline(always)]
    pub(crate) fn write_seq(self) -> u32 {
        load!(self.0, write_seq: u32)
    }

    /// When the packet came or the timer ran out that the socket is being changed by, ns: the clock as the
    /// kernel has read it for that. To read it again is the most expensive thing a program can do. 0: not known.
    #[inline(always)]
    pub(crate) fn event_ns(self) -> u64 {
        load!(self.0, tcp_clock_cache: u64)
    }

    /// Segments sent again.
    #[inline(always)]
    pub(crate) fn retransmits(self) -> u32 {
        load!(self.0, total_retrans: u32)
    }

    /// Smoothed round-trip time, µs; 0: not measured yet, or the kernel does not say.
    #[inline(always)]
    pub(crate) fn rtt_us(self) -> u32 {
        load!(self.0, srtt_us: u32) >> 3
    }

    /// Time since the last data segment in either direction, in timer ticks; a connection without
    /// data counts from its handshake.
    #[inline(always)]
    pub(crate) fn idle_ticks(self) -> u32 {
        since_either!(self.0, lsndtime, lrcvtime)
    }

    /// Time since anything was received, data or acknowledgement, ns.
    #[inline(always)]
    pub(crate) fn heard_ns(self) -> u64 {
        ticks_ns(since_either!(self.0, rcv_tstamp, lrcvtime))
    }

    /// Time since the last data segment was received, ns; 0 when the kernel does not say.
    #[inline(always)]
    pub(crate) fn since_received_ns(self) -> u64 {
        if !has!(lrcvtime) {
            return 0;
        }
        ticks_ns(now_ticks().wrapping_sub(load!(self.0, lrcvtime: u32)))
    }

    /// Whether the last data segment came from the other side. Two in one timer tick count as
    /// answered.
    #[inline(always)]
    pub(crate) fn received_last(self) -> bool {
        if !has!(lsndtime) || !has!(lrcvtime) {
            return false;
        }
        let sent = load!(self.0, lsndtime: u32);
        let received = load!(self.0, lrcvtime: u32);
        received.wrapping_sub(sent).cast_signed() > 0
    }

    /// How often the oldest unacknowledged segment was sent again in vain, and how many probes
    /// have no answer.
    #[inline(always)]
    pub(crate) fn in_vain(self) -> (u8, u8) {
        (load!(self.0, retransmits_now: u8), load!(self.0, probes_out: u8))
    }

    /// Bytes that arrived and that the process has not read, without a FIN.
    #[inline(always)]
    pub(crate) fn unread(self) -> u32 {
        let waiting = load!(self.0, rcv_nxt: u32).wrapping_sub(load!(self.0, copied_seq: u32));
        waiting.wrapping_sub(u32::from(self.sock().fin_received() && waiting > 0))
    }
}
