//! The connections of one peer over several hosts in the order of time, from which follow what each host
//! alone cannot know: how many were held when another was opened, and how long none was.

use tracer_ebpf::buckets::{HELD_BUCKETS, held_bucket, held_floor};

use crate::model::{buckets::Buckets, durations::Durations};

/// An open or an end, at a time on the common clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event(u64);

impl Event {
    /// A connection opened, ns.
    pub fn open(at_ns: u64) -> Self {
        Self(at_ns << 1 | 1)
    }

    /// One ended. Of several events at one time, ends come first.
    pub fn end(at_ns: u64) -> Self {
        Self(at_ns << 1)
    }

    /// Whether it is an open.
    pub fn is_open(self) -> bool {
        self.0 & 1 == 1
    }

    fn at_ns(self) -> u64 {
        self.0 >> 1
    }
}

/// What follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeLine {
    /// Opens by the number held before.
    opens_by_held: Buckets<HELD_BUCKETS>,
    /// How long none was held before one was opened.
    pub gap: Durations,
    /// The most held at once.
    pub peak: u64,
}

impl TimeLine {
    /// From all events since `start` connections were held; `None` if more end than there are.
    pub fn of(mut events: Vec<Event>, start: u64) -> Option<Self> {
        events.sort_unstable();
        let mut line = Self {
            peak: start,
            ..Self::default()
        };
        let (mut held, mut none_since) = (start, None);
        for event in events {
            if event.is_open() {
                let before = u32::try_from(held).unwrap_or(u32::MAX);
                line.opens_by_held.add(held_bucket(before) as usize, 1);
                if let Some(since) = none_since.take() {
                    line.gap.note(event.at_ns().saturating_sub(since));
                }
                held += 1;
                line.peak = line.peak.max(held);
            } else {
                held = held.checked_sub(1)?;
                if held == 0 {
                    none_since = Some(event.at_ns());
                }
            }
        }
        Some(line)
    }

    /// Opens while none was held.
    pub fn opens_with_none(&self) -> u64 {
        self.opens_by_held.get(0).into()
    }

    /// Opens while at least `expected` were held.
    pub fn overlaps(&self, expected: u32) -> u64 {
        let held = self.opens_by_held.used();
        held.filter(|(bucket, _)| held_floor(*bucket) >= expected)
            .map(|(_, n)| u64::from(n))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_and_gaps_are_those_of_all_hosts_together() {
        // One host has 10 to 30 and 60 to 70, the other 20 to 40.
        let events = [
            Event::open(10),
            Event::end(30),
            Event::open(60),
            Event::end(70),
            Event::open(20),
            Event::end(40),
        ];
        let line = TimeLine::of(events.to_vec(), 0).unwrap();
        assert_eq!((line.opens_with_none(), line.overlaps(1), line.peak), (2, 1, 2));
        assert_eq!((line.gap.count(), line.gap.sum_ns), (1, 20));
        let from_two = TimeLine::of(events.to_vec(), 2).unwrap();
        assert_eq!(
            (from_two.opens_with_none(), from_two.overlaps(3), from_two.peak),
            (0, 1, 4)
        );
        assert_eq!(TimeLine::of(vec![Event::end(1)], 0), None);
    }

    #[test]
    fn one_that_ends_as_another_opens_is_no_overlap() {
        let line = TimeLine::of(vec![Event::open(5), Event::end(5)], 1).unwrap();
        assert_eq!((line.overlaps(1), line.opens_with_none()), (0, 1));
    }
}
