//! A window over several hosts: what the windows of each have marked, added up at common moments.
//!
//! A host's marks say what held from one boundary until the next change, so they are steps. The steps of
//! several hosts are added at the moments of a [`Grid`]; at each counts what the host marked last. A host is
//! taken to have held at the beginning what it held when it was first looked at, so that one that comes late
//! is no growth.
//!
//! The number held is known at all moments of the grid, which takes a few bytes each. All counters are kept
//! at few of them: at the beginning, from which all is judged, and where [`super::Window::boundaries`] are to
//! be.

use std::sync::Arc;

use super::{Boundary, Grid, Level, Live, Looks, Mark, Seen, TimeLine, Window, boundary, held, mark::Levels};
use crate::model::{
    peer::Counters,
    sample::{Moment, Sample},
};

const NS_PER_MS: u64 = 1_000_000;

/// What a peer held at one moment of the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Point {
    held: u32,
    opens: u32,
    closes: u32,
    established: u32,
    busy: u32,
}

impl Point {
    fn of(mark: &Mark) -> Self {
        let low = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let counters = &mark.counters;
        Self {
            held: low(held(counters)),
            opens: boundary::low(counters.opens()),
            closes: boundary::low(counters.closes.total()),
            established: low(mark.live.established),
            busy: low(mark.live.busy),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            held: self.held.saturating_add(other.held),
            opens: self.opens.wrapping_add(other.opens),
            closes: self.closes.wrapping_add(other.closes),
            established: self.established.saturating_add(other.established),
            busy: self.busy.saturating_add(other.busy),
        }
    }
}

fn plus(one: &mut Mark, other: &Mark) {
    one.counters.absorb(&other.counters);
    one.live.established += other.live.established;
    one.live.busy += other.live.busy;
    one.live.turns += other.live.turns;
    one.live.received += other.live.received;
    one.live.sent += other.live.sent;
}

/// Values that hold from a place on until the next one, in order.
type Of<T> = Vec<(u16, T)>;

/// Adds others to some.
fn absorb<T: Clone + Default>(all: &mut Of<T>, others: &[(u16, T)], plus: impl Fn(&mut T, &T)) {
    for (place, _) in others {
        if let Err(at) = all.binary_search_by_key(place, |(place, _)| *place) {
            let before = at.checked_sub(1).and_then(|before| all.get(before));
            let same = before.map_or_else(T::default, |(_, value)| value.clone());
            all.insert(at, (*place, same));
        }
    }
    let (mut others, mut theirs) = (others.iter().peekable(), None);
    for (place, mine) in all {
        while let Some((_, value)) = others.next_if(|(at, _)| at <= place) {
            theirs = Some(value);
        }
        if let Some(theirs) = theirs {
            plus(mine, theirs);
        }
    }
}

/// Marks, either as they are or packed: a peer that only one host knows is not added to any more.
#[derive(Clone, Debug, Default)]
struct Marks {
    plain: Of<Mark>,
    packed: Of<Vec<u8>>,
}

impl Marks {
    fn put(&mut self, place: u16, mark: Mark) {
        match self.plain.last_mut() {
            Some((last, known)) if *last == place => *known = mark,
            _ => self.plain.push((place, mark)),
        }
    }

    fn pack(&mut self) {
        let pack =
            |(place, mark): (u16, Mark)| (place, boundary::pack(&mark.counters, mark.live, mark.looks));
        self.packed
            .extend(std::mem::take(&mut self.plain).into_iter().map(pack));
    }

    fn unpack(&mut self) {
        let unpack = |(place, mark): (u16, Vec<u8>)| (place, boundary::unpack(&mark).unwrap_or_default());
        self.plain
            .extend(std::mem::take(&mut self.packed).into_iter().map(unpack));
    }
}

/// What the hosts have marked of one peer.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    points: Of<Point>,
    marks: Marks,
}

impl Steps {
    fn put(&mut self, place: u16, point: Point) {
        match self.points.last_mut() {
            Some((last, known)) if *last == place => *known = point,
            _ => self.points.push((place, point)),
        }
    }

