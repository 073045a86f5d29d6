//! Who leaves first.

use hashbrown::HashMap;
use tracer_ebpf::{abi::peer::PeerKey, address};

use crate::kernel::peers::Brief;

/// Peers that hold nothing have to make room when more than this part of the table is in use ...
const PRESSED: (usize, usize) = (7, 8);

/// ... until no more than this is.
const RELAXED: (usize, usize) = (3, 4);

/// But none that was active within this time, ns: it may be about to connect again. Only strangers leave all
/// the same while the table is nearly full, since a scan may bring more of them within this time than there
/// is room.
const JUST_NOW_NS: u64 = 1_000_000_000;

/// A peer that has opened no more connections than this is a visitor.
const FEW: u64 = 3;

/// How well a peer is known, those that leave first at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It has never asked for anything.
    Stranger,
    /// It came a few times.
    Visitor,
    /// It comes again and again.
    Regular,
}

impl Kind {
    pub(super) fn of(brief: &Brief) -> Self {
        match brief.totals.seeded + brief.totals.opened {
            _ if brief.turns == 0 => Self::Stranger,
            opens if opens <= FEW => Self::Visitor,
            _ => Self::Regular,
        }
    }
}

/// A peer that holds nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) slot: u32,
    /// Fingerprint of what it has counted.
    pub(super) print: u64,
    /// When it was last active, ns.
    pub(super) since_ns: u64,
    pub(super) kind: Kind,
    pub(super) neighbourhood: [u32; 4],
}

/// How many slots are taken, of how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) taken: usize,
    pub(super) all: usize,
}

/// Whether the table is nearly full.
pub(super) fn is_pressed(peers: u32, max_peers: u32) -> bool {
    peers as usize > part(max_peers as usize, PRESSED)
}

fn part(of: usize, (some, all): (usize, usize)) -> usize {
    of * some / all
}

/// The addresses that one attacker has: a /64 or, of IPv4, a /24.
pub(super) fn neighbourhood(key: &PeerKey) -> [u32; 4] {
    const FOUR: [u32; 4] = address::mask(96 + 24);
    const SIX: [u32; 4] = address::mask(64);
    address::masked(key.address, FOUR, SIX)
}

