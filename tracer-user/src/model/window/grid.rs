//! The moments at which hosts are compared.

use crate::units::S;

/// The distance between two moments is at most one part in this many of their age ...
const AGE_SHARE: u64 = 4;

/// ... and of the whole.
const WHOLE_SHARE: u64 = 12;

/// Each moment with all counters is this many times as old as the next.
const FULL_APART: u64 = 3;

/// The youngest one is older than this, ns: it takes that long for a peer to have recovered.
const FULL_LEAST: u64 = 3 * S;

/// The moments at which the hosts' marks are added; ns on the common clock, which is UTC.
#[derive(Clone, Debug)]
pub struct Grid {
    pub(super) times: Vec<u64>,
    /// Those with all counters, by their place among all.
    pub(super) full: Vec<usize>,
    pub(super) end_ns: u64,
}

impl Grid {
    /// Between two moments: close together near the end, further apart with age.
    pub fn between(begin_ns: u64, end_ns: u64) -> Self {
        let length = end_ns.saturating_sub(begin_ns);
        let mut ages = Vec::new();
        let mut age = S;
        while age < length {
            ages.push(age);
            age += (age / AGE_SHARE).min(length / WHOLE_SHARE).max(S);
        }
        let mut times = vec![begin_ns];
        times.extend(ages.iter().rev().map(|age| end_ns - age));
        let mut full = vec![0];
        let mut age = length / FULL_APART;
        while age >= FULL_LEAST {
            let place = times.partition_point(|time| *time < end_ns - age);
            if full.last() != Some(&place) && place < times.len() {
                full.push(place);
            }
            age /= FULL_APART;
        }
        Self { times, full, end_ns }
    }

    /// The first moment.
    pub fn begin_ns(&self) -> u64 {
        self.times.first().copied().unwrap_or(self.end_ns)
    }

    /// The end, which is no moment of it.
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// The first moment at which something counts that was marked then; `None`: none does any more.
    pub(super) fn place(&self, at_ns: u64) -> Option<u16> {
        let place = self.times.partition_point(|time| *time < at_ns);
        u16::try_from(place).ok().filter(|_| place < self.times.len())
    }

    pub(super) fn full_place(&self, at_ns: u64) -> Option<u16> {
        let is_before = |place: &usize| self.times.get(*place).is_some_and(|time| *time < at_ns);
        let place = self.full.partition_point(is_before);
        u16::try_from(place).ok().filter(|_| place < self.full.len())
    }

    pub(super) fn full_ns(&self, place: u16) -> u64 {
        let place = self.full.get(usize::from(place)).copied().unwrap_or(0);
        self.times.get(place).copied().unwrap_or(self.end_ns)
    }
}
