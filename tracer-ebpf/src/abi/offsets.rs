//! The members of kernel structs that the programs read: one table for both halves.
//!
//! The programs name a member at each use and the compiler checks its size there; the loader looks up where
//! the running kernel has it, in the kernel's own BTF, and compares the size once more. A line here also says
//! what is lost on a kernel without the member.

/// A member of a kernel struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The kernel struct.
    pub structure: &'static str,
    /// The path of the member within it, with dots.
    pub path: &'static str,
    /// Its size, bytes; 0 for an array of no declared length.
    pub bytes: u32,
    /// What it is needed for.
    pub need: Need,
}

/// What a member is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing can be counted without it.
    Essential,
    /// One figure or feature is lost without it: these words, in `doctor` and the report.
    For(&'static str),
    /// The same on machines of one architecture, as [`std::env::consts::ARCH`] names it; others have no such
    /// member.
    On(&'static str, &'static str),
    /// Without it the programs are slower, and nothing is lost.
    Speed,
}

use Need::{Essential, For, On, Speed};

/// What is lost without the members that lead to a socket's cgroup.
pub const CGROUP_FILTER: &str = "the filter by cgroup";

/// What is lost without the members that lead to what a process reads.
pub const REQUESTS: &str = "protocols, and requests instead of turns";

/// What is lost without the other side's timestamps.
pub const ONE_HOST: &str = "whether a peer is a single host";

/// What is lost without the members that lead to a packet's headers.
pub const LATE_REQUESTS: &str = "requests that come after this host has closed";

