//! What the loader decides before the programs load; frozen afterwards, so the verifier prunes
//! every branch that a setting switches off.

use super::pod;

/// Bits of [`Config::directions`].
pub mod directions {
    /// Trace connections that were opened to this host.
    pub const INBOUND: u8 = 1;
    /// Trace connections that were opened from this host.
    pub const OUTBOUND: u8 = 2;
}

/// Words of the port bitmap: one bit for each of 65,536 ports.
pub const PORT_WORDS: usize = 1024;

/// Settings of one run.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Config {
    /// Monotonic time that `close_wait_entry_sum_ns` counts from.
    pub started_ns: u64,
    /// Length of a timer tick (jiffy), ns.
    pub tick_ns: u64,
    /// Mask over an IPv4-mapped remote address, network order.
    pub mask4: [u32; 4],
    /// Mask over any other remote address, network order.
    pub mask6: [u32; 4],
    /// Only sockets of this cgroup (v2) and those below it, by its kernfs id; 0: all.
    pub cgroup: u64,
    /// Seed of the hash of peers, another one in each run.
    pub hash_seed: u64,
    /// How many peers may have a slot of the `PEERS` array. It has as many slots, one per CPU that may be
    /// left over, and slot 0 for all others.
    pub peers: u32,
    /// Only this network namespace; 0: all.
    pub netns: u32,
    /// How many cgroups lie above that cgroup.
    pub cgroup_level: u32,
    /// Cells of the `INDEX` of peers, less one: a mask.
    pub index_mask: u32,
    /// Bits of [`directions`].
    pub directions: u8,
    /// 1: only the ports set in the port bitmap.
    pub filter_ports: u8,
    /// 1: look remote addresses up in the address filter.
    pub filter_addresses: u8,
    /// Whether an address that matches no prefix of the filter is traced (1) or not (0).
    pub admit_by_default: u8,
    /// 1: write a [`super::closed::Closed`] record per ended connection.
    pub records: u8,
    /// 1: request turns are counted, by the reads of the processes. 0: only a bound is known, the
    /// smaller of the data segments in and out.
    pub count_turns: u8,
    /// For tests: changes of state that are not to be seen, as bits of [`crate::transition::step`].
    pub miss: u8,
    /// Always 0.
    pub pad: u8,
}

/// Key of the address filter, a longest-prefix-match trie.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Prefix {
    /// Address, network order, IPv4 as `::ffff:a.b.c.d`.
    pub address: [u32; 4],
}

pod!(Config, Prefix);
