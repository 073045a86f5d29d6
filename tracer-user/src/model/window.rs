//! The window that is judged: marks of earlier samples, to subtract from the newest.
//!
//! Counters only grow and histograms can be subtracted, so what happened between two samples is exact. Marks
//! are kept at boundaries, which are close together near the present and further apart with age, and only for
//! peers that changed since the previous boundary.
//!
//! Its size is limited: one mark of about 100 bytes for each peer at the start of the window, and
//! [`MAX_MARKS`] others. Beyond that, boundaries are further apart.

mod boundary;
mod grid;
mod joined;
mod layout;
mod mark;
mod time_line;
mod written;

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

use self::{boundary::Boundary, mark::Levels};
pub use self::{
    grid::Grid,
    joined::{HostWindow, Steps, moment},
    mark::{Level, Live, Looks, Mark, held, live_by_slot},
    time_line::{Event, TimeLine},
};
use super::{
    figure::{Table, added},
    peer::Counters,
    sample::{Moment, Peer, Sample},
};

/// Maximum number of marks after the start of the window: about 3 MB.
const MAX_MARKS: usize = 24_000;

/// Boundaries are at least this far apart, ns, however often samples are taken.
const STEP_NS: u64 = 1_000_000_000;

/// The distance between boundaries is at most one part in this many of their age ...
const AGE_SHARE: u64 = 4;

/// ... and of the window, so that its start does not jump.
const WINDOW_SHARE: u64 = 12;

/// Maximum number of boundaries in a window read from a file. The limits above give about 40 for the longest
/// run.
const MAX_READ_BOUNDARIES: usize = 512;

/// The time a pool is given to fill after a peer's first connection, ns.
pub const FILL_NS: u64 = 2_000_000_000;

/// When a peer was active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Fingerprint of the peer, which changes with all its activity.
    pub(crate) print: u64,
    /// When it was first seen, monotonic, ns.
    pub first_ns: u64,
    /// When it was last active, monotonic, ns.
    pub last_ns: u64,
    /// When it last began to hold connections after holding none, monotonic, ns.
    pub began_ns: u64,
    /// Connections it held [`FILL_NS`] after that; the current number until then.
    pub filled: u64,
    /// How busy its connections were when looked at.
    pub looks: Looks,
}

/// The window and what was before its end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "written::Written")]
pub struct Window {
    /// Its length, ns; `None` for the whole run.
    length_ns: Option<u64>,
    /// Whether it starts later than the run.
    is_cut: bool,
    /// Copies share those that none of them has changed since.
    boundaries: VecDeque<Arc<Boundary>>,
    seen: Vec<Seen>,
    /// Those of the newest sample.
    generations: Vec<u32>,
    /// What was held at more moments than there are boundaries; only of several hosts together.
    levels: Option<Box<Levels>>,
}

impl Window {
    /// Creates a window of the last `length_ns`, or of the whole run for `None`.
    pub fn new(length_ns: Option<u64>) -> Self {
        Self {
            length_ns,
            ..Self::default()
        }
    }

    /// Adds a sample. Samples must come in order of time. Returns the slots that belong to another peer than
    /// before, or to none, in ascending order.
    pub fn add(&mut self, sample: &Sample) -> Vec<u32> {
        let moved = self.forget_those_who_left(&sample.generations);
        let live = live_by_slot(&sample.sockets.connections);
        let now = sample.taken;
        let is_due = self
            .boundaries
            .back()
            .is_none_or(|last| now.monotonic_ns.saturating_sub(last.at.monotonic_ns) >= self.step_ns(now));
        let marks = sample.peers.iter().filter_map(|peer| {
            let live = live.get(peer.slot as usize).copied().unwrap_or_default();
            let looks = self.see(sample, peer, live, is_due)?;
            is_due.then(|| (peer.slot, boundary::pack(&peer.counters, live, looks)))
        });
        let marks = marks.collect();
        if is_due {
            self.boundaries.push_back(Arc::new(Boundary { at: now, marks }));
            self.thin(now.monotonic_ns);
        }
        moved
    }

