//! All maps and globals of the programs, and the settings and addresses of tables that the loader fills in.
//! It also sets the sizes that depend on settings.

use core::ptr::NonNull;

use aya_ebpf::{
    Global,
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray},
    macros::btf_map,
};
use tracer_ebpf::abi::{
    comm::Comm,
    config::{PORT_WORDS, Prefix},
    conn::Conn,
    losses::Losses,
    peer::{PeerKey, PeerStats},
    ring::Ends,
    slots::Slots,
};

use crate::atomic::Shared;

/// A 64-bit immediate that the loader replaces, so the compiler may conclude nothing from it.
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

/// The address of one of [`tracer_ebpf::relocation::table`].
macro_rules! table {
    ($table:ident) => {
        immediate!(tracer_ebpf::relocation::address_of(
            tracer_ebpf::relocation::table::$table
        )) as *mut u8
    };
}

/// Hides the value from the optimiser, so that a bounds check and the access after it use the same register,
/// as the verifier of 6.1 requires.
#[inline(always)]
pub(crate) fn opaque(number: u64) -> u64 {
    let same: u64;
    // SAFETY: a move. One real instruction, so that BTF line info does not put two source lines at one
    // offset.
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

/// The same number again, for the side of a branch on which it has passed its check. Not `pure`, so that the
/// compiler cannot use a copy of it before the branch, whose limits the verifier does not know.
#[inline(always)]
fn checked(number: u64) -> u64 {
    let same: u64;
    // SAFETY: a move.
    unsafe {
        core::arch::asm!(
            "{same} = {number}",
            same = out(reg) same,
            number = in(reg) number,
            options(nomem, nostack, preserves_flags),
        );
    }
    same
}

/// One of the places of the traced connections. The table starts at a page, so a place is two cache lines.
#[inline(always)]
pub(crate) fn place(number: u64) -> NonNull<Conn> {
    let place = table!(PLACES).cast::<Conn>().wrapping_add(masked(number));
    // SAFETY: the loader made the address that of a map's value.
    unsafe { NonNull::new_unchecked(place) }
}

/// The cookie of the socket that has a place; 0: the place is free. A table of its own, since cookies are
/// given out in order and the next eight of them share a cache line.
#[inline(always)]
pub(crate) fn cookie_in(place: u64) -> Shared<u64> {
    let cookies = table!(COOKIES).cast::<u64>();
    // SAFETY: the loader made the address that of a map's value, with one cookie for each place.
    unsafe { Shared::new(cookies.wrapping_add(masked(place))) }
}

/// The number of traced connections that are in no place of their own. While it is 0, look-ups elsewhere are
/// skipped.
#[inline(always)]
pub(crate) fn displaced() -> Shared<u64> {
    let end = config!(places_mask) as usize + 1;
    let number = table!(COOKIES).cast::<u64>().wrapping_add(end);
    // SAFETY: the number follows the cookies.
    unsafe { Shared::new(number) }
}

/// The low bits of a cookie are the number of its own place.
#[inline(always)]
fn masked(number: u64) -> usize {
    (number & config!(places_mask)) as usize
}

/// The counters in a slot; `None` beyond the last slot. An array, not the values of a hash map: a connection
/// knows its slot from the open on and needs no look-up, and user space reads the array through mmap without
/// a system call.
#[inline(always)]
pub(crate) fn stats(slot: u32) -> Option<Shared<PeerStats>> {
    let slot = opaque(u64::from(slot));
    if slot < config!(slots) {
        let stats = table!(PEERS)
            .cast::<PeerStats>()
            .wrapping_add(checked(slot) as usize);
        // SAFETY: the loader made the address that of a map's value, with that many slots.
        Some(unsafe { Shared::new(stats) })
    } else {
        core::hint::cold_path();
        None
    }
}

/// A cell of the index of peers ([`tracer_ebpf::index`]).
#[inline(always)]
pub(crate) fn cell(number: u32) -> Shared<u64> {
    let cells = table!(INDEX).cast::<u64>();
    let cell = (u64::from(number) & config!(index_mask)) as usize;
    // SAFETY: the loader made the address that of a map's value, with a cell for each number under the mask.
    unsafe { Shared::new(cells.wrapping_add(cell)) }
}

/// The records of ended connections ([`crate::ring`]).
#[inline(always)]
pub(crate) fn ring() -> Shared<Ends> {
    let ends = table!(RING).cast::<Ends>();
    // SAFETY: the loader made the address that of a map's value, which begins with them.
    unsafe { Shared::new(ends) }
}

/// The only value of an array.
#[inline(always)]
pub(crate) fn only<T, const FLAGS: usize>(array: &Array<T, 1, FLAGS>) -> Option<Shared<T>> {
    // SAFETY: a pointer from a look-up lies in the value of a map.
    array.get_ptr_mut(0).map(|value| unsafe { Shared::new(value) })
}

/// The only value of an array on this CPU.
#[inline(always)]
pub(crate) fn only_here<T>(array: &PerCpuArray<T, 1>) -> Option<Shared<T>> {
    // SAFETY: as above.
    array.get_ptr_mut(0).map(|value| unsafe { Shared::new(value) })
}

/// The traced connections whose place and its neighbours were taken, by socket cookie.
///
/// Not socket storage, which would free itself: making and freeing that took the kernel more time than all
/// the rest together, and an entry here takes half of that.
#[btf_map]
pub(crate) static CONNS: HashMap<u64, Conn, 1, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The peers that found no room, so that each is counted once. User space empties the list once there is room
/// again.
#[btf_map]
pub(crate) static DROPPED: HashMap<PeerKey, u32, 65536, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// Which slots are taken.
#[btf_map]
pub(crate) static SLOTS: Array<Slots, 1, { BPF_F_MMAPABLE as usize }> = Array::new();

/// The addresses of listeners that their connections do not show ([`crate::listeners`]), as keys of peers. Of
/// too many the least recently used make room; each walk over the sockets notes those that still listen.
#[btf_map]
pub(crate) static LISTENERS: LruHashMap<PeerKey, u32, 4096> = LruHashMap::new();

/// 1 for each port that [`LISTENERS`] has at any address: saves most connections the look-up there.
#[btf_map]
pub(crate) static LISTENED_ON: Array<[u8; 1 << 16], 1> = Array::new();

/// One of [`tracer_ebpf::abi::conn::unknown`].
#[btf_map]
pub(crate) static UNKNOWN: Array<u32, 1> = Array::new();

/// Names of the processes that connect or read, by thread group id: many have exited by the time user space
/// looks in `/proc`. Least recently used names make room, since short-lived processes never stop coming; user
/// space keeps those that it still needs.
#[btf_map]
pub(crate) static COMMS: LruHashMap<u32, Comm, 1> = LruHashMap::new();

/// Processes that held a socket before tracing began, by the inode of its file. The loader fills it for the
/// seeding walk and empties it afterwards.
#[btf_map]
pub(crate) static HOLDERS: HashMap<u64, u32, 65536, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// The last process whose name this CPU wrote to [`COMMS`].
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

/// Counters of losses.
#[btf_map]
pub(crate) static LOSSES: PerCpuArray<Losses, 1> = PerCpuArray::new();

#[unsafe(no_mangle)]
pub(crate) static PORTS: Global<[u64; PORT_WORDS]> = Global::new([0; PORT_WORDS]);

/// Adds one to a loss counter. Rare paths only.
macro_rules! lose {
    ($field:ident) => {{
        core::hint::cold_path();
        // Atomic, since a nested program on this CPU may count too.
        if let Some(losses) = $crate::maps::only_here(&$crate::maps::LOSSES) {
            $crate::atomic::field!(losses.$field).add(1);
        }
    }};
}
pub(crate) use lose;
