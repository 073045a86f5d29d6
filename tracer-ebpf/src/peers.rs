//! From a peer's key to its slot in `PEERS`.

use core::{hint::cold_path, mem::offset_of};

use tracer_ebpf::{
    abi::{
        peer::{PeerKey, direction},
        slots::Slots,
    },
    address, index,
};

use crate::{
    atomic::{Shared, field},
    maps::{self, DROPPED, SLOTS, config, lose, only, stats},
};

/// `BPF_NOEXIST`.
const NOEXIST: u64 = 1;

/// The slot shared by all peers that found no room.
const OVERFLOW: u32 = 0;

/// Says that there is no slot left for this peer alone: it shares one, a process with the others that connect
/// to the same address, a stranger with the others of its IPv6 network.
const CROWDED: u32 = u32::MAX;

/// All bits for an outbound peer and none for an inbound one, without a jump: BPF has no other comparison.
#[inline(always)]
pub(crate) fn if_outbound(direction: u8) -> u32 {
    const _: () = assert!(direction::INBOUND >> 1 == 0 && direction::OUTBOUND >> 1 == 1);
    u32::from(direction >> 1).wrapping_neg()
}

/// The key of a socket's peer. `interface` is the one that the socket is bound to, 0 if none; `process` the
/// one that connected, 0 for an inbound connection.
#[inline(always)]
pub(crate) fn key(
    port: u16,
    direction: u8,
    (netns, interface): (u32, u32),
    remote: [u32; 4],
    process: u32,
) -> PeerKey {
    PeerKey {
        address: masked(remote),
        netns,
        port,
        direction,
        shared: 0,
        interface,
        process,
    }
}

/// A remote address under the prefix masks.
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

/// The peer's slot, taken when it is first seen. Peers that find the table full share slot 0. Processes that
/// find it three quarters full share one slot per remote address, since short-lived ones would fill it in
/// time; strangers that find it nearly full share one per IPv6 network, since an attacker has all of its
/// addresses.
#[inline(always)]
pub(crate) fn slot_of(key: &PeerKey) -> u32 {
    let hash = index::hash(key, config!(hash_seed));
    // Most keys are in their home cell, even in a full table.
    if let Some(slot) = index::slot(cell(hash, 0).load(), hash) {
        fetch(slot);
        if is_of(slot, key) {
            return slot;
        }
    }
    cold_path();
    tcpreuse_slot(key, hash)
}

/// The slot that a peer has, if any.
#[inline(always)]
pub(crate) fn known(key: &PeerKey) -> Option<u32> {
    let hash = index::hash(key, config!(hash_seed));
    let there = cell(hash, tcpreuse_search(hash)).load();
    index::slot(there, hash).filter(|slot| is_of(*slot, key))
}

/// Prefetches the cache lines that an open and a close write. Without it, each locked instruction would wait
/// for its own miss in turn.
#[inline(always)]
pub(crate) fn fetch(slot: u32) {
    let Some(stats) = stats(slot) else {
        return;
    };
    macro_rules! touch {
        ($($field:ident)+) => {
            $(let _ = field!(stats.$field).first_word().load();)+
        };
    }
    touch!(key bytes_received close_wait_left turns_sum opens_by_held buckets);
}

/// A cell of the index in which a key may be, `after` steps from its home.
#[inline(always)]
fn cell(hash: u64, after: u32) -> Shared<u64> {
    maps::cell(index::place(hash, after))
}

/// Whether a slot has this key. All that is compared of the key in a slot that the index shows never changes.
#[inline(always)]
fn is_of(slot: u32, key: &PeerKey) -> bool {
    stats(slot).is_some_and(|stats| same(field!(stats.key), key))
}

/// Compares word by word; the process counts in the keys of outbound peers alone.
#[inline(always)]
fn same(one: Shared<PeerKey>, other: &PeerKey) -> bool {
    const WORDS: usize = offset_of!(PeerKey, process) / size_of::<u32>();
    const _: () = assert!(size_of::<PeerKey>() == (WORDS + 1) * size_of::<u32>());
    let process = field!(one.process).load();
    let mut different = (process ^ other.process) & if_outbound(other.direction);
    let (one, other) = (one.as_ptr().cast::<u32>(), (&raw const *other).cast::<u32>());
    for word in 0..WORDS {
        // SAFETY: a key is made of that many words, without padding.
        different |= unsafe { one.add(word).read() ^ other.add(word).read() };
    }
    different == 0
}

/// The slot of a key that is not in its home cell, or of a new peer.
///
/// A global function, as the one below: the verifier checks it once, for any key, and not again on each of
/// the hundreds of paths that lead here.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_slot(key: *const PeerKey, hash: u64) -> u32 {
    // SAFETY: the verifier makes sure that callers pass a key or null.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return OVERFLOW;
    };
    let slot = tcpreuse_find(key, hash);
    if slot != CROWDED {
        return slot;
    }
    let all = key.of_all();
    tcpreuse_find(&raw const all, index::hash(&all, config!(hash_seed)))
}

