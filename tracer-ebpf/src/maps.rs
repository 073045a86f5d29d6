//! All maps and globals of the programs, and what the loader fills in: settings, members, addresses of tables.
//! It also sets the sizes that depend on settings.

use core::ptr::NonNull;

use aya_ebpf::{
    Global,
    bindings::BPF_F_NO_PREALLOC,
    btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray},
    macros::btf_map,
};
use tracer_ebpf::abi::{
    comm::Comm,
    config::{PORT_WORDS, Prefix},
    conn::{Conn, PLACES},
    losses::Losses,
    peer::{PeerKey, PeerStats},
    ring::Ends,
};

/// A 64-bit immediate that the loader writes over, so nothing may be concluded from it here.
macro_rules! immediate {
    ($mark:expr) => {{
        let value: u64;
        // SAFETY: it only sets the register.
        unsafe {
            core::arch::asm!(
                "{value} = {mark} ll",
                value = out(reg) value,
                mark = const $mark,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        value
    }};
}
pub(crate) use immediate;

/// One setting of the run, a field of [`tracer_ebpf::abi::config::Config`].
macro_rules! config {
    ($field:ident) => {
        $crate::maps::immediate!(tracer_ebpf::relocation::setting(core::mem::offset_of!(
            tracer_ebpf::abi::config::Config,
            $field
        )))
    };
}
pub(crate) use config;

/// Where the offset of a member lies in [`tracer_ebpf::abi::offsets::Offsets`], by which it is numbered.
macro_rules! member_place {
    ($member:ident) => {
        core::mem::offset_of!(tracer_ebpf::abi::offsets::Offsets, $member)
    };
}
pub(crate) use member_place;

/// The mark of a member, a displacement.
macro_rules! member {
    ($member:ident) => {
        tracer_ebpf::relocation::member($crate::maps::member_place!($member))
    };
}
pub(crate) use member;

/// The offset of a member as a number, where no load can have it in its instruction.
macro_rules! offset {
    ($member:ident) => {
        $crate::maps::immediate!(tracer_ebpf::relocation::offset($crate::maps::member_place!(
            $member
        )))
    };
}
pub(crate) use offset;

/// Whether this kernel has a member.
macro_rules! has {
    ($member:ident) => {
        $crate::maps::immediate!(tracer_ebpf::relocation::has($crate::maps::member_place!($member))) != 0
    };
}
pub(crate) use has;

/// The address of one of [`tracer_ebpf::relocation::table`].
macro_rules! table {
    ($table:ident) => {
        immediate!(tracer_ebpf::relocation::address_of(
            tracer_ebpf::relocation::table::$table
        )) as *mut u8
    };
}

/// The same number, of which the compiler does not know that it is: so a test of it stays with the register that
/// is then used, where the verifier of 6.1 wants it.
#[inline(always)]
pub(crate) fn opaque(number: u64) -> u64 {
    let same: u64;
    // SAFETY: a move. There has to be some instruction, or two lines of the source would have the same place.
    unsafe {
        core::arch::asm!(
            "{same} = {number}",
            same = out(reg) same,
            number = in(reg) number,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    same
}

/// The traced connections: that of a cookie lies in the place of its low bits, if the place was
/// free when it began. Begins at a page, so that a place is one cache line.
#[inline(always)]
pub(crate) fn place(cookie: u64) -> *mut Conn {
    table!(PLACES).cast::<Conn>().wrapping_add(place_of(cookie))
}

/// The cookie of the socket in each place; 0: a free one. Apart from the places because cookies are given
/// out one after the other: to look at the next eight places is to look at one line.
#[inline(always)]
pub(crate) fn cookie_in_place_of(cookie: u64) -> *mut u64 {
    table!(COOKIES).cast::<u64>().wrapping_add(place_of(cookie))
}

#[inline(always)]
fn place_of(cookie: u64) -> usize {
    cookie as usize & (PLACES as usize - 1)
}

/// The counters, one slot a peer; `None` beyond the last slot. An array and not the value of the hash, because
/// from the open on a connection knows its slot and needs no hash look-up, and because user space reads it
/// through mmap without a system call.
#[inline(always)]
pub(crate) fn stats(slot: u32) -> Option<NonNull<PeerStats>> {
    let slot = opaque(u64::from(slot));
    if slot < config!(slots) {
        NonNull::new(table!(PEERS).cast::<PeerStats>().wrapping_add(slot as usize))
    } else {
        core::hint::cold_path();
        None
    }
}

/// A cell of the index of peers ([`tracer_ebpf::index`]).
#[inline(always)]
pub(crate) fn cell(number: u32) -> *mut u64 {
    table!(INDEX)
        .cast::<u64>()
        .wrapping_add((u64::from(number) & config!(index_mask)) as usize)
}

/// The records of ended connections ([`crate::ring`]).
#[inline(always)]
pub(crate) fn ring() -> *mut Ends {
    table!(RING).cast()
}

/// The traced connections whose place was taken, by socket cookie.
///
/// Neither is socket storage, which would free itself: making and freeing that took the kernel
/// more time than all the rest together, and an entry here takes half of that.
#[btf_map]
pub(crate) static CONNS: HashMap<u64, Conn, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// How many there are of these; while there are none, nobody need look.
#[btf_map]
pub(crate) static CONNS_USED: Array<u32, 1> = Array::new();

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
/// time anybody asks `/proc`. The latest, since short-lived ones never end to come.
#[btf_map]
pub(crate) static COMMS: LruHashMap<u32, Comm, 8192> = LruHashMap::new();

/// Processes that held a socket before the tracer came, by the inode of its file. Filled for the walk that
/// counts those sockets, and emptied again.
#[btf_map]
pub(crate) static HOLDERS: HashMap<u64, u32, 65536, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

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

/// What was lost, one entry.
#[btf_map]
pub(crate) static LOSSES: PerCpuArray<Losses, 1> = PerCpuArray::new();

#[unsafe(no_mangle)]
pub(crate) static PORTS: Global<[u64; PORT_WORDS]> = Global::new([0; PORT_WORDS]);

/// Adds one to a loss counter. Rare paths only.
macro_rules! lose {
    ($field:ident) => {{
        core::hint::cold_path();
        if let Some(losses) = $crate::maps::LOSSES.get_ptr_mut(0) {
            // SAFETY: the pointer was just tested and nothing else writes this CPU's entry but a
            // nested program, which the atomic add allows for.
            $crate::atomic::add(unsafe { &raw mut (*losses).$field }, 1_u64);
        }
    }};
}
pub(crate) use lose;