    /// Adds those of another host.
    pub fn add(&mut self, mut other: Self) {
        if self.points.is_empty() {
            other.marks.pack();
            *self = other;
            return;
        }
        absorb(&mut self.points, &other.points, |one, other| {
            *one = one.plus(*other);
        });
        self.marks.unpack();
        other.marks.unpack();
        absorb(&mut self.marks.plain, &other.marks.plain, plus);
    }

    /// The number held when the grid begins.
    pub fn first_held(&self) -> u64 {
        match self.points.first() {
            Some((0, point)) => point.held.into(),
            _ => 0,
        }
    }

    /// The last moment at which none was held, ns; `None`: some always were.
    pub fn none_held_ns(&self, grid: &Grid) -> Option<u64> {
        let mut last = self.points.first().and_then(|(place, _)| place.checked_sub(1));
        for (place, (_, point)) in self.points.iter().enumerate() {
            if point.held == 0 {
                // It is the same until the next one.
                let next = self.points.get(place + 1).map(|(next, _)| *next);
                let until = next.unwrap_or_else(|| u16::try_from(grid.times.len()).unwrap_or(u16::MAX));
                last = Some(until.saturating_sub(1));
            }
        }
        let last = match (last, self.points.is_empty()) {
            (None, true) => grid.times.len().checked_sub(1)?,
            (last, _) => last?.into(),
        };
        grid.times.get(last).copied()
    }

    /// How busy the connections of all hosts together were at the moments of the grid.
    pub fn looks(&self, grid: &Grid) -> Looks {
        let mut looks = Looks::default();
        let mut points = self.points.iter().peekable();
        let mut now = Point::default();
        for place in 0..grid.times.len() {
            while let Some((_, point)) = points.next_if(|(at, _)| usize::from(*at) <= place) {
                now = *point;
            }
            // Whether one was new or free cannot be told from sums.
            let live = Live {
                established: now.established.into(),
                busy: now.busy.into(),
                ..Live::default()
            };
            looks.note(live, u64::MAX, || 0);
        }
        looks
    }
}

/// A host's window on the common clock.
pub struct HostWindow<'a> {
    /// The window.
    pub window: &'a Window,
    /// The newest sample.
    pub sample: &'a Sample,
    /// The moments.
    pub grid: &'a Grid,
    /// When that sample was taken, on the common clock, ns.
    pub taken_ns: u64,
}

impl HostWindow<'_> {
    /// A time of this host's monotonic clock on the common clock, ns.
    pub fn common_ns(&self, monotonic_ns: u64) -> u64 {
        let taken = self.sample.taken.monotonic_ns;
        (self.taken_ns + monotonic_ns.saturating_sub(taken))
            .saturating_sub(taken.saturating_sub(monotonic_ns))
    }

    /// The steps of each slot, which is the index; those without any marks have none.
    pub fn steps(&self) -> Vec<Steps> {
        let slots = self.sample.peers.iter().map(|peer| peer.slot as usize + 1);
        let mut steps = vec![Steps::default(); slots.max().unwrap_or(0)];
        if !self.window.is_cut {
            self.put_beginnings(&mut steps);
        }
        for (number, boundary) in self.window.boundaries.iter().enumerate() {
            let at_ns = self.common_ns(boundary.at.monotonic_ns);
            let is_base = number == 0 && self.window.is_cut;
            let (place, full) = match is_base {
                true => (Some(0), Some(0)),
                false => (self.grid.place(at_ns), self.grid.full_place(at_ns)),
            };
            let Some(place) = place else {
                continue;
            };
            for (slot, mark) in boundary.unpacked() {
                let Some(steps) = steps.get_mut(slot as usize) else {
                    continue;
                };
                steps.put(place, Point::of(&mark));
                if let Some(full) = full {
                    let reckoned_ns = self.common_ns(mark.counters.reckoned_ms.saturating_mul(NS_PER_MS));
                    // What is held goes on until the moment at which the mark counts, or until the window
                    // begins.
                    let until_ns = if is_base { at_ns } else { self.grid.full_ns(full) };
                    let mark = reckoned_until(
                        mark,
                        until_ns.saturating_sub(reckoned_ns),
                        self.grid.full_ns(full),
                    );
                    steps.marks.put(full, mark);
                }
            }
        }
        steps
    }

    /// What was open when tracing began, where that is in the window: nothing had been counted yet.
    fn put_beginnings(&self, steps: &mut [Steps]) {
        for peer in self.sample.peers.iter().filter(|peer| peer.counters.seeded > 0) {
            let Some(steps) = steps.get_mut(peer.slot as usize) else {
                continue;
            };
            let found = self.window.mark(0, peer.slot).unwrap_or_default().live;
            let seeded = peer.counters.seeded;
            let mark = Mark {
                counters: Counters {
                    open_now: seeded,
                    seeded,
                    reckoned_ms: self.grid.begin_ns() / NS_PER_MS,
                    ..Counters::default()
                },
                live: Live {
                    turns: found.turns,
                    established: seeded,
                    busy: found.busy.min(seeded),
                    ..Live::default()
                },
                looks: Looks::default(),
            };
            steps.put(0, Point::of(&mark));
            steps.marks.put(0, mark);
        }
    }
}