    /// Forgets the peers whose slots were given back.
    fn forget_those_who_left(&mut self, generations: &[u32]) -> Vec<u32> {
        let before = self.generations.iter().copied().chain(std::iter::repeat(0));
        let both = (0..).zip(generations.iter().zip(before));
        let moved: Vec<u32> = both
            .filter(|(_, (now, before))| *now != before)
            .map(|(slot, _)| slot)
            .collect();
        if moved.is_empty() {
            return moved;
        }
        self.generations = generations.to_vec();
        for boundary in &mut self.boundaries {
            Arc::make_mut(boundary).marks.forget(&moved);
        }
        for slot in &moved {
            if let Some(seen) = self.seen.get_mut(*slot as usize) {
                *seen = Seen::default();
            }
        }
        moved
    }

    /// Starts the window at the newest sample.
    pub fn begin_anew(&mut self) {
        while self.boundaries.len() > 1 {
            self.merge(0);
        }
        self.is_cut = !self.boundaries.is_empty();
    }

    /// Whether it covers the last `length_ns` before `now_ns`.
    pub fn reaches(&self, length_ns: u64, now_ns: u64) -> bool {
        let begin = now_ns.saturating_sub(length_ns);
        let is_long_enough = self.length_ns.is_none_or(|mine| mine >= length_ns);
        !self.is_cut
            || is_long_enough
            || self
                .boundaries
                .front()
                .is_some_and(|first| first.at.monotonic_ns <= begin)
    }

    /// Shortens it to the last `length_ns` before `now_ns`. It then starts at the nearest boundary. A window
    /// that is shorter already does not change.
    pub fn shorten(&mut self, length_ns: u64, now_ns: u64) {
        if self.length_ns.is_some_and(|mine| mine <= length_ns) {
            return;
        }
        self.length_ns = Some(length_ns);
        let begin = now_ns.saturating_sub(length_ns);
        let time = |boundary: &Arc<Boundary>| boundary.at.monotonic_ns;
        while let (Some(first), Some(second)) = (self.boundaries.front(), self.boundaries.get(1)) {
            let (first, second) = (time(first), time(second));
            let is_nearer = second <= begin || second - begin < begin.saturating_sub(first);
            if first >= begin || !is_nearer {
                break;
            }
            self.merge(0);
            self.is_cut = true;
        }
        // If it would start at or before the first boundary, cutting off the start of the run gains nothing.
        let began_before = |first: &Arc<Boundary>| first.at.monotonic_ns < begin;
        self.is_cut |= self.boundaries.front().is_some_and(began_before);
    }

    /// When it starts; `None` if it starts with the run.
    pub fn start(&self) -> Option<Moment> {
        self.is_cut
            .then(|| self.boundaries.front().map(|first| first.at))?
    }

    /// A peer's mark at the start of the window; `None` if that is the start of the run, or the peer came
    /// later.
    pub fn base(&self, slot: u32) -> Option<Mark> {
        if !self.is_cut {
            return None;
        }
        self.boundaries.front()?.mark(slot)
    }

    /// What a peer held at the start of the window, as [`Self::base`] has it.
    pub fn base_held(&self, slot: u32) -> Option<u64> {
        let first = self.boundaries.front().filter(|_| self.is_cut);
        first?.held(slot)
    }

    /// A peer's counters of what happened within the window.
    pub fn counters(&self, peer: &Peer) -> Counters {
        match self.base(peer.slot) {
            Some(base) => peer.counters.since(&base.counters),
            None => peer.counters.clone(),
        }
    }

    /// The same from the start or from a boundary on, by its monotonic time, ns.
    pub fn counters_from(&self, peer: &Peer, begins_ns: u64, sample: &Sample) -> Counters {
        let is_it = |at: Moment| at.monotonic_ns == begins_ns;
        if is_it(self.start().unwrap_or(sample.started)) {
            return self.counters(peer);
        }
        let boundary = self.boundaries().position(is_it);
        match boundary.and_then(|boundary| self.mark(boundary, peer.slot)) {
            Some(mark) => peer.counters.since(&mark.counters),
            None => self.counters(peer),
        }
    }

