//! The time that is judged: marks of earlier samples, to subtract from the newest.
//!
//! All counters only grow and histograms subtract, so what happened between two samples is exact. Marks are kept
//! at boundaries that lie close together near the present and further apart with age, and only of peers that
//! changed since the boundary before.
//!
//! Bounded: one mark of some 100 bytes for each peer at the window's beginning, and beyond that
//! [`MAX_MARKS`] marks. With more, boundaries lie further apart.

mod boundary;
mod layout;
mod mark;

use std::collections::VecDeque;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize, Serializer};

use self::boundary::Boundary;
pub use self::mark::{Level, Live, Looks, Mark, held, live_by_slot};
use super::{
    peer::Counters,
    sample::{Moment, Peer, Sample},
};

/// Marks kept beyond those at the window's beginning: some 3 MB.
const MAX_MARKS: usize = 24_000;

/// Boundaries are no closer together than this, ns, however often samples are taken.
const STEP_NS: u64 = 1_000_000_000;

/// Two boundaries may lie apart by this part of their age ...
const AGE_SHARE: u64 = 4;

/// ... and by no more than this part of the window, so that its beginning does not jump.
const WINDOW_SHARE: u64 = 12;

/// Boundaries of a window that is read from a file: the shares above make some 40 of the longest run.
const MAX_READ_BOUNDARIES: usize = 512;

/// A pool is given this long to fill after a peer's first connection, ns.
pub const FILL_NS: u64 = 2_000_000_000;

/// When a peer was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Changes with anything that the peer does.
    pub(crate) print: u64,
    /// When it was there first, monotonic, ns.
    pub first_ns: u64,
    /// When it last did anything, monotonic, ns.
    pub last_ns: u64,
    /// When it last began to hold connections after it had held none, monotonic, ns.
    pub began_ns: u64,
    /// What it held [`FILL_NS`] after that; until then, what it holds.
    pub filled: u64,
    /// How busy its connections were found.
    pub looks: Looks,
}

/// The window and what was before its end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Window {
    /// Its length, ns; `None`: all of the run.
    length_ns: Option<u64>,
    /// Whether it begins later than the run.
    is_cut: bool,
    boundaries: VecDeque<Boundary>,
    seen: Vec<Seen>,
}

/// The same as it stands in a file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    length_ns: Option<u64>,
    is_cut: bool,
    /// Which figures the counters of the marks are.
    figures: Option<Vec<String>>,
    boundaries: VecDeque<Boundary>,
    seen: Vec<Seen>,
}

impl From<Written> for Window {
    fn from(mut written: Written) -> Self {
        let figures = written.figures.unwrap_or_else(layout::unnamed);
        if figures != layout::names() {
            for boundary in &mut written.boundaries {
                boundary.arrange(&figures);
            }
        }
        Self {
            length_ns: written.length_ns,
            is_cut: written.is_cut,
            boundaries: written.boundaries,
            seen: written.seen,
        }
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Borrowed<'a> {
            length_ns: Option<u64>,
            is_cut: bool,
            figures: &'a [&'a str],
            boundaries: &'a VecDeque<Boundary>,
            seen: &'a [Seen],
        }
        let borrowed = Borrowed {
            length_ns: self.length_ns,
            is_cut: self.is_cut,
            figures: Counters::NAMES,
            boundaries: &self.boundaries,
            seen: &self.seen,
        };
        borrowed.serialize(to)
    }
}

impl Window {
    /// A window of the last `length_ns`, or of the whole run.
    pub fn new(length_ns: Option<u64>) -> Self {
        Self {
            length_ns,
            ..Self::default()
        }
    }

    /// Takes in one more sample; samples come in the order in which they were taken.
    pub fn add(&mut self, sample: &Sample) {
        let live = live_by_slot(&sample.sockets.connections);
        let now = sample.taken;
        let is_due = self
            .boundaries
            .back()
            .is_none_or(|last| now.monotonic_ns.saturating_sub(last.at.monotonic_ns) >= self.step_ns(now));
        let mut marks = HashMap::new();
        for peer in &sample.peers {
            let live = live.get(peer.slot as usize).copied().unwrap_or_default();
            if let Some(looks) = self.see(sample, peer, live, is_due)
                && is_due
            {
                marks.insert(peer.slot, boundary::pack(&peer.counters, live, looks));
            }
        }
        if is_due {
            self.boundaries.push_back(Boundary { at: now, marks });
            self.thin(now.monotonic_ns);
        }
    }

    /// Makes it begin with the newest sample.
    pub fn begin_anew(&mut self) {
        while self.boundaries.len() > 1 {
            self.merge(0);
        }
        self.is_cut = !self.boundaries.is_empty();
    }

    /// Whether it knows what happened in the last `length_ns` before a moment of its end.
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

    /// Makes it the last `length_ns` before a moment of its end, as exactly as there are boundaries: it then begins with
    /// the one that is nearest. One that is shorter already stays as it is.
    pub fn shorten(&mut self, length_ns: u64, now_ns: u64) {
        if self.length_ns.is_some_and(|mine| mine <= length_ns) {
            return;
        }
        self.length_ns = Some(length_ns);
        let begin = now_ns.saturating_sub(length_ns);
        let time = |boundary: &Boundary| boundary.at.monotonic_ns;
        while let (Some(first), Some(second)) = (self.boundaries.front(), self.boundaries.get(1)) {
            let (first, second) = (time(first), time(second));
            let is_nearer = second <= begin || second - begin < begin.saturating_sub(first);
            if first >= begin || !is_nearer {
                break;
            }
            self.merge(0);
            self.is_cut = true;
        }
        // Where it begins between the run's beginning and the first boundary, or at the first, nothing is gained by
        // leaving that out.
        let began_before = |first: &Boundary| first.at.monotonic_ns < begin;
        self.is_cut |= self.boundaries.front().is_some_and(began_before);
    }

