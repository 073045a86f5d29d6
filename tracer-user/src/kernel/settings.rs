//! What to load and how, and how much room it takes.

use std::{path::PathBuf, time::Duration};

use tracer_ebpf::abi::{
    conn::{self, Conn},
    peer::PeerStats,
    ring,
};

use super::retire;
use crate::filter::Filter;

/// The largest value of an array before Linux 6.0 (`KMALLOC_MAX_SIZE`), bytes.
const SMALL: usize = 4 << 20;

/// Default number of peers with counters of their own: eight times the largest fleet of long pollers known to
/// us.
pub const DEFAULT_MAX_PEERS: u32 = 16384;

/// Default number of open connections: four times the surge this was made for, with both ends of loopback
/// connections counted.
pub const DEFAULT_MAX_CONNECTIONS: u32 = 65536;

/// Default time for which a quiet peer is kept: one that comes every half hour stays.
pub const DEFAULT_RETAIN_NS: u64 = 3600 * 1_000_000_000;

/// What to load and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to trace.
    pub filter: Filter,
    /// How many peers have a slot of their own.
    pub max_peers: u32,
    /// How long a peer is kept that holds nothing and is quiet, while there is room, ns; `None`: until the
    /// end, even if there is no room for others.
    pub retain_ns: Option<u64>,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// No connect takes longer: the kernel tries for 127 s unless it is told otherwise.
    pub longest_connect: Duration,
    /// Room for this many records of ended connections, rounded up to a power of two; `None` if none are
    /// written.
    pub records: Option<u32>,
    /// How many names of processes the kernel keeps. They are fetched at the next sample or row.
    pub names: u32,
    /// Used in place of [`VMLINUX`].
    pub btf: Option<PathBuf>,
    /// Used in place of the embedded object.
    pub object: Option<PathBuf>,
    /// Whether to look at the first bytes that processes read, to tell requests from handshakes and the like.
    pub peek: bool,
    /// State changes to be hidden from the first programs, as bits of [`tracer_ebpf::transition::step`]. For
    /// tests: as if the kernel had skipped the program for each of them; the counts must stay the same. With
    /// [`tracer_ebpf::transition::DESTROYED`] the end of the sockets is hidden too.
    pub miss: u8,
    /// For tests: each place in the ring of records goes to another CPU.
    pub lose_races: bool,
    /// Whether the CPU keeps its stores in order, so that a plain store is enough to publish. For tests: if
    /// not set, the programs use exchanges, which must count the same.
    pub stores_in_order: bool,
    /// Whether each table is to fit into [`SMALL`] bytes. For tests, and for kernels that accept no larger
    /// ones.
    pub small_tables: bool,
    /// Whether to attach the further programs too ([`tracer_ebpf::hooks::Hook::further`]). For tests, and for
    /// kernels that need them.
    pub further: bool,
    /// Whether the programs log what they leave out (slow; for finding faults in tcpreuse itself).
    pub log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            max_peers: DEFAULT_MAX_PEERS,
            retain_ns: Some(DEFAULT_RETAIN_NS),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            longest_connect: Duration::from_secs(300),
            records: None,
            names: 8192,
            btf: None,
            object: None,
            peek: true,
            miss: 0,
            lose_races: false,
            stores_in_order: cfg!(any(target_arch = "x86_64", target_arch = "s390x")),
            small_tables: false,
            further: false,
            log: false,
        }
    }
}

impl Settings {
    /// Keeps quiet peers for at least the window that is judged.
    #[must_use]
    pub fn retaining(mut self, window_ns: u64) -> Self {
        self.retain_ns = self.retain_ns.map(|retain| retain.max(window_ns));
        self
    }

    /// Number of entries in the ring of records, a power of two.
    pub(super) fn ring_entries(&self) -> u32 {
        self.records.unwrap_or(1).max(1).next_power_of_two()
    }

    /// Number of places in the table of connections.
    pub(super) fn places(&self) -> u32 {
        let places = conn::places(self.max_connections);
        match self.small_tables {
            // The others find room in a hash map, which takes longer.
            true => places.min(1 << (SMALL / size_of::<Conn>()).ilog2()),
            false => places,
        }
    }

    /// Number of slots in the table of peers, on a host with so many CPUs. Beside those of the peers there
    /// are some for those that are leaving, one for each CPU that may hold one for a moment, and the one for
    /// all other peers.
    pub(super) fn slots(&self, cpus: u32) -> u32 {
        let beside = cpus + 1 + retire::most_leaving(self.max_peers);
        self.max_peers.saturating_add(beside)
    }

    /// The same with tables that any kernel accepts: fewer peers, and a smaller ring of records.
    #[must_use]
    pub(super) fn with_small_tables(&self, cpus: u32) -> Self {
        let mut small = Self {
            small_tables: true,
            ..self.clone()
        };
        let most = u32::try_from(SMALL / size_of::<PeerStats>()).unwrap_or(u32::MAX);
        while small.slots(cpus) > most && small.max_peers > 1 {
            small.max_peers -= 1;
        }
        while small.records.is_some() && ring::bytes(small.ring_entries() as usize) > SMALL {
            small.records = Some(small.ring_entries() / 2);
        }
        small
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tables_fit_and_are_used_well() {
        let wanted = Settings {
            records: Some(1 << 20),
            ..Settings::default()
        };
        for cpus in [1, 2, 64, 512] {
            let small = wanted.with_small_tables(cpus);
            let peers = small.slots(cpus) as usize * size_of::<PeerStats>();
            let ring = ring::bytes(small.ring_entries() as usize);
            for bytes in [peers, ring, small.places() as usize * size_of::<Conn>()] {
                assert!(bytes <= SMALL && bytes > SMALL / 3, "{cpus} CPUs: {bytes} bytes");
            }
        }
        let few = Settings {
            max_peers: 100,
            ..Settings::default()
        };
        assert_eq!(few.with_small_tables(2).max_peers, 100);
    }
}