/// A mark as it would be had it been made some time later, when nothing had changed, with the time on the
/// common clock.
fn reckoned_until(mut mark: Mark, later_ns: u64, at_ns: u64) -> Mark {
    let ms = later_ns / NS_PER_MS;
    let counters = &mut mark.counters;
    let more = |per: u64| ms.saturating_mul(per);
    counters.held_ms = counters.held_ms.saturating_add(more(held(counters)));
    counters.busy_ms = counters.busy_ms.saturating_add(more(mark.live.busy));
    counters.reckoned_ms = at_ns / NS_PER_MS;
    mark
}

impl Window {
    /// The window over several hosts, from the steps of each slot and when its peer was active.
    pub fn joined(grid: &Grid, peers: impl Iterator<Item = (u32, Steps, Seen, Option<TimeLine>)>) -> Self {
        let mut marks = vec![Vec::new(); grid.full.len()];
        let (mut levels, mut all_seen) = (Levels::default(), Vec::new());
        for (slot, mut steps, seen, line) in peers {
            steps.marks.pack();
            for (place, mark) in steps.marks.packed {
                if let Some(marks) = marks.get_mut(usize::from(place)) {
                    marks.push((slot, mark));
                }
            }
            let level = |(place, point): &(u16, Point)| Level {
                at_ns: grid
                    .times
                    .get(usize::from(*place))
                    .copied()
                    .unwrap_or(grid.end_ns),
                held: point.held.into(),
                opens: point.opens.into(),
                closes: point.closes.into(),
            };
            levels.push(slot, steps.points.iter().map(level).collect(), line);
            let slot = slot as usize;
            if all_seen.len() <= slot {
                all_seen.resize(slot + 1, Seen::default());
            }
            if let Some(known) = all_seen.get_mut(slot) {
                *known = seen;
            }
        }
        let places = (0_u16..).zip(marks);
        let boundaries = places.map(|(place, marks)| {
            Arc::new(Boundary {
                at: moment(grid.full_ns(place)),
                marks: marks.into_iter().collect(),
            })
        });
        Self {
            length_ns: None,
            is_cut: true,
            boundaries: boundaries.collect(),
            seen: all_seen,
            generations: Vec::new(),
            levels: Some(Box::new(levels.at(grid.times.clone()))),
        }
    }
}

/// A time of the common clock, which is both.
pub fn moment(ns: u64) -> Moment {
    Moment {
        monotonic_ns: ns,
        utc_ns: ns.into(),
    }
}

impl Seen {
    /// When a peer of several hosts was active, on the common clock.
    pub fn over(first_ns: u64, last_ns: u64, (began_ns, filled): (u64, u64), looks: Looks) -> Self {
        Self {
            // It is known, and nothing is compared with it.
            print: 2,
            first_ns,
            last_ns,
            began_ns,
            filled,
            looks,
        }
    }
}
