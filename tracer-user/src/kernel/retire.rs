//! Peers that leave: a slot that holds nothing and has long been quiet is given back.
//!
//! The programs neither lock a slot nor count who uses it, so it takes three steps. The peer's cell in the
//! index is abandoned, and no further connection finds the slot. Then every program that was running has
//! ended ([`grace`]). If the slot is as it was before, nothing refers to it any more: a program that found it
//! earlier would have counted an open, and one that counted an end and was about to add to it has done so.
//! Its counters are handed over, and the slot is emptied and given back. Otherwise it goes on counting what
//! it holds, and is looked at again later.

mod cells;
mod choice;
mod grace;
mod noted;

use std::{
    mem::offset_of,
    os::fd::AsFd,
    sync::atomic::Ordering::{AcqRel, Acquire, Relaxed},
    time::{Duration, Instant},
};

use rustix::mm::ProtFlags;
use tracer_ebpf::abi::{peer::PeerKey, slots::Slots};

use self::{
    cells::{Cells, INDEX, compared},
    choice::{Candidate, Kind},
    noted::Noted,
};
use super::{TraceError, clock, decode, mapping::Mapping, peers::Brief, tracer::Tracer};
use crate::model::{accounting::Totals, peer::Counters, sample::Peer};

/// The slots are looked at this often while the table is nearly full ...
const PRESSED: Duration = Duration::from_millis(50);

/// ... and else this many times within the time that a quiet peer is kept, or this often.
const LOOKS: u32 = 64;
const SELDOM: Duration = Duration::from_secs(60);

/// But looks take no more than this part of a CPU. Who has more peers has more room too, and more time until
/// it is full.
const LOOKS_SHARE: u32 = 4;

/// After this time no program that began before is still running, even if the kernel cannot tell: they take
/// microseconds.
const LONG_OVER_NS: u64 = 1_000_000_000;

/// Who has a slot, and for how long it has been quiet.
pub(super) struct Retirement {
    /// How long a quiet peer is kept while there is room; `None`: all are kept until the end.
    retain_ns: Option<u64>,
    max_peers: u32,
    cells: Cells,
    slots: Mapping,
    /// By slot.
    noted: Vec<Noted>,
    leaving: Vec<Leaving>,
    /// When the slots were last looked at, and how much time of a CPU that took.
    looked: Option<(Instant, Duration)>,
    /// How many peers had found no room when the list of them was last emptied.
    dropped_before: u64,
    /// What the peers have counted that have left.
    left: Totals,
}

/// How many peers may be leaving at once. They have slots of their own beside those of `max_peers` peers,
/// since one that comes back meanwhile takes a second slot.
pub(super) fn most_leaving(max_peers: u32) -> u32 {
    (max_peers / 8).max(64)
}

/// A peer that no cell of the index leads to any more.
struct Leaving {
    slot: u32,
    /// What it had counted before the last grace period.
    brief: Brief,
    since_ns: u64,
}

impl Retirement {
    /// Maps the index of `max_peers` peers and the record of which slots are taken.
    pub(super) fn map(
        index: impl AsFd,
        slots: impl AsFd,
        seed: u64,
        max_peers: u32,
        retain_ns: Option<u64>,
    ) -> Result<Self, TraceError> {
        Ok(Self {
            retain_ns,
            max_peers,
            cells: Cells::map(index, seed, max_peers)?,
            slots: Mapping::new(
                slots,
                size_of::<Slots>(),
                ProtFlags::READ | ProtFlags::WRITE,
                INDEX,
            )?,
            noted: Vec::new(),
            leaving: Vec::new(),
            looked: None,
            dropped_before: 0,
            left: Totals::default(),
        })
    }

    /// What the peers have counted that have left.
    pub(super) fn left(&self) -> Totals {
        self.left
    }

    /// How often each slot was given back.
    pub(super) fn generations(&self) -> Vec<u32> {
        self.noted.iter().map(|noted| noted.generation).collect()
    }

    fn word(&self, offset: usize) -> u32 {
        self.slots.atomic_u32(offset).map_or(0, |word| word.load(Relaxed))
    }

    /// The highest slot that was ever taken.
    pub(super) fn taken(&self) -> u32 {
        self.word(offset_of!(Slots, taken))
    }

    /// How many peers there is room for.
    pub(super) fn max_peers(&self) -> u32 {
        self.max_peers
    }

    /// The number of peers that have a slot, without those that are leaving.
    fn peers(&self) -> u32 {
        self.word(offset_of!(Slots, peers))
    }

