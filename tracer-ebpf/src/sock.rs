//! Reading kernel sockets through the offsets that the loader found.
//!
//! Each read is a direct load that the verifier checks against the kernel's own types: an offset
//! that does not fit there is a load error at start, never a wrong number.

use aya_ebpf::helpers::{
    bpf_probe_read_kernel,
    generated::{bpf_get_socket_cookie, bpf_jiffies64, bpf_skc_to_tcp_sock},
};
use tracer_ebpf::{
    abi::{offsets::MISSING, peer::direction},
    address,
};

use crate::maps::{config, offset};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_TCP: u16 = 6;

/// A `struct sock` (or anything that begins with one) the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct Sock(pub(crate) *const u8);

/// A `struct tcp_sock` the verifier trusts.
#[derive(Clone, Copy)]
pub(crate) struct TcpSock(*const u8);

/// Loads a member. The caller passes a pointer the verifier trusts and an offset from BTF.
#[inline(always)]
pub(crate) fn load<T: Copy>(base: *const u8, offset: u32) -> T {
    // SAFETY: the verifier has checked this very load, or the program would not run.
    unsafe { base.add(offset as usize).cast::<T>().read_volatile() }
}

/// Loads a member that this kernel may not have; 0 then, and the loader reports it as unknown.
#[inline(always)]
fn load_if_there<T: Copy + Default>(base: *const u8, offset: u32) -> T {
    if offset == MISSING {
        T::default()
    } else {
        load(base, offset)
    }
}

/// Reads a word at an address nothing is known of; 0 where there is none.
#[inline(always)]
fn probe(base: *const u8, offset: u32) -> u64 {
    // SAFETY: the helper reads only what it can, and says when it cannot.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as usize).cast::<u64>()) }.unwrap_or(0)
}

impl Sock {
    /// MPTCP, SCTP and DCCP sockets pass the same tracepoint.
    #[inline(always)]
    pub(crate) fn is_tcp(self) -> bool {
        load::<u16>(self.0, offset!(sk_protocol)) == IPPROTO_TCP
    }

    /// The TCP state as stored; during `inet_sock_set_state` this still is the old one.
    #[inline(always)]
    pub(crate) fn state(self) -> u8 {
        load(self.0, offset!(skc_state))
    }

    /// Local port, host order. 0 once the port was given back, so ask before CLOSE.
    #[inline(always)]
    pub(crate) fn local_port(self) -> u16 {
        load(self.0, offset!(skc_num))
    }

    /// Local port, host order, of a connection that may have given it back.
    #[inline(always)]
    pub(crate) fn local_port_once_had(self) -> u16 {
        match self.local_port() {
            0 => self
                .tcp()
                .map_or(0, |tcp| u16::from_be(load_if_there(tcp.0, offset!(inet_sport)))),
            port => port,
        }
    }

    /// Remote port, host order.
    #[inline(always)]
    pub(crate) fn remote_port(self) -> u16 {
        u16::from_be(load(self.0, offset!(skc_dport)))
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
        load::<u32>(self.0, offset!(sk_err)) as u16
    }

    /// Remote address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn remote_address(self) -> [u32; 4] {
        self.address(offset!(skc_daddr), offset!(skc_v6_daddr))
    }

    /// Local address, IPv4 mapped.
    #[inline(always)]
    pub(crate) fn local_address(self) -> [u32; 4] {
        self.address(offset!(skc_rcv_saddr), offset!(skc_v6_rcv_saddr))
    }

    #[inline(always)]
    fn address(self, v4: u32, v6: u32) -> [u32; 4] {
        match load::<u16>(self.0, offset!(skc_family)) {
            AF_INET => address::mapped(load(self.0, v4)),
            AF_INET6 if v6 != MISSING => [
                load(self.0, v6),
                load(self.0, v6 + 4),
                load(self.0, v6 + 8),
                load(self.0, v6 + 12),
            ],
            _ => [0; 4],
        }
    }

    /// Inode number of the network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> u32 {
        let net: *const u8 = load(self.0, offset!(skc_net));
        if net.is_null() {
            0
        } else {
            load(net, offset!(net_inum))
        }
    }

    /// Inode number of the socket's file; 0 without one.
    #[inline(always)]
    pub(crate) fn inode(self) -> u64 {
        if offset!(socket_file) == MISSING
            || offset!(file_inode) == MISSING
            || offset!(inode_number) == MISSING
        {
            return 0;
        }
        let socket: *const u8 = load(self.0, offset!(sk_socket));
        if socket.is_null() {
            return 0;
        }
        let file: *const u8 = load(socket, offset!(socket_file));
        if file.is_null() {
            return 0;
        }
        let inode: *const u8 = load(file, offset!(file_inode));
        if inode.is_null() {
            0
        } else {
            load(inode, offset!(inode_number))
        }
    }

    /// Whether a process holds the socket: false before accept and after close.
    #[inline(always)]
    pub(crate) fn has_socket(self) -> bool {
        !load::<*const u8>(self.0, offset!(sk_socket)).is_null()
    }

    /// The process has closed the socket (`SOCK_DEAD`, the first of the socket flags).
    #[inline(always)]
    pub(crate) fn is_orphan(self) -> bool {
        load::<u64>(self.0, offset!(skc_flags)) & 1 != 0
    }

    /// The remote side's FIN has been taken in (`SOCK_DONE`, the second of the socket flags).
    #[inline(always)]
    pub(crate) fn fin_received(self) -> bool {
        load::<u64>(self.0, offset!(skc_flags)) & 2 != 0
    }

    /// Accept queue of a listener and its limit.
    #[inline(always)]
    pub(crate) fn accept_queue(self) -> (u32, u32) {
        (
            load(self.0, offset!(sk_ack_backlog)),
            load(self.0, offset!(sk_max_ack_backlog)),
        )
    }

    /// The socket's cookie, which is never used twice; 0 when nobody has asked for it yet.
    #[inline(always)]
    pub(crate) fn cookie(self) -> u64 {
        load(self.0, offset!(skc_cookie))
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

    /// Whether the address and namespace filters let this connection pass.
    #[inline(always)]
    pub(crate) fn admitted(self, netns: u32, remote: [u32; 4]) -> bool {
        let only = config!(netns);
        if only != 0 && only != netns {
            return false;
        }
        if config!(cgroup) != 0 && !self.in_cgroup() {
            return false;
        }
        config!(filter_addresses) == 0 || crate::peers::address_admitted(remote)
    }

    /// Whether the wanted cgroup is the socket's own or above it. An accepted socket is in the
    /// cgroup of its listener.
    #[inline(always)]
    fn in_cgroup(self) -> bool {
        let cgroup: *const u8 = load(self.0, offset!(sk_cgroup));
        if cgroup.is_null() {
            return false;
        }
        let level = config!(cgroup_level);
        if load::<u32>(cgroup, offset!(cgroup_level)) < level {
            return false;
        }
        // The verifier does not follow an array of pointers of no declared length, so from here on
        // the reads are checked when they run.
        let ancestor = probe(cgroup, offset!(cgroup_ancestors) + 8 * level);
        let node = probe(ancestor as *const u8, offset!(cgroup_node));
        probe(node as *const u8, offset!(node_id)) == config!(cgroup)
    }
}