    /// The boundaries within the window, oldest first.
    pub fn boundaries(&self) -> impl DoubleEndedIterator<Item = Moment> + ExactSizeIterator {
        self.boundaries.iter().map(|boundary| boundary.at)
    }

    /// A peer's mark at one of [`Self::boundaries`]; `None` if the peer came later.
    pub fn mark(&self, boundary: usize, slot: u32) -> Option<Mark> {
        let until = self.boundaries.iter().take(boundary + 1).rev();
        until.into_iter().find_map(|boundary| boundary.mark(slot))
    }

    /// The newest boundary since which a peer has opened at least `opens` connections. `opens_now` is its
    /// total. `None` if it has opened fewer since the oldest boundary.
    pub fn when_opened(&self, slot: u32, opens_now: u64, opens: u64) -> Option<usize> {
        let mut newer = self.boundaries.len();
        for (at, boundary) in self.boundaries.iter().enumerate().rev() {
            let Some(before) = boundary.opens(slot) else {
                continue;
            };
            if added(boundary::low(opens_now).into(), before.into()) >= opens {
                // This was true until just before the next boundary at which the peer had changed.
                return newer.checked_sub(1);
            }
            newer = at;
        }
        None
    }

    /// The connections a peer held at each boundary since it came, oldest first.
    pub fn course(&self, slot: u32) -> Vec<Level> {
        if let Some(levels) = &self.levels {
            return levels.course(slot);
        }
        let mut last: Option<Mark> = None;
        let mut course = Vec::with_capacity(self.boundaries.len() + 1);
        for boundary in &self.boundaries {
            last = boundary.mark(slot).or(last);
            if let Some(mark) = &last {
                course.push(Level::of(boundary.at.monotonic_ns, &mark.counters));
            }
        }
        course
    }

    /// The time line of a peer of several hosts, if all its connections are known.
    pub fn time_line(&self, slot: u32) -> Option<&TimeLine> {
        self.levels.as_ref()?.time_line(slot)
    }

    /// When a peer was active; `None` if it is unknown.
    pub fn seen(&self, slot: u32) -> Option<Seen> {
        self.seen
            .get(slot as usize)
            .copied()
            .filter(|seen| seen.print != 0)
    }

    /// Whether a run can have produced it, which is not certain if it was read from a file.
    pub fn is_possible(&self) -> bool {
        self.boundaries.len() <= MAX_READ_BOUNDARIES
            && self
                .boundaries
                .iter()
                .zip(self.boundaries.iter().skip(1))
                .all(|(before, after)| before.at.monotonic_ns <= after.at.monotonic_ns)
            && self.boundaries.iter().all(|boundary| boundary.is_possible())
    }

    /// Updates when a peer was active. Returns how busy its connections were if the peer has changed since
    /// the last boundary.
    fn see(&mut self, sample: &Sample, peer: &Peer, live: Live, is_due: bool) -> Option<Looks> {
        let slot = peer.slot as usize;
        if self.seen.len() <= slot {
            self.seen.resize(slot + 1, Seen::default());
        }
        let seen = self.seen.get_mut(slot)?;
        let (now, counters) = (sample.taken.monotonic_ns, &peer.counters);
        let held = held(counters);
        if seen.print == 0 {
            let was_there = counters.seeded > 0;
            seen.first_ns = if was_there {
                sample.started.monotonic_ns
            } else {
                now
            };
            seen.last_ns = seen.first_ns;
            // A pool that already existed has had time to fill.
            seen.began_ns = if was_there { 0 } else { now };
            seen.filled = held;
        }
        if held == 0 {
            seen.began_ns = now;
        }
        if now.saturating_sub(seen.began_ns) < FILL_NS {
            seen.filled = held;
        }
        let print = fingerprint(counters, live);
        let has_changed = print != seen.print;
        if has_changed {
            if seen.print != 0 {
                seen.last_ns = now;
            }
            match sample.looks.get(&peer.slot) {
                Some(looks) => seen.looks = *looks,
                None => seen.looks.note(live, now, || counters.hold.mean_ns()),
            }
        }
        if is_due {
            seen.print = print;
        } else if seen.print == 0 {
            // Known, but without a mark. No fingerprint is 1.
            seen.print = 1;
        }
        has_changed.then_some(seen.looks)
    }