macro_rules! members {
    ($($(#[doc = $doc:literal])+ $struct:ident.$first:ident$(.$rest:ident)*: $bytes:literal, $need:expr;)+) => {
        /// All members, in the order in which [`crate::relocation`] numbers them.
        pub const MEMBERS: [Member; [$($bytes),+].len()] = [
            $(Member {
                structure: stringify!($struct),
                path: concat!(stringify!($first) $(, ".", stringify!($rest))*),
                bytes: $bytes,
                need: $need,
            },)+
        ];
    };
}

members! {
    /// Remote IPv4 address, network order.
    sock_common.skc_daddr: 4, Essential;
    /// Local IPv4 address, network order.
    sock_common.skc_rcv_saddr: 4, Essential;
    /// Remote IPv6 address, network order.
    sock_common.skc_v6_daddr: 16, For("IPv6 addresses");
    /// Local IPv6 address, network order.
    sock_common.skc_v6_rcv_saddr: 16, For("IPv6 addresses");
    /// Remote port, network order.
    sock_common.skc_dport: 2, Essential;
    /// Local port, host order.
    sock_common.skc_num: 2, Essential;
    /// Address family.
    sock_common.skc_family: 2, Essential;
    /// TCP state.
    sock_common.skc_state: 1, Essential;
    /// Network namespace.
    sock_common.skc_net.net: 8, Essential;
    /// Socket flags.
    sock_common.skc_flags: 8, Essential;
    /// Index of the interface that the socket is bound to; 0: none.
    sock_common.skc_bound_dev_if: 4, Essential;
    /// The socket's cookie; 0 until somebody asks for it.
    sock_common.skc_cookie: 8, Essential;
    /// Inode number of a network namespace.
    net.ns.inum: 4, Essential;
    /// Protocol: tells TCP from MPTCP and others on the same tracepoint.
    sock.sk_protocol: 2, Essential;
    /// Pending error.
    sock.sk_err: 4, Essential;
    /// The process's side; null before accept and after close.
    sock.sk_socket: 8, Essential;
    /// Its file.
    socket.file: 8, For("the processes that hold sockets");
    /// The file's inode.
    file.f_inode: 8, For("the processes that hold sockets");
    /// The inode's number.
    inode.i_ino: 8, For("the processes that hold sockets");
    /// The cgroup of the process that made the socket.
    sock.sk_cgrp_data.cgroup: 8, For(CGROUP_FILTER);
    /// How many cgroups lie above a cgroup.
    cgroup.level: 4, For(CGROUP_FILTER);
    /// These cgroups, as pointers.
    cgroup.ancestors: 0, For(CGROUP_FILTER);
    /// A cgroup's node in its file system.
    cgroup.kn: 8, For(CGROUP_FILTER);
    /// The node's id.
    kernfs_node.id: 8, For(CGROUP_FILTER);
    /// Accept queue of a listener.
    sock.sk_ack_backlog: 4, Essential;
    /// Limit of the accept queue, which the connections that came to the listener keep.
    sock.sk_max_ack_backlog: 4, Essential;
    /// What a listener dropped.
    sock.sk_drops: 4, For("what listeners drop for a full queue");
    /// Whether a listener waits for the first data (TCP_DEFER_ACCEPT).
    inet_connection_sock.icsk_accept_queue.rskq_defer_accept: 1, For("what listeners drop for a full queue");
    /// Sequence space received after the SYN: payload, and one for a FIN.
    tcp_sock.bytes_received: 8, For("bytes received");
    /// Payload sent, each retransmission counted again.
    tcp_sock.bytes_sent: 8, For("bytes sent");
    /// Payload sent again.
    tcp_sock.bytes_retrans: 8, For("bytes sent");
    /// Data segments received.
    tcp_sock.data_segs_in: 4, For("data segments");
    /// Data segments sent.
    tcp_sock.data_segs_out: 4, For("data segments");
    /// Segments sent again.
    tcp_sock.total_retrans: 4, For("retransmits");
    /// Smoothed round-trip time, in eighths of a microsecond.
    tcp_sock.srtt_us: 4, For("round-trip times");
    /// Next sequence number expected.
    tcp_sock.rcv_nxt: 4, For("unread bytes");
    /// First byte the process has not read.
    tcp_sock.copied_seq: 4, For("unread bytes");
    /// End of what the process has written.
    tcp_sock.write_seq: 4, For("request turns");
    /// First byte sent that the other side has not acknowledged.
    tcp_sock.snd_una: 4, For("idle time before a server's goodbye");
    /// Local port, network order, which outlasts `skc_num`.
    inet_sock.inet_sport: 2, For("opens that the kernel hid from the program");
    /// When data was last sent, in jiffies.
    tcp_sock.lsndtime: 4, For("idle time before close");
    /// When data was last received, in jiffies.
    inet_connection_sock.icsk_ack.lrcvtime: 4, For("idle time before close");
    /// When an acknowledgement was last received, in jiffies.
    tcp_sock.rcv_tstamp: 4, For("when a connection was last heard of");
    /// The other side's latest TCP timestamp.
    tcp_sock.rx_opt.ts_recent: 4, For(ONE_HOST);
    /// When that came, s; 0: it sends none.
    tcp_sock.rx_opt.ts_recent_stamp: 4, For(ONE_HOST);
    /// When the socket last read the clock: at each packet it gets and each timer that expires. Monotonic,
    /// ns.
    tcp_sock.tcp_clock_cache: 8, Speed;
    /// Whether a system call holds the socket's lock; packets that arrive meanwhile wait.
    sock.sk_lock.owned: 4, Speed;
    /// How often the oldest unacknowledged segment has timed out.
    inet_connection_sock.icsk_retransmits: 1, For("which connections are silent for good");
    /// Probes without an answer.
    inet_connection_sock.icsk_probes_out: 1, For("which connections are silent for good");
    /// The memory of a packet.
    sk_buff.head: 8, For(LATE_REQUESTS);
    /// Where its IP header is there.
    sk_buff.network_header: 2, For(LATE_REQUESTS);
    /// Where its TCP header is there.
    sk_buff.transport_header: 2, For(LATE_REQUESTS);
    /// What is left of it to handle.
    sk_buff.len: 4, For(LATE_REQUESTS);
    /// The device that it came through.
    sk_buff.dev: 8, For(LATE_REQUESTS);
    /// The index of a device.
    net_device.ifindex: 4, For(LATE_REQUESTS);
    /// The network namespace of a device.
    net_device.nd_net.net: 8, For(LATE_REQUESTS);
    /// First thread of a process.
    task_struct.group_leader: 8, For("the names of processes that have ended");
    /// Name of a thread.
    task_struct.comm: 16, For("the names of processes that have ended");
    /// The number of a system call.
    pt_regs.orig_ax: 8, On("x86_64", REQUESTS);
    /// Its second argument.
    pt_regs.si: 8, On("x86_64", REQUESTS);
    /// Its third argument.
    pt_regs.dx: 8, On("x86_64", REQUESTS);
    /// The number of a system call.
    pt_regs.syscallno: 4, On("aarch64", REQUESTS);
    /// Its arguments, among other registers.
    pt_regs.regs: 248, On("aarch64", REQUESTS);
}

/// The number of a member: `member!(sock_common.skc_num)`. A member that is not in the table does not
/// compile.
#[macro_export]
macro_rules! member {
    ($struct:ident.$first:ident$(.$rest:ident)*) => {
        const {
            $crate::abi::offsets::number(
                stringify!($struct),
                concat!(stringify!($first) $(, ".", stringify!($rest))*),
            )
        }
    };
}

/// The place of a member in [`MEMBERS`]; see [`member!`](crate::member).
///
/// # Panics
/// At compile time, for a member that is not in the table.
pub const fn number(structure: &str, path: &str) -> usize {
    let mut number = 0;
    loop {
        assert!(number < MEMBERS.len(), "no such member in the table");
        let member = MEMBERS[number];
        if is_same(member.structure, structure) && is_same(member.path, path) {
            return number;
        }
        number += 1;
    }
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Byte offsets of all members on one kernel, in the order of [`MEMBERS`]; `None` for those it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets(pub [Option<u32>; MEMBERS.len()]);

impl Offsets {
    /// All members missing.
    pub const MISSING: Self = Self([None; MEMBERS.len()]);

    /// Whether this kernel has all of these members.
    pub fn has(&self, members: &[usize]) -> bool {
        members.iter().all(|member| self.0[*member].is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_whole_name() {
        assert_eq!(member!(sock_common.skc_daddr), 0);
        assert_eq!(member!(pt_regs.regs), MEMBERS.len() - 1);
        let nested = MEMBERS[member!(inet_connection_sock.icsk_ack.lrcvtime)];
        assert_eq!(nested.path, "icsk_ack.lrcvtime");
        assert!(!is_same("skc_num", "skc_number") && !is_same("skc_number", "skc_num"));
    }

    #[test]
    fn no_member_is_listed_twice() {
        for (place, one) in MEMBERS.iter().enumerate() {
            assert_eq!(number(one.structure, one.path), place, "{one:?}");
        }
    }
}
