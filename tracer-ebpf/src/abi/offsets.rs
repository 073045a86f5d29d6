//! Where the running kernel keeps what the programs read.
//!
//! The loader fills this from the kernel's own BTF. A member the kernel does not have is
//! [`MISSING`]: the program skips what needs it and the loader says what is lost.

/// Offset of a member that this kernel does not have.
pub const MISSING: u32 = u32::MAX;

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident = $root:literal, $path:literal;)+) => {
        /// Byte offsets into kernel structs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct Offsets {
            $($(#[$doc])* #[doc = concat!("`", $root, ".", $path, "`")] pub $field: u32,)+
        }

        impl Offsets {
            /// All members missing.
            pub const MISSING: Self = Self { $($field: MISSING,)+ };

            /// Field by field: its name here, the kernel struct, and the path of the member.
            pub const PATHS: &[(&str, &str, &str)] = &[$((stringify!($field), $root, $path),)+];

            /// All offsets in their order, which is how [`crate::relocation`] numbers the members.
            pub const fn words(&self) -> [u32; Self::PATHS.len()] {
                [$(self.$field,)+]
            }

            /// Builds the table by asking for each member's offset in turn.
            pub fn resolve(mut offset: impl FnMut(&'static str, &'static str) -> u32) -> Self {
                Self { $($field: offset($root, $path),)+ }
            }
        }
    };
}

offsets! {
    /// Remote IPv4 address, network order.
    skc_daddr = "sock_common", "skc_daddr";
    /// Local IPv4 address, network order.
    skc_rcv_saddr = "sock_common", "skc_rcv_saddr";
    /// Remote IPv6 address, network order.
    skc_v6_daddr = "sock_common", "skc_v6_daddr";
    /// Local IPv6 address, network order.
    skc_v6_rcv_saddr = "sock_common", "skc_v6_rcv_saddr";
    /// Remote port, network order.
    skc_dport = "sock_common", "skc_dport";
    /// Local port, host order.
    skc_num = "sock_common", "skc_num";
    /// Address family.
    skc_family = "sock_common", "skc_family";
    /// TCP state.
    skc_state = "sock_common", "skc_state";
    /// Network namespace.
    skc_net = "sock_common", "skc_net.net";
    /// Socket flags.
    skc_flags = "sock_common", "skc_flags";
    /// The socket's cookie; 0 until somebody asks for it.
    skc_cookie = "sock_common", "skc_cookie";
    /// Inode number of a network namespace.
    net_inum = "net", "ns.inum";
    /// Protocol: tells TCP from MPTCP and others on the same tracepoint.
    sk_protocol = "sock", "sk_protocol";
    /// Pending error.
    sk_err = "sock", "sk_err";
    /// The process's side; null before accept and after close.
    sk_socket = "sock", "sk_socket";
    /// Its file.
    socket_file = "socket", "file";
    /// The file's inode.
    file_inode = "file", "f_inode";
    /// The inode's number.
    inode_number = "inode", "i_ino";
    /// The cgroup of the process that made it.
    sk_cgroup = "sock", "sk_cgrp_data.cgroup";
    /// How many cgroups lie above a cgroup.
    cgroup_level = "cgroup", "level";
    /// These cgroups, as pointers.
    cgroup_ancestors = "cgroup", "ancestors";
    /// A cgroup's node in its file system.
    cgroup_node = "cgroup", "kn";
    /// The node's id.
    node_id = "kernfs_node", "id";
    /// Accept queue of a listener.
    sk_ack_backlog = "sock", "sk_ack_backlog";
    /// Limit of the accept queue.
    sk_max_ack_backlog = "sock", "sk_max_ack_backlog";
    /// What a listener dropped.
    sk_drops = "sock", "sk_drops";
    /// Sequence space received after the SYN: payload, and one for a FIN.
    bytes_received = "tcp_sock", "bytes_received";
    /// Payload sent, each retransmission counted again.
    bytes_sent = "tcp_sock", "bytes_sent";
    /// Payload sent again.
    bytes_retrans = "tcp_sock", "bytes_retrans";
    /// Data segments received.
    data_segs_in = "tcp_sock", "data_segs_in";
    /// Data segments sent.
    data_segs_out = "tcp_sock", "data_segs_out";
    /// Segments sent again.
    total_retrans = "tcp_sock", "total_retrans";
    /// Smoothed round-trip time, in eighths of a microsecond.
    srtt_us = "tcp_sock", "srtt_us";
    /// Next sequence number expected.
    rcv_nxt = "tcp_sock", "rcv_nxt";
    /// First byte the process has not read.
    copied_seq = "tcp_sock", "copied_seq";
    /// End of what the process has written.
    write_seq = "tcp_sock", "write_seq";
    /// Local port, network order, which outlasts `skc_num`.
    inet_sport = "inet_sock", "inet_sport";
    /// When data was last sent, in jiffies.
    lsndtime = "tcp_sock", "lsndtime";
    /// When data was last received, in jiffies.
    lrcvtime = "inet_connection_sock", "icsk_ack.lrcvtime";
    /// When an acknowledgement was last received, in jiffies.
    rcv_tstamp = "tcp_sock", "rcv_tstamp";
    /// When the socket last looked at the clock: at each packet it gets and each timer that runs out. Monotonic, ns.
    tcp_clock_cache = "tcp_sock", "tcp_clock_cache";
    /// Whether a process holds the socket; what comes in meanwhile waits.
    sk_lock_owned = "sock", "sk_lock.owned";
    /// How often the oldest unacknowledged segment has timed out.
    retransmits_now = "inet_connection_sock", "icsk_retransmits";
    /// Probes without an answer.
    probes_out = "inet_connection_sock", "icsk_probes_out";
    /// First thread of a process.
    group_leader = "task_struct", "group_leader";
    /// Name of a thread.
    task_comm = "task_struct", "comm";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_asks_for_every_member_once() {
        let mut asked = 0_u32;
        let offsets = Offsets::resolve(|_, _| {
            asked += 1;
            asked
        });
        assert_eq!(asked as usize, Offsets::PATHS.len());
        assert_eq!(asked as usize * size_of::<u32>(), size_of::<Offsets>());
        assert_eq!(offsets.skc_daddr, 1);
        assert_eq!(offsets.task_comm, asked);
    }
}
