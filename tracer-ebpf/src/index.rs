//! The hash index from a peer's key to its slot: which cell a key belongs to, and what a cell holds.
//!
//! Open addressing: a key lies in its home cell or, if that is taken, in one of a fixed row of others. The
//! kernel's own hash map would cost two more cache misses per open.
//!
//! The search for a key ends at the first free cell. So the cell of a peer that left is not free at once, but
//! [`ABANDONED`]: a search goes on behind it, and a new peer takes it. User space frees it when no key lies behind it.

use crate::abi::peer::PeerKey;

/// Cells per peer, before rounding up to a power of two. With a quarter of the
/// cells taken, a key finds no room with a chance of 4^-[`PROBES`], about 10^-19.
pub const CELLS_PER_PEER: u32 = 4;

/// How many cells a key may lie in, its home included.
pub const PROBES: u32 = 32;

/// How many neighbouring addresses have their cells side by side in one cache line: the machines of a fleet
/// are neighbours, and with many peers each line comes from main memory. A power of two.
const NEIGHBOURS: u32 = 8;

/// The hash of a key. Neighbours differ in the lowest bits of either half alone. The seed is random per run,
/// so that nobody outside can tell which keys share a home.
#[inline(always)]
pub const fn hash(key: &PeerKey, seed: u64) -> u64 {
    let [a, b, c, d] = key.address;
    let service = (key.port as u32) | (key.direction as u32) << 16 | (key.shared as u32) << 24;
    let hash = mix(seed, (b as u64) << 32 | a as u64);
    let group = d & !(NEIGHBOURS - 1).to_be();
    let hash = mix(hash, (group as u64) << 32 | c as u64);
    // Spread over the whole word, independently of the hash so far.
    let spread = ((key.interface as u64) << 32 | key.process as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    let hash = mix(hash, ((service as u64) << 32 | key.netns as u64) ^ spread);
    let neighbour = (u32::from_be(d) & (NEIGHBOURS - 1)) as u64;
    // The low half chooses the cell within the line, the upper half tells the neighbours apart.
    hash ^ neighbour ^ neighbour << 32
}

/// The cell `after` steps from a key's home, before the mask. Each key has its own step, so that groups of
/// keys with one home spread out.
#[inline(always)]
pub const fn place(hash: u64, after: u32) -> u32 {
    let step = (hash >> 32) as u32 | 1;
    (hash as u32).wrapping_add(after.wrapping_mul(step))
}

/// Multiplying by an odd number spreads upwards, the shift brings it down again. The number is 2^64 over
/// the golden ratio.
#[inline(always)]
const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// The content of a key's cell: its slot, and the upper half of its hash as a tag that tells other keys apart
/// without looking into their slots. Never 0, a free cell, since no peer has slot 0.
#[inline(always)]
pub const fn cell(hash: u64, slot: u32) -> u64 {
    hash & TAG | slot as u64
}

/// The slot in a cell, if the tag fits a key with this hash.
#[inline(always)]
pub const fn slot(cell: u64, hash: u64) -> Option<u32> {
    if cell != 0 && (cell ^ hash) & TAG == 0 {
        Some(cell as u32)
    } else {
        None
    }
}

const TAG: u64 = !(u32::MAX as u64);

/// The content of a cell whose peer has left. No slot has that number.
pub const ABANDONED: u64 = u32::MAX as u64;

/// Whether a new peer may take a cell with this content.
#[inline(always)]
pub const fn is_vacant(cell: u64) -> bool {
    cell == 0 || cell == ABANDONED
}

/// The number of cells for `peers` peers; a power of two.
pub const fn cells(peers: u32) -> u32 {
    match peers.saturating_mul(CELLS_PER_PEER).checked_next_power_of_two() {
        Some(cells) => cells,
        None => 1 << 31,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{collections::HashMap, vec};

    use super::*;
    use crate::{abi::peer::direction, address::mapped};

    fn key(ip: u32, port: u16) -> PeerKey {
        PeerKey {
            address: mapped(ip.to_be()),
            netns: 0xf000_0000,
            port,
            direction: direction::INBOUND,
            shared: 0,
            interface: 0,
            process: 0,
        }
    }

    #[test]
    fn a_cell_gives_back_its_slot_and_no_other() {
        let hash = hash(&key(0x7f00_0001, 80), 5);
        assert_eq!(slot(cell(hash, 17), hash), Some(17));
        assert_eq!(slot(cell(hash, 17), hash ^ 1 << 40), None);
        assert_eq!(slot(0, hash), None);
        assert_eq!(slot(0, 0), None, "a hash may be 0, a free cell is still free");
    }

    #[test]
    fn a_cell_is_vacant_before_its_peer_came_and_after_it_left() {
        assert!(is_vacant(0) && is_vacant(ABANDONED));
        for hash in [0, 5, u64::MAX, TAG] {
            assert!(!is_vacant(cell(hash, 1)) && !is_vacant(cell(hash, 1 << 20)));
        }
    }

    #[test]
    fn cells_are_a_power_of_two_and_enough() {
        assert_eq!(cells(1), 4);
        assert_eq!(cells(10_240), 65_536);
        for peers in [1, 3, 1000, 16_384, 1 << 20, u32::MAX] {
            assert!(cells(peers).is_power_of_two());
        }
    }

    /// Neighbouring addresses, as a fleet or an attacker with a subnet has them, in the fullest table:
    /// nobody has to look far, whatever the seed.
    #[test]
    fn every_key_of_a_full_table_finds_a_cell_near_its_home() {
        for (seed, step) in [(0, 1), (1, 1), (0xdead_beef_1234_5678, 1), (7, 256), (9, 65_536)] {
            let peers = 16_384;
            let mask = cells(peers) as usize - 1;
            let mut taken = vec![false; mask + 1];
            let mut probes = HashMap::new();
            for peer in 0..peers {
                let hash = hash(&key(0x0a00_0000_u32.wrapping_add(peer * step), 443), seed);
                let at = |far| place(hash, far) as usize & mask;
                let far = (0..).find(|far| !taken[at(*far)]).unwrap();
                taken[at(far)] = true;
                *probes.entry(far).or_insert(0) += 1;
            }
            let furthest = probes.keys().max().unwrap();
            assert!(*furthest < PROBES / 2, "seed {seed}, step {step}: {probes:?}");
            assert!(probes[&0] > peers * 3 / 4, "seed {seed}, step {step}: {probes:?}");
        }
    }

    /// A fork pool that connects to one address, in the fullest table that processes may fill.
    #[test]
    fn processes_of_one_remote_address_find_cells_near_their_homes() {
        let peers = 16_384;
        let mask = cells(peers) as usize - 1;
        let mut taken = vec![false; mask + 1];
        for process in 1..=peers * 3 / 4 {
            let key = PeerKey {
                direction: direction::OUTBOUND,
                process,
                ..key(0x7f00_0001, 5432)
            };
            let hash = hash(&key, 7);
            let at = |far| place(hash, far) as usize & mask;
            let far = (0..).find(|far| !taken[at(*far)]).unwrap();
            assert!(far < PROBES / 2, "process {process} is {far} away");
            taken[at(far)] = true;
        }
    }

    #[test]
    fn neighbouring_addresses_share_a_line_and_others_do_not() {
        let home = |ip| place(hash(&key(ip, 80), 5), 0) / NEIGHBOURS;
        for ip in 0x0a00_0000..0x0a00_0100 {
            assert_eq!(home(ip), home(ip & !(NEIGHBOURS - 1)));
        }
        let groups: std::collections::HashSet<u32> = (0..256).map(|group| home(group * NEIGHBOURS)).collect();
        assert!(groups.len() > 250, "{groups:?}");
    }

    #[test]
    fn every_part_of_a_key_counts() {
        let base = key(0x7f00_0001, 80);
        let mut others = vec![key(0x7f00_0002, 80), key(0x7f00_0001, 81)];
        others.push(PeerKey { netns: 1, ..base });
        others.push(PeerKey {
            direction: direction::OUTBOUND,
            ..base
        });
        others.push(PeerKey {
            direction: direction::OUTBOUND,
            process: 1,
            ..base
        });
        others.push(PeerKey { process: 2, ..base });
        others.push(PeerKey { shared: 64, ..base });
        others.push(PeerKey { interface: 1, ..base });
        for word in 0..4 {
            let mut other = base;
            other.address[word] ^= 1;
            others.push(other);
        }
        for other in others {
            assert_ne!(hash(&base, 3) & TAG, hash(&other, 3) & TAG, "{other:?}");
        }
    }
}
