//! Reads kernel sockets through the offsets that the loader found.
//!
//! Each read is a direct load. The loader compares the size of the member with the kernel's own types, and
//! the verifier checks the load against them: an offset that does not fit is an error at start, never a wrong
//! number.

mod tcp;

use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock};
use tracer_ebpf::{
    abi::{live::NO_DROPS, peer::direction},
    address,
};

use crate::maps::config;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;

/// A `struct sock`, or a struct that begins with one, that the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct Sock(pub(crate) *const u8);

/// A `struct tcp_sock` that the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct TcpSock(*const u8);

/// A pointer to a kernel struct that the verifier trusts.
pub(crate) trait Pointer: Copy {
    fn address(self) -> *const u8;
}

impl Pointer for Sock {
    #[inline(always)]
    fn address(self) -> *const u8 {
        self.0
    }
}

impl Pointer for TcpSock {
    #[inline(always)]
    fn address(self) -> *const u8 {
        self.0
    }
}

impl Pointer for *const u8 {
    #[inline(always)]
    fn address(self) -> *const u8 {
        self
    }
}

/// Loads a member of a kernel struct, listed in [`tracer_ebpf::abi::offsets`] with its size and with what it
/// is needed for. A member that a kernel may lack is loaded in one of two ways, which say what it is then:
///
/// - `load!(sk => sock_common.skc_num: u16)`, an essential member;
/// - `load!(sk => sock_common.skc_v6_daddr[1]: u32 or 0)`, a word of a member that may be missing;
/// - `load!(tcp => tcp_sock.lsndtime: Option<u32>)`.
///
/// `ptr` is the type of a pointer. The displacement of the load is the member's mark, which the loader
/// replaces.
macro_rules! load {
    (@$mark:ident $word:expr, $from:expr, $struct:ident$(.$path:ident)+, $type:ident) => {{
        let value: u64;
        // SAFETY: the verifier has checked this very load, or the program would not run. In assembler, since
        // the compiler would merge two loads into one at an address computed beforehand.
        unsafe {
            core::arch::asm!(
                concat!("{value} = *(", stringify!($type), " *)({from} + {mark})"),
                value = out(reg) value,
                from = in(reg) $crate::sock::Pointer::address($from),
                mark = const tracer_ebpf::relocation::$mark(
                    tracer_ebpf::member!($struct$(.$path)+),
                    size_of::<$type>(),
                    $word,
                ),
                options(pure, readonly, nostack, preserves_flags),
            );
            core::hint::assert_unchecked(value <= $type::MAX as u64);
        }
        value as $type
    }};
    ($from:expr => $struct:ident$(.$path:ident)+: ptr) => {
        $crate::sock::load!($from => $struct$(.$path)+: u64) as *const u8
    };
    ($from:expr => $struct:ident$(.$path:ident)+: ptr or 0) => {
        $crate::sock::load!($from => $struct$(.$path)+: u64 or 0) as *const u8
    };
    ($from:expr => $struct:ident$(.$path:ident)+: Option<$type:ident>) => {
        if $crate::sock::has!($struct$(.$path)+) {
            Some($crate::sock::load!($from => $struct$(.$path)+: $type or 0))
        } else {
            None
        }
    };
    ($from:expr => $struct:ident$(.$path:ident)+: $type:ident) => {
        $crate::sock::load!(@load None, $from, $struct$(.$path)+, $type)
    };
    ($from:expr => $struct:ident$(.$path:ident)+: $type:ident or 0) => {
        $crate::sock::load!(@load_or_0 None, $from, $struct$(.$path)+, $type)
    };
    ($from:expr => $struct:ident$(.$path:ident)+[$word:literal]: $type:ident or 0) => {
        $crate::sock::load!(@load_or_0 Some($word), $from, $struct$(.$path)+, $type)
    };
}
pub(crate) use load;

/// Whether this kernel has a member.
macro_rules! has {
    ($struct:ident$(.$path:ident)+) => {
        $crate::maps::immediate!(tracer_ebpf::relocation::has(tracer_ebpf::member!($struct$(.$path)+))) != 0
    };
}
pub(crate) use has;

/// The offset of a member as a number, where no load can have it in its instruction.
macro_rules! offset {
    ($struct:ident$(.$path:ident)+) => {
        $crate::maps::immediate!(tracer_ebpf::relocation::offset(tracer_ebpf::member!($struct$(.$path)+)))
    };
}
pub(crate) use offset;

/// Loads an address, IPv4 mapped, from the member of its family.
macro_rules! address {
    ($sk:expr, $v4:ident, $v6:ident) => {
        match load!($sk => sock_common.skc_family: u16) {
            AF_INET => address::mapped(load!($sk => sock_common.$v4: u32)),
            AF_INET6 => [
                load!($sk => sock_common.$v6[0]: u32 or 0),
                load!($sk => sock_common.$v6[1]: u32 or 0),
                load!($sk => sock_common.$v6[2]: u32 or 0),
                load!($sk => sock_common.$v6[3]: u32 or 0),
            ],
            _ => [0; 4],
        }
    };
}