/// Timer ticks as time, ns.
#[inline(always)]
pub(crate) fn ticks_ns(ticks: u32) -> u64 {
    u64::from(ticks) * config!(tick_ns)
}

impl TcpSock {
    /// The same socket, for what every socket has.
    #[inline(always)]
    pub(crate) fn sock(self) -> Sock {
        Sock(self.0)
    }

    /// Payload received and payload sent, bytes; what was sent again counts once. The kernel's
    /// count of received bytes includes the FIN, which is taken out.
    #[inline(always)]
    pub(crate) fn bytes(self) -> (u64, u64) {
        let received: u64 = load_if_there(self.0, offset!(bytes_received));
        let fin = u64::from(self.sock().fin_received() && received > 0);
        let sent: u64 = load_if_there(self.0, offset!(bytes_sent));
        (
            received - fin,
            sent.wrapping_sub(load_if_there(self.0, offset!(bytes_retrans))),
        )
    }

    /// Data segments received and sent.
    #[inline(always)]
    pub(crate) fn data_segs(self) -> (u32, u32) {
        (
            load_if_there(self.0, offset!(data_segs_in)),
            load_if_there(self.0, offset!(data_segs_out)),
        )
    }

    /// End of what the process has written, as a sequence number.
    #[inline(always)]
    pub(crate) fn write_seq(self) -> u32 {
        load_if_there(self.0, offset!(write_seq))
    }

    /// Segments sent again.
    #[inline(always)]
    pub(crate) fn retransmits(self) -> u32 {
        load_if_there(self.0, offset!(total_retrans))
    }

    /// Time since the last data segment in either direction, in timer ticks; a connection without
    /// data counts from its handshake.
    #[inline(always)]
    pub(crate) fn idle_ticks(self) -> u32 {
        self.since_either(offset!(lsndtime), offset!(lrcvtime))
    }

    /// Time since anything was received, data or acknowledgement, ns.
    #[inline(always)]
    pub(crate) fn heard_ns(self) -> u64 {
        ticks_ns(self.since_either(offset!(rcv_tstamp), offset!(lrcvtime)))
    }

    /// Time since the last data segment was received, ns; 0 when the kernel does not say.
    #[inline(always)]
    pub(crate) fn since_received_ns(self) -> u64 {
        ticks_ns(self.since_either(offset!(lrcvtime), offset!(lrcvtime)))
    }

    /// Time since the later of two moments, in timer ticks; 0 when the kernel does not note one of
    /// them. These clocks are 32-bit jiffies and wrap.
    #[inline(always)]
    fn since_either(self, one: u32, other: u32) -> u32 {
        if one == MISSING || other == MISSING {
            return 0;
        }
        // SAFETY: the helper only reads a clock.
        let now = unsafe { bpf_jiffies64() } as u32;
        let one = now.wrapping_sub(load(self.0, one));
        let other = now.wrapping_sub(load(self.0, other));
        if one < other { one } else { other }
    }

    /// Whether the last data segment came from the other side. Two in one timer tick count as
    /// answered.
    #[inline(always)]
    pub(crate) fn received_last(self) -> bool {
        if offset!(lsndtime) == MISSING || offset!(lrcvtime) == MISSING {
            return false;
        }
        let sent: u32 = load(self.0, offset!(lsndtime));
        let received: u32 = load(self.0, offset!(lrcvtime));
        received.wrapping_sub(sent).cast_signed() > 0
    }

    /// How often the oldest unacknowledged segment was sent again in vain, and how many probes
    /// have no answer.
    #[inline(always)]
    pub(crate) fn in_vain(self) -> (u8, u8) {
        (
            load_if_there(self.0, offset!(retransmits_now)),
            load_if_there(self.0, offset!(probes_out)),
        )
    }

    /// Bytes that arrived and that the process has not read, without a FIN.
    #[inline(always)]
    pub(crate) fn unread(self) -> u32 {
        let waiting = load_if_there::<u32>(self.0, offset!(rcv_nxt))
            .wrapping_sub(load_if_there(self.0, offset!(copied_seq)));
        waiting.wrapping_sub(u32::from(self.sock().fin_received() && waiting > 0))
    }
}