/// Searches from the home cell of a key, and gives a new peer a slot. Two CPUs may both get here for one
/// peer: who fills the vacant cell wins, and the loser gives its slot back.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_find(key: *const PeerKey, hash: u64) -> u32 {
    // SAFETY: as above.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return OVERFLOW;
    };
    let mut taken = OVERFLOW;
    for _ in 0..RACES {
        let cell = cell(hash, tcpreuse_search(hash));
        let there = cell.load();
        if !index::is_vacant(there) {
            // Another key with the same tag is less likely than a full row of cells.
            if let Some(slot) = index::slot(there, hash)
                && is_of(slot, key)
            {
                tcpreuse_give_back(taken);
                return slot;
            }
            break;
        }
        if taken == OVERFLOW {
            if has_to_share(key) {
                return CROWDED;
            }
            taken = take(key);
            if taken == OVERFLOW {
                break;
            }
        }
        if cell.replace(there, index::cell(hash, taken)) {
            return taken;
        }
        // Another CPU was faster, perhaps with this very key.
    }
    tcpreuse_give_back(taken);
    tcpreuse_overflow(key)
}

/// How many times in a row another CPU may take what a new peer was about to get.
const RACES: u32 = 4;

/// The cell that may be a key's, else the first vacant one that it may get, as steps from its home; the last
/// cell if there is neither. The vacant one must be the first, so that user space can tell which abandoned
/// cells no key lies behind.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_search(hash: u64) -> u32 {
    for after in 0..index::PROBES {
        let there = cell(hash, after).load();
        if there == index::ABANDONED {
            return tcpreuse_search_behind(hash, after);
        }
        if there == 0 || index::slot(there, hash).is_some() {
            return after;
        }
    }
    index::PROBES - 1
}

/// The cell that may be a key's behind a vacant one, else the vacant one. A function of its own: the verifier
/// would walk through its loop for each round of the one above.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_search_behind(hash: u64, vacant: u32) -> u32 {
    for step in 1..index::PROBES {
        let after = vacant.wrapping_add(step);
        if after >= index::PROBES {
            break;
        }
        let there = cell(hash, after).load();
        if there == 0 {
            break;
        }
        if there != index::ABANDONED && index::slot(there, hash).is_some() {
            return after;
        }
    }
    vacant
}

/// Whether a new peer gets no slot of its own: the last quarter of the table is reserved for remote
/// addresses, not processes, and the last sixteenth for IPv4 and for IPv6 networks. One more or less does not
/// matter. Networks that the user has peers grouped by are not taken together once more.
#[inline(always)]
fn has_to_share(key: &PeerKey) -> bool {
    let reserved = if key.process != 0 {
        config!(peers) / 4
    } else if key.direction == direction::INBOUND
        && key.shared == 0
        && config!(masked) == 0
        && !address::is_mapped(key.address)
    {
        config!(peers) / 16
    } else {
        return false;
    };
    only(&SLOTS).is_none_or(|slots| u64::from(field!(slots.peers).load()) >= config!(peers) - reserved)
}

/// Takes an unused slot and writes the key into it, before the index shows the slot to anyone;
/// `OVERFLOW` when there are as many peers as allowed.
#[inline(always)]
fn take(key: &PeerKey) -> u32 {
    let Some(slots) = only(&SLOTS) else {
        return OVERFLOW;
    };
    let count = field!(slots.peers);
    // Without this test all CPUs would write the count of a full table for each new peer.
    if count.load() >= config!(peers) as u32 {
        return OVERFLOW;
    }
    if count.fetch_add(1) < config!(peers) as u32
        && let slot = tcpreuse_unused_slot()
        && slot != OVERFLOW
        && let Some(stats) = stats(slot)
    {
        field!(stats.key).fill(*key);
        return slot;
    }
    count.sub(1);
    OVERFLOW
}

/// Gives back a slot that was taken and is not needed. Returns it, as global functions have to return
/// something.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_give_back(slot: u32) -> u32 {
    if slot == OVERFLOW {
        return slot;
    }
    let (Some(slots), Some(stats)) = (only(&SLOTS), stats(slot)) else {
        return slot;
    };
    field!(stats.key.direction).fill(0);
    let free = field!(slots.free);
    for _ in 0..GIVEN_BACK_RACES {
        let first = free.load();
        field!(stats.key.process).store(first as u32);
        if free.replace(first, Slots::freed(first, slot)) {
            break;
        }
    }
    field!(slots.peers).sub(1);
    slot
}

/// As [`RACES`], where losing them all would lose a slot.
const GIVEN_BACK_RACES: u32 = 32;

/// An unused slot: one that was given back, else the next fresh one; `OVERFLOW` if there is none. There are
/// some more slots than peers allowed, for CPUs that hold one for a moment.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_unused_slot() -> u32 {
    let Some(slots) = only(&SLOTS) else {
        return OVERFLOW;
    };
    let free = field!(slots.free);
    for _ in 0..RACES {
        let first = free.load();
        let slot = first as u32;
        if slot == OVERFLOW {
            break;
        }
        let Some(stats) = stats(slot) else {
            break;
        };
        let next = field!(stats.key.process).load();
        if free.replace(first, Slots::freed(first, next)) {
            return slot;
        }
    }
    let taken = field!(slots.taken);
    if u64::from(taken.load()) + 1 >= config!(slots) {
        return OVERFLOW;
    }
    taken.fetch_add(1) + 1
}

/// Counts a peer that found no room, once. A function of its own, so that its stack is not part of each
/// search for a slot.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_overflow(key: *const PeerKey) -> u32 {
    // SAFETY: as above.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return OVERFLOW;
    };
    // On the stack: the verifier of 6.1 accepts no argument of a global function as the key of a map.
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