    fn room(&self) -> choice::Room {
        choice::Room {
            taken: self.peers() as usize,
            all: self.max_peers as usize,
        }
    }

    /// Lets a slot look as if it had been given back: what its peer did before is not known any more.
    fn forget_history(&mut self, slot: u32) {
        if let Some(noted) = self.noted.get_mut(slot as usize) {
            noted.generation = noted.generation.wrapping_add(1);
        }
    }

    /// Abandons the cell that leads to a slot; `false` if there is none.
    fn unlink(&mut self, slot: u32, key: &PeerKey) -> bool {
        let done = self.cells.abandon(slot, key);
        if done && let Some(peers) = self.slots.atomic_u32(offset_of!(Slots, peers)) {
            peers.fetch_sub(1, AcqRel);
        }
        done
    }

    /// Gives a slot back to the programs, which is empty but for where the next one is noted.
    fn give_back(&mut self, slot: u32, note_next: impl Fn(u32)) {
        let Some(free) = self.slots.atomic_u64(offset_of!(Slots, free)) else {
            return;
        };
        let mut before = free.load(Acquire);
        loop {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is the slot")]
            note_next(before as u32);
            match free.compare_exchange(before, Slots::freed(before, slot), AcqRel, Acquire) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
        if let Some(noted) = self.noted.get_mut(slot as usize) {
            *noted = Noted {
                generation: noted.generation.wrapping_add(1),
                ..Noted::default()
            };
        }
    }
}

impl Tracer {
    /// Gives back the slots of peers that hold nothing: of those that were quiet for the time that was set
    /// and, while the table is nearly full, of others, the least known first. Returns who has left, so that
    /// the totals do not change: [`Tracer::totals`] goes on to count them. `stays` names slots that are
    /// needed.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn retire(&mut self, stays: impl Fn(u32) -> bool) -> Result<Vec<Peer>, TraceError> {
        let retirement = &self.retirement;
        let Some(retain_ns) = retirement.retain_ns else {
            return Ok(Vec::new());
        };
        let pace = if choice::is_pressed(retirement.peers(), retirement.max_peers) {
            PRESSED
        } else {
            (Duration::from_nanos(retain_ns) / LOOKS).clamp(PRESSED, SELDOM)
        };
        let is_early = |(at, took): (Instant, Duration)| at.elapsed() < pace.max(took * LOOKS_SHARE);
        if retirement.looked.is_some_and(is_early) {
            return Ok(Vec::new());
        }
        let (begun, cpu_before) = (Instant::now(), clock::of_this_thread());
        let candidates = self.candidates(&stays);
        let now_ns = clock::now().monotonic_ns;
        let most = most_leaving(self.retirement.max_peers) as usize;
        let chosen = choice::choose(candidates, self.retirement.room(), retain_ns, now_ns);
        for one in chosen
            .iter()
            .take(most.saturating_sub(self.retirement.leaving.len()))
        {
            self.unlink(one, now_ns);
        }
        let took = clock::of_this_thread().saturating_sub(cpu_before);
        self.retirement.looked = Some((begun, took));
        let retired = self.settle()?;
        self.forget_dropped()?;
        Ok(retired)
    }

    /// Looks at all slots, and returns those that could be given back.
    fn candidates(&mut self, stays: &impl Fn(u32) -> bool) -> Vec<Candidate> {
        let now_ns = clock::now().monotonic_ns;
        let taken = self.retirement.taken() as usize;
        let slots = self.table.slots().min(taken + 1);
        if self.retirement.noted.len() < slots {
            self.retirement.noted.resize(slots, Noted::default());
        }
        let mut candidates = Vec::new();
        for (slot, noted) in (0..).zip(&mut self.retirement.noted).take(slots).skip(1) {
            if noted.is_leaving {
                continue;
            }
            let brief = self.table.brief(slot as usize);
            noted.look(brief.as_ref(), now_ns);
            let print = noted.print;
            let Some(brief) = brief.filter(|brief| brief.open_now == 0) else {
                continue;
            };
            if !stays(slot) {
                candidates.push(Candidate {
                    slot,
                    print,
                    since_ns: noted.since_ns,
                    kind: Kind::of(&brief),
                    neighbourhood: choice::neighbourhood(&brief.key),
                });
            }
        }
        candidates
    }

