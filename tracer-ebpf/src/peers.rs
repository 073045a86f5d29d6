//! From a peer's key to its slot in `PEERS`.

use core::{hint::cold_path, mem::offset_of, ptr::NonNull};

use tracer_ebpf::{
    abi::peer::{PeerKey, PeerStats, direction},
    address, index,
};

use crate::{
    atomic,
    maps::{self, DROPPED, PEER_COUNT, SPARE, TAKEN, config, lose},
};

/// `BPF_NOEXIST`.
const NOEXIST: u64 = 1;

/// The slot that takes everybody who found no room.
const OVERFLOW: u32 = 0;

/// The slot of a process for which there is no slot of its own any more: it shares one with the others that connect
/// there.
const CROWDED: u32 = u32::MAX;

/// All bits for an outbound peer, and none for an inbound one: the instructions have no comparison without a jump.
#[inline(always)]
pub(crate) fn if_outbound(direction: u8) -> u32 {
    const _: () = assert!(direction::INBOUND >> 1 == 0 && direction::OUTBOUND >> 1 == 1);
    u32::from(direction >> 1).wrapping_neg()
}

/// The key of a socket's peer. `process` is the one that connected; 0 for an inbound connection.
#[inline(always)]
pub(crate) fn key(port: u16, direction: u8, netns: u32, remote: [u32; 4], process: u32) -> PeerKey {
    PeerKey {
        address: masked(remote),
        netns,
        port,
        direction,
        pad: 0,
        process,
    }
}

/// A remote address without what the masks leave out.
#[inline(always)]
fn masked(remote: [u32; 4]) -> [u32; 4] {
    if config!(masked) == 0 {
        return remote;
    }
    let words = |low: u64, high: u64| [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32];
    let mask4 = words(config!(mask4_low), config!(mask4_high));
    let mask6 = words(config!(mask6_low), config!(mask6_high));
    address::masked(remote, mask4, mask6)
}

/// The peer's slot, taken on first sight. The peers that find the table full share slot 0; processes that find it
/// three quarters full share one for each remote address, since short-lived ones would take all of it in time.
#[inline(always)]
pub(crate) fn slot_of(key: &PeerKey) -> u32 {
    let hash = index::hash(key, config!(hash_seed));
    // Most keys of a full table are at home.
    // SAFETY: it lies in its table.
    if let Some(slot) = index::slot(unsafe { cell(hash, 0).read_volatile() }, hash) {
        fetch(slot);
        if is_of(slot, key) {
            return slot;
        }
    }
    cold_path();
    tcpreuse_slot(key, hash)
}

/// Has the lines of a peer brought that an open and an end change, all at the same time. Whoever comes to them
/// one after the other waits for each: an atomic instruction lets nothing begin that comes after it.
#[inline(always)]
pub(crate) fn fetch(slot: u32) {
    let Some(stats) = stats(slot) else {
        return;
    };
    macro_rules! touch {
        ($($field:ident)+) => {
            // SAFETY: tested. Volatile, or there would be no load of what nobody uses.
            $(let _ = unsafe { (&raw const (*stats).$field).cast::<u32>().read_volatile() };)+
        };
    }
    touch!(key bytes_received close_wait_left turns_sum opens_by_held buckets);
}

/// A cell of the index in which a key may be, after so many others.
#[inline(always)]
fn cell(hash: u64, after: u32) -> *mut u64 {
    maps::cell(index::place(hash, after))
}

/// Whether a slot has this key.
#[inline(always)]
fn is_of(slot: u32, key: &PeerKey) -> bool {
    // SAFETY: tested, and what is compared in the key of a slot in the index never changes.
    stats(slot).is_some_and(|stats| unsafe { same(&raw const (*stats).key, key) })
}

/// Compares by the words that a key is made of, the process of outbound peers alone.
///
/// # Safety
/// `one` points to a key.
#[inline(always)]
unsafe fn same(one: *const PeerKey, other: &PeerKey) -> bool {
    const WORDS: usize = offset_of!(PeerKey, process) / size_of::<u32>();
    const _: () = assert!(size_of::<PeerKey>() == (WORDS + 1) * size_of::<u32>());
    // SAFETY: the caller's promise. Volatile, since a process that reads from an inbound peer writes it.
    let process = unsafe { (&raw const (*one).process).read_volatile() };
    let mut different = (process ^ other.process) & if_outbound(other.direction);
    let (one, other) = (one.cast::<u32>(), (&raw const *other).cast::<u32>());
    for word in 0..WORDS {
        // SAFETY: the caller's promise, and a key is so many words without padding.
        different |= unsafe { one.add(word).read() ^ other.add(word).read() };
    }
    different == 0
}