/// Who gives back the slot: those quiet for `retain_ns`, and more if the table is nearly full. Strangers
/// leave before visitors and these before regular peers, which leave only while the table would still be
/// nearly full without all others. Those that were active just now come last of their kind. Among strangers
/// those with the most others in their neighbourhood leave first, among the rest the one that was quiet
/// longest.
pub(super) fn choose(
    mut candidates: Vec<Candidate>,
    room: Room,
    retain_ns: u64,
    now_ns: u64,
) -> Vec<Candidate> {
    let quiet_ns = |one: &Candidate| now_ns.saturating_sub(one.since_ns);
    let mut chosen = Vec::new();
    candidates.retain(|one| {
        let is_over = quiet_ns(one) >= retain_ns;
        if is_over {
            chosen.push(*one);
        }
        !is_over
    });
    let taken = room.taken.saturating_sub(chosen.len());
    if taken <= part(room.all, PRESSED) {
        return chosen;
    }
    let mut crowds: HashMap<[u32; 4], usize> = HashMap::new();
    for one in candidates.iter().filter(|one| one.kind == Kind::Stranger) {
        *crowds.entry(one.neighbourhood).or_default() += 1;
    }
    let is_active = |one: &Candidate| quiet_ns(one) < JUST_NOW_NS;
    candidates.sort_by_cached_key(|one| {
        let crowd = match one.kind {
            Kind::Stranger => crowds.get(&one.neighbourhood).copied().unwrap_or(0),
            _ => 0,
        };
        (one.kind, is_active(one), std::cmp::Reverse(crowd), one.since_ns)
    });
    // Who was active just now has its rank all the same, so that nobody better known leaves in its place.
    let leaves = |(rank, one): &(usize, &Candidate)| {
        let until = match (one.kind, is_active(one)) {
            (Kind::Stranger, true) | (Kind::Regular, false) => PRESSED,
            (Kind::Stranger | Kind::Visitor, false) => RELAXED,
            (Kind::Visitor | Kind::Regular, true) => return false,
        };
        *rank < taken - part(room.all, until)
    };
    let leaving = candidates.iter().enumerate().filter(leaves);
    chosen.extend(leaving.map(|(_, one)| *one));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const NOW: u64 = 1000 * S;

    fn one(slot: u32, kind: Kind, quiet_s: u64, neighbourhood: u32) -> Candidate {
        Candidate {
            slot,
            print: 1,
            since_ns: NOW - quiet_s * S,
            kind,
            neighbourhood: [neighbourhood, 0, 0, 0],
        }
    }

    fn chosen(candidates: &[Candidate], taken: usize, all: usize) -> Vec<u32> {
        let chosen = choose(candidates.to_vec(), Room { taken, all }, 600 * S, NOW);
        chosen.iter().map(|one| one.slot).collect()
    }

    #[test]
    fn while_there_is_room_only_those_leave_that_were_quiet_for_long() {
        let candidates = [
            one(1, Kind::Regular, 600, 0),
            one(2, Kind::Stranger, 599, 0),
            one(3, Kind::Stranger, 700, 0),
        ];
        assert_eq!(chosen(&candidates, 7, 8), [1, 3]);
        assert_eq!(chosen(&candidates, 700, 1000), [1, 3]);
    }

    #[test]
    fn strangers_make_room_first_and_those_of_a_crowd_before_others() {
        let candidates = [
            one(1, Kind::Regular, 500, 1),
            one(2, Kind::Visitor, 400, 1),
            one(3, Kind::Stranger, 300, 1),
            one(4, Kind::Stranger, 2, 2),
            one(5, Kind::Stranger, 3, 2),
            one(6, Kind::Stranger, 0, 2),
        ];
        assert_eq!(chosen(&candidates, 14, 16), [0_u32; 0], "not pressed yet");
        // There is room again with 12. One of the crowd was active just now, and no visitor leaves in its
        // place.
        assert_eq!(chosen(&candidates, 15, 16), [5, 4, 3]);
        assert_eq!(chosen(&candidates, 16, 16), [5, 4, 3]);
        assert_eq!(
            chosen(&candidates, 32, 32),
            [5, 4, 3, 6, 2],
            "without them it is not pressed"
        );
    }

    #[test]
    fn a_busy_crowd_does_not_keep_other_strangers() {
        let mut candidates: Vec<Candidate> = (1..9).map(|slot| one(slot, Kind::Stranger, 0, 1)).collect();
        candidates.extend((9..13).map(|slot| one(slot, Kind::Stranger, slot.into(), slot)));
        assert_eq!(chosen(&candidates, 16, 16), [12, 11, 10, 9]);
    }

    #[test]
    fn regular_peers_leave_only_as_far_as_they_must() {
        let regular: Vec<Candidate> = (1..30)
            .map(|slot| one(slot, Kind::Regular, slot.into(), 0))
            .collect();
        assert_eq!(chosen(&regular, 32, 32), [29, 28, 27, 26]);
        let mut busy = regular;
        busy.extend((50..58).map(|slot| one(slot, Kind::Stranger, 0, 0)));
        assert_eq!(chosen(&busy, 32, 32), [50, 51, 52, 53]);
    }

    #[test]
    fn a_neighbourhood_is_what_one_attacker_has() {
        let key = |ip: &str| {
            let address = match ip.parse().unwrap() {
                std::net::IpAddr::V4(ip) => address::mapped(u32::from_ne_bytes(ip.octets())),
                std::net::IpAddr::V6(ip) => {
                    let mut words = [0; 4];
                    for (word, bytes) in words.iter_mut().zip(ip.octets().chunks_exact(4)) {
                        *word = u32::from_ne_bytes(bytes.try_into().unwrap());
                    }
                    words
                }
            };
            PeerKey {
                address,
                netns: 1,
                port: 80,
                direction: 1,
                shared: 0,
                interface: 0,
                process: 0,
            }
        };
        let same = |a: &str, b: &str| neighbourhood(&key(a)) == neighbourhood(&key(b));
        assert!(same("2001:db8::1", "2001:db8::ffff:2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("192.0.2.1", "192.0.2.255"));
        assert!(!same("192.0.2.1", "192.0.3.1"));
    }
}
