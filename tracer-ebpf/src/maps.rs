//! All maps and globals of the programs. The loader sets the sizes that depend on settings.

use aya_ebpf::{
    Global,
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, RingBuf},
    macros::btf_map,
};
use tracer_ebpf::{
    abi::{
        closed::Closed,
        comm::Comm,
        config::{Config, PORT_WORDS, Prefix},
        conn::Conn,
        losses::Losses,
        offsets::Offsets,
        peer::{PeerKey, PeerStats},
    },
    address,
};

/// Places of [`PLACES`]; a power of two.
pub(crate) const PLACE_COUNT: usize = 1 << 15;

/// The traced connections: that of a cookie lies in the place of its low bits, if the place was
/// free when it began. A look-up is a few instructions without a call. Can be mapped, though nobody
/// does, because such an array begins at a page, so that a place is one cache line.
#[btf_map]
pub(crate) static PLACES: Array<Conn, PLACE_COUNT, { BPF_F_MMAPABLE as usize }> = Array::new();

/// The cookie of the socket in each place; 0: a free one. Apart from the places because cookies are given
/// out one after the other: to look at the next eight places is to look at one line.
#[btf_map]
pub(crate) static COOKIES: Array<u64, PLACE_COUNT> = Array::new();

/// The traced connections whose place was taken, by socket cookie.
///
/// Neither is socket storage, which would free itself: making and freeing that took the kernel
/// more time than all the rest together, and an entry here takes half of that.
#[btf_map]
pub(crate) static CONNS: HashMap<u64, Conn, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// How many there are of these; while there are none, nobody need look.
#[btf_map]
pub(crate) static CONNS_USED: Array<u32, 1> = Array::new();

/// The counters, one slot a peer. An array and not the value of the hash, because from the open
/// on a connection knows its slot and needs no hash look-up, and because user space reads it
/// through mmap without a system call.
#[btf_map]
pub(crate) static PEERS: Array<PeerStats, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Which slot a peer has, by [`tracer_ebpf::index`].
#[btf_map]
pub(crate) static INDEX: Array<u64, 1> = Array::new();

/// The peers that found no room, so that each is counted once.
#[btf_map]
pub(crate) static DROPPED: HashMap<PeerKey, u32, 65536, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// How many peers have a slot, one entry.
#[btf_map]
pub(crate) static PEER_COUNT: Array<u32, 1> = Array::new();

/// How many slots were ever taken, one entry.
#[btf_map]
pub(crate) static TAKEN: Array<u32, 1> = Array::new();

/// A slot that this CPU took and, having lost a race, did not use; 0: none.
#[btf_map]
pub(crate) static SPARE: PerCpuArray<u32, 1> = PerCpuArray::new();

/// Where something listens, as the key of a peer at that very address: tells which connections that
/// were not seen to open are inbound.
#[btf_map]
pub(crate) static LISTENERS: HashMap<PeerKey, u32, 16384, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// 1 for each port that [`LISTENERS`] has at any address: spares most connections the look-up there.
#[btf_map]
pub(crate) static LISTENED_ON: Array<[u8; 1 << 16], 1> = Array::new();

/// One of [`tracer_ebpf::abi::conn::unknown`].
#[btf_map]
pub(crate) static UNKNOWN: Array<u32, 1> = Array::new();

/// Names of the processes that connect or read, by thread group id: many of them have ended by the
/// time anybody asks `/proc`.
#[btf_map]
pub(crate) static COMMS: HashMap<u32, Comm, 8192, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The process that this CPU noted last.
#[btf_map]
pub(crate) static NOTED: PerCpuArray<Noted, 1> = PerCpuArray::new();

/// A process and its name.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Noted {
    pub(crate) comm: Comm,
    pub(crate) pid: u64,
}

/// Which remote addresses to trace.
#[btf_map]
pub(crate) static ADDRESSES: LpmTrie<Prefix, u32, 1> = LpmTrie::new();

/// A record per ended connection.
#[btf_map]
pub(crate) static CLOSED: RingBuf<Closed, 4096> = RingBuf::new();

/// What was lost, one entry.
#[btf_map]
pub(crate) static LOSSES: PerCpuArray<Losses, 1> = PerCpuArray::new();

#[unsafe(no_mangle)]
static CONFIG: Global<Config> = Global::new(Config {
    started_ns: 0,
    tick_ns: 0,
    mask4: address::mask(128),
    mask6: address::mask(128),
    cgroup: 0,
    hash_seed: 0,
    peers: 0,
    netns: 0,
    cgroup_level: 0,
    index_mask: 0,
    directions: 0,
    filter_ports: 0,
    filter_addresses: 0,
    admit_by_default: 1,
    records: 0,
    count_turns: 0,
    miss: 0,
    pad: 0,
});

#[unsafe(no_mangle)]
static OFFSETS: Global<Offsets> = Global::new(Offsets::MISSING);

#[unsafe(no_mangle)]
static PORTS: Global<[u64; PORT_WORDS]> = Global::new([0; PORT_WORDS]);

/// One field of [`CONFIG`]. Reading the whole struct would copy it to the stack at every use.
macro_rules! config {
    ($field:ident) => {
        // SAFETY: a read of plain, initialised, never changing data.
        unsafe { (&raw const (*$crate::maps::config_ptr()).$field).read_volatile() }
    };
}
pub(crate) use config;

/// One field of [`OFFSETS`].
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: a read of plain, initialised, never changing data.
        unsafe { (&raw const (*$crate::maps::offsets_ptr()).$field).read_volatile() }
    };
}
pub(crate) use offset;

#[inline(always)]
pub(crate) fn config_ptr() -> *const Config {
    (&raw const CONFIG).cast()
}

#[inline(always)]
pub(crate) fn offsets_ptr() -> *const Offsets {
    (&raw const OFFSETS).cast()
}

/// Whether the port filter lets a port pass.
#[inline(always)]
pub(crate) fn port_admitted(port: u16) -> bool {
    if config!(filter_ports) == 0 {
        return true;
    }
    // Through the stack, since the verifier of 6.1 forgets the bounds of a port whose bytes were swapped.
    let port = core::hint::black_box(port);
    let words: *const u64 = (&raw const PORTS).cast();
    // SAFETY: a u16 shifted right by 6 is below PORT_WORDS.
    let word = unsafe { words.add(usize::from(port >> 6)).read_volatile() };
    word >> (port & 63) & 1 == 1
}

/// Adds one to a loss counter. Rare paths only.
macro_rules! lose {
    ($field:ident) => {
        if let Some(losses) = $crate::maps::LOSSES.get_ptr_mut(0) {
            // SAFETY: the pointer was just tested and nothing else writes this CPU's entry but a
            // nested program, which the atomic add allows for.
            $crate::atomic::add(unsafe { &raw mut (*losses).$field }, 1_u64);
        }
    };
}
pub(crate) use lose;