/// The counters in a slot.
#[inline(always)]
pub(crate) fn stats(slot: u32) -> Option<*mut PeerStats> {
    maps::stats(slot).map(NonNull::as_ptr)
}

/// The slot of a key that is not at home, or of a new peer.
///
/// A global function in the verifier's sense, as the one below: it is verified once, for any key, and not again on
/// each of the hundreds of paths that lead here.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_slot(key: *const PeerKey, hash: u64) -> u32 {
    // SAFETY: the verifier lets nobody pass anything but a key or null.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return OVERFLOW;
    };
    let slot = tcpreuse_find(key, hash);
    if slot != CROWDED {
        return slot;
    }
    let all = PeerKey { process: 0, ..*key };
    tcpreuse_find(&raw const all, index::hash(&all, config!(hash_seed)))
}

/// Looks on from the home of a key, and gives a new peer a slot. Two CPUs may both get here for one
/// peer; the first free cell decides, and the loser keeps its slot for the next new peer.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_find(key: *const PeerKey, hash: u64) -> u32 {
    // SAFETY: as above.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return OVERFLOW;
    };
    let mut taken = OVERFLOW;
    for _ in 0..RACES {
        let cell = cell(hash, first_of_interest(hash));
        // SAFETY: it lies in its table.
        let there = unsafe { cell.read_volatile() };
        if there != 0 {
            // Another key with as many equal bits as a tag has is less likely than no cell at all.
            if let Some(slot) = index::slot(there, hash)
                && is_of(slot, key)
            {
                give_back(taken);
                return slot;
            }
            break;
        }
        if taken == OVERFLOW {
            if key.process != 0 && is_crowded() {
                return CROWDED;
            }
            taken = take(key);
            if taken == OVERFLOW {
                break;
            }
        }
        if atomic::replace(cell, 0, index::cell(hash, taken)) {
            return taken;
        }
        // Another CPU was faster, perhaps with this very key.
    }
    give_back(taken);
    overflow(key)
}

/// So often in a row another CPU may take the cell that a new peer was about to get.
const RACES: u32 = 4;

/// The first of a key's cells that is free or may be that key's, as how many come before it; the last
/// one it may have when there is none. A loop of its own, since the verifier walks through each round.
#[inline(never)]
fn first_of_interest(hash: u64) -> u32 {
    for after in 0..index::PROBES {
        // SAFETY: it lies in its table.
        let there = unsafe { cell(hash, after).read_volatile() };
        if there == 0 || index::slot(there, hash).is_some() {
            return after;
        }
    }
    index::PROBES - 1
}

/// Whether the rest of the table is for remote addresses and not for processes.
#[inline(always)]
fn is_crowded() -> bool {
    let Some(count) = PEER_COUNT.get_ptr(0) else {
        return true;
    };
    // SAFETY: tested. One more or less does not matter.
    let count = unsafe { count.read_volatile() };
    count >= (config!(peers) - config!(peers) / 4) as u32
}

/// Takes an unused slot and writes the key into it, before the index shows the slot to anyone;
/// `OVERFLOW` when there are as many peers as allowed.
#[inline(always)]
fn take(key: &PeerKey) -> u32 {
    let Some(count) = PEER_COUNT.get_ptr_mut(0) else {
        return OVERFLOW;
    };
    // Once full it stays full; without this test each new peer would have all CPUs write it.
    // SAFETY: tested.
    if unsafe { count.read_volatile() } >= config!(peers) as u32 {
        return OVERFLOW;
    }
    if atomic::fetch_add(count, 1) < config!(peers) as u32
        && let Some(slot) = unused_slot()
        && let Some(stats) = stats(slot)
    {
        // SAFETY: tested, and no one else has this slot.
        unsafe { (&raw mut (*stats).key).write(*key) };
        return slot;
    }
    atomic::sub(count, 1);
    OVERFLOW
}

/// Keeps a slot that was taken and is not needed.
#[inline(always)]
fn give_back(slot: u32) {
    if slot == OVERFLOW {
        return;
    }
    if let Some(stats) = stats(slot) {
        // SAFETY: tested, and no one else has this slot.
        unsafe { (&raw mut (*stats).key.direction).write(0) };
    }
    if let Some(spare) = SPARE.get_ptr_mut(0) {
        atomic::swap(spare, slot);
    }
    if let Some(count) = PEER_COUNT.get_ptr_mut(0) {
        atomic::sub(count, 1);
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
    Some(atomic::fetch_add(TAKEN.get_ptr_mut(0)?, 1) + 1)
}

/// Notes a peer that found no room, once.
#[inline(always)]
fn overflow(key: &PeerKey) -> u32 {
    // On the stack: what a global function is given is no key of a map for the verifier of 6.1.
    let key = &{ *key };
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
