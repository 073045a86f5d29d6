//! From a peer's key to its slot in `PEERS`.

use aya_ebpf::maps::lpm_trie::Key;
use tracer_ebpf::abi::{
    config::Prefix,
    peer::{PeerKey, PeerStats},
};

use crate::{
    atomic,
    maps::{ADDRESSES, DROPPED, PEERS, SLOTS, SPARE, TAKEN, config, lose},
};

/// `BPF_NOEXIST`.
const NOEXIST: u64 = 1;

/// The slot that takes everybody who found no room.
const OVERFLOW: u32 = 0;

/// The peer's slot, taken on first sight. The peers that find the table full share slot 0.
#[inline(always)]
pub(crate) fn slot_of(key: &PeerKey) -> u32 {
    match SLOTS.get_ptr(key) {
        // SAFETY: tested, and entries are never removed.
        Some(slot) => unsafe { *slot },
        None => take_slot(key),
    }
}

/// The counters in a slot.
#[inline(always)]
pub(crate) fn stats(slot: u32) -> Option<*mut PeerStats> {
    PEERS.get_ptr_mut(slot)
}

/// Gives a new peer a slot. Two CPUs may both get here for one peer; the hash decides, and the
/// loser keeps its slot for the next new peer.
#[inline(never)]
fn take_slot(key: &PeerKey) -> u32 {
    let Some(slot) = unused_slot() else {
        return overflow(key);
    };
    let Some(stats) = PEERS.get_ptr_mut(slot) else {
        return overflow(key);
    };
    // The key goes in before the hash shows the slot to anyone. SAFETY: tested, and no one else
    // has this slot.
    unsafe { (&raw mut (*stats).key).write(*key) };
    if SLOTS.insert(key, slot, NOEXIST).is_ok() {
        return slot;
    }
    // SAFETY: as above; the slot is unused again.
    unsafe { (&raw mut (*stats).key.direction).write(0) };
    if let Some(spare) = SPARE.get_ptr_mut(0) {
        atomic::swap(spare, slot);
    }
    match SLOTS.get_ptr(key) {
        // SAFETY: tested, and entries are never removed.
        Some(slot) => unsafe { *slot },
        None => overflow(key),
    }
}

/// A slot nobody uses: the one this CPU has left over, else the next fresh one. There are as
/// many slots as peers allowed, one for the overflow, and one per CPU to be left over.
#[inline(always)]
fn unused_slot() -> Option<u32> {
    if let Some(spare) = SPARE.get_ptr_mut(0) {
        let slot = atomic::swap(spare, 0);
        if slot != 0 {
            return Some(slot);
        }
    }
    let taken = TAKEN.get_ptr_mut(0)?;
    // Once full it stays full; without this test the counter would wrap in a long run.
    // SAFETY: tested.
    if unsafe { taken.read_volatile() } >= config!(slots) {
        return None;
    }
    let slot = atomic::fetch_add(taken, 1) + 1;
    if slot <= config!(slots) { Some(slot) } else { None }
}

/// Notes a peer that found no room, once.
#[inline(always)]
fn overflow(key: &PeerKey) -> u32 {
    if DROPPED.get_ptr(key).is_none() {
        // E2BIG or ENOMEM: not even the list of dropped peers has room. EEXIST: another CPU was
        // faster and has counted it.
        match DROPPED.insert(key, 1, NOEXIST) {
            Ok(()) => lose!(peers_dropped),
            Err(EEXIST) => {}
            Err(_) => lose!(peers_dropped_unlisted),
        }
    }
    OVERFLOW
}

/// `-EEXIST`.
const EEXIST: i32 = -17;

/// Whether the address filter lets an address pass: the longest prefix that matches decides, and
/// the loader has worked out for each prefix whether it is in or out.
#[inline(always)]
pub(crate) fn address_admitted(address: [u32; 4]) -> bool {
    match ADDRESSES.get(&Key::new(128, Prefix { address })) {
        Some(admitted) => *admitted != 0,
        None => config!(admit_by_default) != 0,
    }
}