impl Sock {
    /// MPTCP, SCTP and DCCP sockets pass the same tracepoint.
    #[inline(always)]
    pub(crate) fn is_tcp(self) -> bool {
        load!(self => sock.sk_protocol: u16) == IPPROTO_TCP
    }

    /// The TCP state as stored; during `inet_sock_set_state` this is still the old one.
    #[inline(always)]
    pub(crate) fn state(self) -> u8 {
        load!(self => sock_common.skc_state: u8)
    }

    /// Local port, host order. 0 once the port has been released, so ask before CLOSE.
    #[inline(always)]
    pub(crate) fn local_port(self) -> u16 {
        load!(self => sock_common.skc_num: u16)
    }

    /// Local port, host order, of a connection that may have released it.
    #[inline(always)]
    pub(crate) fn local_port_once_had(self) -> u16 {
        match self.local_port() {
            0 => self.tcp().map_or(0, |tcp| {
                u16::from_be(load!(tcp => inet_sock.inet_sport: u16 or 0))
            }),
            port => port,
        }
    }

    /// Remote port, host order.
    #[inline(always)]
    pub(crate) fn remote_port(self) -> u16 {
        u16::from_be(load!(self => sock_common.skc_dport: u16))
    }

    /// The port of the service, which filters and keys use.
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
        load!(self => sock.sk_err: u32) as u16
    }

    /// Remote address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn remote_address(self) -> [u32; 4] {
        address!(self, skc_daddr, skc_v6_daddr)
    }

    /// Local address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn local_address(self) -> [u32; 4] {
        address!(self, skc_rcv_saddr, skc_v6_rcv_saddr)
    }

    /// Inode number of the network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> u32 {
        let net = load!(self => sock_common.skc_net.net: ptr);
        if net.is_null() {
            0
        } else {
            load!(net => net.ns.inum: u32)
        }
    }

    /// Index of the interface that the socket is bound to; 0: none. An accepted socket is bound like its
    /// listener, else to the VRF (with `tcp_l3mdev_accept`) or the link of its connection.
    #[inline(always)]
    pub(crate) fn interface(self) -> u32 {
        load!(self => sock_common.skc_bound_dev_if: u32)
    }

    /// Inode number of the socket's file; 0 without one.
    #[inline(always)]
    pub(crate) fn inode(self) -> u64 {
        let socket = load!(self => sock.sk_socket: ptr);
        if socket.is_null() {
            return 0;
        }
        let file = load!(socket => socket.file: ptr or 0);
        if file.is_null() {
            return 0;
        }
        let inode = load!(file => file.f_inode: ptr or 0);
        if inode.is_null() {
            0
        } else {
            load!(inode => inode.i_ino: u64 or 0)
        }
    }

    /// Whether the socket belongs to a process: from `accept`, or `socket` on the connecting side, until
    /// `close`.
    #[inline(always)]
    pub(crate) fn is_accepted(self) -> bool {
        !load!(self => sock.sk_socket: ptr).is_null()
    }

    /// Whether a system call holds the socket's lock at this moment. If none does, a packet or a timer is
    /// changing the socket. True on kernels that do not tell.
    #[inline(always)]
    pub(crate) fn is_locked_by_process(self) -> bool {
        load!(self => sock.sk_lock.owned: Option<u32>).is_none_or(|owned| owned != 0)
    }

    /// Whether the process has closed the socket (`SOCK_DEAD`, the first of the socket flags).
    #[inline(always)]
    pub(crate) fn is_orphan(self) -> bool {
        load!(self => sock_common.skc_flags: u64) & 1 != 0
    }

    /// Whether the remote side's FIN has been received (`SOCK_DONE`, the second of the socket flags).
    #[inline(always)]
    pub(crate) fn fin_received(self) -> bool {
        load!(self => sock_common.skc_flags: u64) & 2 != 0
    }

    /// Accept queue of a listener and its limit.
    #[inline(always)]
    pub(crate) fn accept_queue(self) -> (u32, u32) {
        (load!(self => sock.sk_ack_backlog: u32), self.accept_limit())
    }

    /// Limit of a listener's accept queue, which the connections that came to it keep. 0 for any other.
    #[inline(always)]
    pub(crate) fn accept_limit(self) -> u32 {
        load!(self => sock.sk_max_ack_backlog: u32)
    }

    /// What a listener dropped since it listens: SYNs and connections. Unknown with TCP_DEFER_ACCEPT, where
    /// the kernel counts every acknowledgement without data among them.
    #[inline(always)]
    pub(crate) fn drops(self) -> u32 {
        let defers = load!(self => inet_connection_sock.icsk_accept_queue.rskq_defer_accept: Option<u8>);
        match load!(self => sock.sk_drops: Option<u32>) {
            Some(drops) if defers == Some(0) => drops,
            _ => NO_DROPS,
        }
    }

    /// The socket's cookie, which is never used twice; 0 until somebody has asked for it.
    #[inline(always)]
    pub(crate) fn cookie(self) -> u64 {
        load!(self => sock_common.skc_cookie: u64)
    }

    /// The socket's cookie, made if need be.
    #[inline(always)]
    pub(crate) fn cookie_or_new(self) -> u64 {
        // SAFETY: the verifier trusts the socket.
        unsafe { bpf_get_socket_cookie(self.0.cast_mut().cast()) }
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