    /// Minimum distance between boundaries, ns.
    fn step_ns(&self, now: Moment) -> u64 {
        (self.reach_ns(now.monotonic_ns) / 300).max(STEP_NS)
    }

    /// How far back it goes, ns.
    fn reach_ns(&self, now: u64) -> u64 {
        let since_first = self
            .boundaries
            .front()
            .map_or(0, |first| now.saturating_sub(first.at.monotonic_ns));
        self.length_ns.unwrap_or(since_first)
    }

    /// Drops what is older than the window, and boundaries that are closer together than necessary.
    fn thin(&mut self, now: u64) {
        let reach = self.reach_ns(now);
        if let Some(length) = self.length_ns {
            let begin = now.saturating_sub(length);
            while self.boundaries.len() > 1
                && self
                    .boundaries
                    .front()
                    .is_some_and(|first| first.at.monotonic_ns < begin)
            {
                self.merge(0);
                self.is_cut = true;
            }
        }
        self.thin_to(now, reach / WINDOW_SHARE);
        while self.later_marks() > MAX_MARKS && self.boundaries.len() > 2 {
            let Some(crowded) = self.most_crowded(now) else {
                return;
            };
            self.merge(crowded);
        }
    }

    /// Number of marks after the start of the window.
    fn later_marks(&self) -> usize {
        let later = self.boundaries.iter().skip(1);
        later.map(|boundary| boundary.marks.len()).sum()
    }

    /// The boundary whose neighbours are closest together relative to their age.
    fn most_crowded(&self, now: u64) -> Option<usize> {
        let time = |n: usize| {
            self.boundaries
                .get(n)
                .map_or(0, |boundary| boundary.at.monotonic_ns)
        };
        (1..self.boundaries.len() - 1).min_by_key(|at| {
            let apart = time(at + 1).saturating_sub(time(at - 1));
            let age = now.saturating_sub(time(at + 1)) + STEP_NS;
            // In thousandths, since these are integers.
            apart.saturating_mul(1000) / age
        })
    }

    fn thin_to(&mut self, now: u64, widest: u64) {
        let mut at = 1;
        while at + 1 < self.boundaries.len() {
            let time = |n: usize| {
                self.boundaries
                    .get(n)
                    .map_or(0, |boundary| boundary.at.monotonic_ns)
            };
            let (before, after) = (time(at - 1), time(at + 1));
            let allowed = (now.saturating_sub(after) / AGE_SHARE).min(widest).max(STEP_NS);
            if after.saturating_sub(before) <= allowed {
                self.merge(at);
            } else {
                at += 1;
            }
        }
    }

    /// Merges the marks of a boundary into the next one, which has newer marks of some of the peers.
    fn merge(&mut self, at: usize) {
        let Some(older) = self.boundaries.remove(at) else {
            return;
        };
        if let Some(newer) = self.boundaries.get_mut(at) {
            Arc::make_mut(newer).put_under(Arc::unwrap_or_clone(older));
        }
    }
}

/// A number that changes with all activity of a peer; never 0 or 1.
fn fingerprint(counters: &Counters, live: Live) -> u64 {
    // The multiplier spreads a difference of a few bits over all of them.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let live = [live.established, live.busy, live.turns, live.received, live.sent];
    let mixed = counters.prints().chain(live).fold(0_u64, |mixed, part| {
        (mixed.rotate_left(7) ^ part).wrapping_mul(SPREAD)
    });
    mixed | 2
}

#[cfg(test)]
mod tests;