    /// When it begins; `None`: with the run.
    pub fn start(&self) -> Option<Moment> {
        self.is_cut
            .then(|| self.boundaries.front().map(|first| first.at))?
    }

    /// A peer at the window's beginning; `None` when that is the run's, or the peer came later.
    pub fn base(&self, slot: u32) -> Option<Mark> {
        if !self.is_cut {
            return None;
        }
        self.boundaries.front()?.mark(slot)
    }

    /// The moments within the window for which there are marks, oldest first.
    pub fn boundaries(&self) -> impl DoubleEndedIterator<Item = Moment> + ExactSizeIterator {
        self.boundaries.iter().map(|boundary| boundary.at)
    }

    /// A peer at one of [`Self::boundaries`]; `None` when it came later.
    pub fn mark(&self, boundary: usize, slot: u32) -> Option<Mark> {
        let until = self.boundaries.iter().take(boundary + 1).rev();
        until.into_iter().find_map(|boundary| boundary.mark(slot))
    }

    /// The newest boundary since which a peer has opened at least `opens` of the `opens_now` it has opened in all;
    /// `None` when it has not since the oldest.
    pub fn when_opened(&self, slot: u32, opens_now: u64, opens: u64) -> Option<usize> {
        let mut newer = self.boundaries.len();
        for (at, boundary) in self.boundaries.iter().enumerate().rev() {
            let Some(mark) = boundary.mark(slot) else {
                continue;
            };
            if opens_now.saturating_sub(mark.counters.opens()) >= opens {
                // So it was until the next one at which it had changed.
                return newer.checked_sub(1);
            }
            newer = at;
        }
        None
    }

    /// What a peer held at each boundary from when it came, oldest first.
    pub fn course(&self, slot: u32) -> Vec<Level> {
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

    /// When a peer was there; `None`: never.
    pub fn seen(&self, slot: u32) -> Option<Seen> {
        self.seen
            .get(slot as usize)
            .copied()
            .filter(|seen| seen.print != 0)
    }

    /// Whether it can have come from a run: one that was read from a file need not.
    pub fn is_possible(&self) -> bool {
        self.boundaries.len() <= MAX_READ_BOUNDARIES
            && self
                .boundaries
                .iter()
                .zip(self.boundaries.iter().skip(1))
                .all(|(before, after)| before.at.monotonic_ns <= after.at.monotonic_ns)
            && self.boundaries.iter().all(Boundary::is_possible)
    }

    /// Notes when a peer was there; gives what was seen of it so far if it has changed since the last boundary.
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
            // What was there already had time to fill.
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
                None => seen.looks.note(live),
            }
        }
        if is_due {
            seen.print = print;
        } else if seen.print == 0 {
            // Known, and not yet marked: no fingerprint is 1.
            seen.print = 1;
        }
        has_changed.then_some(seen.looks)
    }

    /// How far boundaries lie apart at least.
    fn step_ns(&self, now: Moment) -> u64 {
        (self.reach_ns(now.monotonic_ns) / 300).max(STEP_NS)
    }

    /// How far it reaches back, ns.
    fn reach_ns(&self, now: u64) -> u64 {
        let since_first = self
            .boundaries
            .front()
            .map_or(0, |first| now.saturating_sub(first.at.monotonic_ns));
        self.length_ns.unwrap_or(since_first)
    }

    /// Drops what lies before the window, and boundaries that are closer together than need be.
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

    /// Marks beyond those at the beginning.
    fn later_marks(&self) -> usize {
        let later = self.boundaries.iter().skip(1);
        later.map(|boundary| boundary.marks.len()).sum()
    }

    /// The boundary between whose neighbours least time lies for its age.
    fn most_crowded(&self, now: u64) -> Option<usize> {
        let time = |n: usize| {
            self.boundaries
                .get(n)
                .map_or(0, |boundary| boundary.at.monotonic_ns)
        };
        (1..self.boundaries.len() - 1).min_by_key(|at| {
            let apart = time(at + 1).saturating_sub(time(at - 1));
            let age = now.saturating_sub(time(at + 1)) + STEP_NS;
            // In thousandths: shares of whole numbers.
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

    /// Puts the marks of one boundary to the next, which has the newer ones of the same peers.
    fn merge(&mut self, at: usize) {
        let Some(older) = self.boundaries.remove(at) else {
            return;
        };
        if let Some(newer) = self.boundaries.get_mut(at) {
            newer.put_under(older);
        }
    }
}

/// A number that changes with anything that a peer does; never 0 or 1.
fn fingerprint(counters: &Counters, live: Live) -> u64 {
    // The multiplier spreads what differs in few bits over all of them.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let live = [live.established, live.busy, live.turns, live.received, live.sent];
    let mixed = counters.prints().chain(live).fold(0_u64, |mixed, part| {
        (mixed.rotate_left(7) ^ part).wrapping_mul(SPREAD)
    });
    mixed | 2
}

#[cfg(test)]
mod tests;