    fn unlink(&mut self, chosen: &Candidate, now_ns: u64) {
        let slot = chosen.slot;
        // It may have come back meanwhile.
        let brief = self.table.brief(slot as usize);
        let Some(brief) = brief.filter(|brief| brief.print() == chosen.print) else {
            return;
        };
        if !self.retirement.unlink(slot, &brief.key) {
            return;
        }
        if let Some(noted) = self.retirement.noted.get_mut(slot as usize) {
            noted.is_leaving = true;
        }
        self.retirement.leaving.push(Leaving {
            slot,
            brief,
            since_ns: now_ns,
        });
    }

    /// Waits for the programs that are running, and gives back the slots that are leaving and unchanged.
    fn settle(&mut self) -> Result<Vec<Peer>, TraceError> {
        let mut retired = Vec::new();
        if self.retirement.leaving.is_empty() {
            return Ok(retired);
        }
        let has_passed = grace::pass();
        let now_ns = clock::now().monotonic_ns;
        let mut leaving = std::mem::take(&mut self.retirement.leaving);
        let mut failure = None;
        leaving.retain_mut(|one| {
            if !has_passed && now_ns.saturating_sub(one.since_ns) < LONG_OVER_NS {
                return true;
            }
            let brief = self.table.brief(one.slot as usize);
            match brief {
                Some(brief) if brief != one.brief || brief.open_now != 0 => {
                    (one.brief, one.since_ns) = (brief, now_ns);
                    true
                }
                _ => match self.empty(one.slot) {
                    Ok(peer) => {
                        retired.extend(peer);
                        false
                    }
                    Err(error) => {
                        failure = Some(error);
                        true
                    }
                },
            }
        });
        self.retirement.leaving = leaving;
        if has_passed {
            let linked = self.linked();
            self.retirement.cells.free(linked.into_iter());
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(retired),
        }
    }

    /// Takes over what a slot has counted that nothing refers to, and gives the slot back.
    fn empty(&mut self, slot: u32) -> Result<Option<Peer>, TraceError> {
        let place = slot as usize;
        let damaged = |error: decode::DecodeError| TraceError::Read {
            what: "the peer table",
            reason: error.to_string(),
        };
        let stats = self.table.read(place).transpose().map_err(damaged)?;
        if let Some(stats) = &stats {
            self.forget_history_of(&stats.key);
        }
        let peer = stats.and_then(|stats| {
            Some(Peer {
                id: decode::peer_id(&stats.key, &self.filter)?,
                slot,
                counters: Counters::from(&stats),
            })
        });
        if let Some(totals) = self.table.totals(place) {
            self.retirement.left.plus(totals);
        }
        let table = &self.table;
        table.clear(place);
        self.retirement
            .give_back(slot, |next| table.note_next(place, next));
        Ok(peer)
    }

    /// A peer leaves a slot. If it came back meanwhile and has another one, what is known of it was counted
    /// in both, and from now on it is only what is counted in the other.
    fn forget_history_of(&mut self, key: &PeerKey) {
        let is_its = |slot: &u32| {
            let there = self.table.key(*slot as usize).and_then(Result::ok);
            there.is_some_and(|there| compared(&there) == compared(key))
        };
        let others: Vec<u32> = self.retirement.cells.slots_of(key).filter(is_its).collect();
        for slot in others {
            self.retirement.forget_history(slot);
        }
    }

    /// The slots that the index leads to, with their keys.
    fn linked(&self) -> Vec<(u32, PeerKey)> {
        let is_leaving = |slot: u32| {
            let noted = self.retirement.noted.get(slot as usize);
            noted.is_some_and(|noted| noted.is_leaving)
        };
        let all = (1..=self.retirement.taken()).filter(|slot| !is_leaving(*slot));
        all.map_while(|slot| Some((slot, self.table.key(slot as usize)?.ok()?)))
            .filter(|(_, key)| key.direction != 0)
            .collect()
    }

    /// Empties the list of peers that found no room, once there is room: they get a slot when they come
    /// again, and the list does not fill up.
    fn forget_dropped(&mut self) -> Result<(), TraceError> {
        let dropped = self.sum_of_losses()?.peers_dropped;
        let is_full = self.retirement.peers() >= self.retirement.max_peers;
        if dropped == self.retirement.dropped_before || is_full {
            return Ok(());
        }
        self.retirement.dropped_before = dropped;
        let listed: Vec<PeerKey> = self.dropped.keys().flatten().collect();
        for key in listed {
            // Another one may be in its place by now.
            let _ = self.dropped.remove(&key);
        }
        Ok(())
    }
}
