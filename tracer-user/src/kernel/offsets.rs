//! Where this kernel keeps what the programs read, and what is lost when it has no such member.

use tracer_ebpf::abi::offsets::{MISSING, Offsets};

use super::btf::{Btf, BtfError};

/// Members without which nothing can be counted. The others cost one figure each.
const ESSENTIAL: &[&str] = &[
    "skc_daddr",
    "skc_rcv_saddr",
    "skc_dport",
    "skc_num",
    "skc_family",
    "skc_state",
    "skc_net",
    "skc_cookie",
    "net_inum",
    "sk_protocol",
    "sk_err",
    "sk_socket",
    "skc_flags",
    "sk_ack_backlog",
    "sk_max_ack_backlog",
];

/// What a member costs that only makes the programs faster.
const NOTHING: &str = "";

/// What a missing member costs, in words for `doctor` and the report.
fn lost(field: &str) -> &'static str {
    match field {
        "skc_v6_daddr" | "skc_v6_rcv_saddr" => "IPv6 addresses",
        "bytes_received" => "bytes received",
        "bytes_sent" | "bytes_retrans" => "bytes sent",
        "data_segs_in" | "data_segs_out" => "data segments",
        "total_retrans" => "retransmits",
        "srtt_us" => "round-trip times",
        "rcv_nxt" | "copied_seq" => "unread bytes",
        "lsndtime" | "lrcvtime" => "idle time before close",
        "sk_cgroup" | "cgroup_level" | "cgroup_ancestors" | "cgroup_node" | "node_id" => {
            "the filter by cgroup"
        }
        "rcv_tstamp" => "when a connection was last heard of",
        "sk_drops" => "what listeners drop for a full queue",
        "retransmits_now" | "probes_out" => "which connections are silent for good",
        "tcp_clock_cache" | "sk_lock_owned" => NOTHING,
        "write_seq" => "request turns",
        "inet_sport" => "opens that the kernel hid from the program",
        "socket_file" | "file_inode" | "inode_number" => "the processes that hold sockets",
        "group_leader" | "task_comm" => "the names of processes that have ended",
        _ => "everything",
    }
}

/// A member this kernel does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The member, as `struct.path`.
    pub member: String,
    /// What is lost without it.
    pub lost: &'static str,
    /// Nothing can be counted without it.
    pub essential: bool,
}

/// The offsets of this kernel and what it does not have.
///
/// # Errors
/// When the type information is damaged: only a member that is not there counts as missing.
pub fn resolve(btf: &Btf) -> Result<(Offsets, Vec<Missing>), BtfError> {
    let mut damage = None;
    let mut missing = Vec::new();
    let mut fields = Offsets::PATHS.iter();
    let offsets = Offsets::resolve(|root, path| {
        let field = fields.next().map_or("", |(field, _, _)| *field);
        match btf.member_offset(root, path) {
            Ok(offset) => offset,
            Err(error) => {
                if !error.is_not_found() {
                    damage.get_or_insert(error);
                }
                let lost = lost(field);
                if lost != NOTHING {
                    missing.push(Missing {
                        member: format!("{root}.{path}"),
                        lost,
                        essential: ESSENTIAL.contains(&field),
                    });
                }
                MISSING
            }
        }
    });
    match damage {
        Some(error) => Err(error),
        None => Ok((offsets, missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_essential_or_has_a_named_loss() {
        for (field, _, _) in Offsets::PATHS {
            let essential = ESSENTIAL.contains(field);
            assert_eq!(essential, lost(field) == "everything", "{field}");
        }
    }
}
