//! Settings that the loader fixes before the programs load. Each becomes an immediate in the instructions
//! ([`crate::relocation`]), so the verifier prunes every branch that a setting switches off.

use super::pod;

/// Bits of [`Config::directions`].
pub mod directions {
    /// Trace connections that were opened to this host.
    pub const INBOUND: u8 = 1;
    /// Trace connections that were opened from this host.
    pub const OUTBOUND: u8 = 2;
}

/// [`Config::cgroup_level`] where it is not known: the programs search all levels.
pub const ANY_LEVEL: u64 = u64::MAX;

/// Words of the port bitmap: one bit for each of 65,536 ports.
pub const PORT_WORDS: usize = 1024;

macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident;)+) => {
        /// Settings of one run, each of them one 64-bit immediate.
        #[derive(Clone, Copy, Debug, Default)]
        #[repr(C)]
        pub struct Config {
            $($(#[$doc])* pub $field: u64,)+
        }

        impl Config {
            /// All settings in their order, which is how [`crate::relocation`] numbers them.
            pub const fn words(&self) -> [u64; size_of::<Self>() / size_of::<u64>()] {
                [$(self.$field,)+]
            }
        }
    };
}

settings! {
    /// Length of a timer tick (jiffy), ns.
    tick_ns;
    /// 1: the masks clear some bits of an address.
    masked;
    /// Mask over an IPv4-mapped remote address, its first half in memory order.
    mask4_low;
    /// The second half.
    mask4_high;
    /// Mask over any other remote address, its first half in memory order.
    mask6_low;
    /// The second half.
    mask6_high;
    /// Only sockets of this cgroup (v2) and those below it, by its kernfs id; 0: all.
    cgroup;
    /// Seed of the hash of peers, random per run.
    hash_seed;
    /// How many peers may have a slot of the `PEERS` array. It has that many slots, some more for
    /// those that are leaving, one for each CPU, which may hold one for a moment, and slot 0 for all others.
    peers;
    /// The number of slots in all.
    slots;
    /// Only this network namespace; 0: all.
    netns;
    /// How many cgroups lie above that cgroup, or [`ANY_LEVEL`].
    cgroup_level;
    /// Cells of the `INDEX` of peers, less one: a mask.
    index_mask;
    /// Places of the table of connections, less one: a mask.
    places_mask;
    /// Bits of [`directions`].
    directions;
    /// 1: only the ports set in the port bitmap.
    filter_ports;
    /// 1: look remote addresses up in the address filter.
    filter_addresses;
    /// Whether an address that matches no prefix of the filter is traced (1) or not (0).
    admit_by_default;
    /// 1: write a [`super::closed::Closed`] record per ended connection.
    records;
    /// Entries of the ring of records, less one: a mask.
    ring_mask;
    /// 1: other CPUs see a CPU's stores in order, so a plain store may publish what was stored before.
    stores_in_order;
    /// 1: request turns are counted, by the reads of the processes. 0: only an upper bound is known, the
    /// smaller of the data segments in and out.
    count_turns;
    /// 1: look at the first bytes that a process reads, to tell requests from the rest. 0: each turn counts.
    peek;
    /// For tests: 1: each place in the ring of records goes to another CPU.
    lose_races;
    /// For tests: changes of state to hide, as bits of [`crate::transition::step`].
    miss;
}

/// Key of the address filter, a longest-prefix-match trie.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Prefix {
    /// Address, network order, IPv4 as `::ffff:a.b.c.d`.
    pub address: [u32; 4],
}

pod!(Prefix);
