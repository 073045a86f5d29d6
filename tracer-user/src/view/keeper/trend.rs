//! How many connections of each peer were open over the window, those in CLOSE_WAIT included, in a few
//! points: the small chart in its row.
//!
//! A point is the most that were open in a span of time. Spans are short at first and grow with the run,
//! until all of them together are as long as the window; then the oldest is dropped for each new one. So a
//! point costs two bytes for each peer, and a sample one comparison.

use std::collections::VecDeque;

use super::numbers::{Numbers, Renumbered};
use crate::{
    model::{sample::Sample, window::Window},
    view::row::Trend,
};

/// The shortest span, ns.
const SHORTEST_NS: u64 = 1_000_000_000;

/// The peers' numbers in one span.
#[derive(Debug)]
struct Point {
    begin_ns: u64,
    /// The most open, by the peer's number, and one more, since 0 means that the peer was not there.
    most: Vec<u16>,
}

/// The points of all peers, oldest first.
#[derive(Debug)]
pub(super) struct Trends {
    points: VecDeque<Point>,
    span_ns: u64,
    window_ns: Option<u64>,
}

impl Trends {
    pub(super) fn new(window_ns: Option<u64>) -> Self {
        Self {
            points: VecDeque::new(),
            span_ns: SHORTEST_NS,
            window_ns,
        }
    }

    /// Takes in a sample.
    pub(super) fn add(&mut self, sample: &Sample, numbers: &Numbers) {
        self.begin_at(sample.taken.monotonic_ns);
        let Some(point) = self.points.back_mut() else {
            return;
        };
        point.most.resize(numbers.len(), 0);
        for peer in &sample.peers {
            let place = numbers.get(peer.id);
            if let Some(most) = place.and_then(|place| point.most.get_mut(place as usize)) {
                *most = (*most).max(stored(peer.counters.open_now));
            }
        }
    }

    /// Takes what was open before from the boundaries of a judge's window, after a jump in a recording.
    pub(super) fn refill(&mut self, window: &Window, sample: &Sample, numbers: &Numbers) {
        *self = Self::new(self.window_ns);
        let times: Vec<u64> = window.boundaries().map(|at| at.monotonic_ns).collect();
        let reach = sample
            .taken
            .monotonic_ns
            .saturating_sub(times.first().copied().unwrap_or(0));
        while self.span_ns.saturating_mul(u64::from(Trend::POINTS)) < reach {
            self.span_ns *= 2;
        }
        times.iter().for_each(|at_ns| self.begin_at(*at_ns));
        for peer in &sample.peers {
            let Some(place) = numbers.get(peer.id) else {
                continue;
            };
            for level in window.course(peer.slot) {
                let then = |point: &&mut Point| point.begin_ns <= level.at_ns;
                if let Some(point) = self.points.iter_mut().rev().find(then) {
                    let place = place as usize;
                    if point.most.len() <= place {
                        point.most.resize(numbers.len().max(place + 1), 0);
                    }
                    if let Some(most) = point.most.get_mut(place) {
                        let open = (level.opens + peer.counters.seeded).saturating_sub(level.closes);
                        *most = (*most).max(stored(open));
                    }
                }
            }
        }
    }

    /// Begins a new point if it is time for one, and keeps them few.
    fn begin_at(&mut self, now_ns: u64) {
        let is_due = self
            .points
            .back()
            .is_none_or(|last| now_ns.saturating_sub(last.begin_ns) >= self.span_ns);
        if !is_due {
            return;
        }
        if self.points.len() == usize::from(Trend::POINTS) {
            let whole_ns = self.span_ns.saturating_mul(u64::from(Trend::POINTS));
            match self.window_ns.is_some_and(|window_ns| whole_ns >= window_ns) {
                true => drop(self.points.pop_front()),
                false => self.halve(),
            }
        }
        self.points.push_back(Point {
            begin_ns: now_ns,
            most: Vec::new(),
        });
    }

    /// Makes one point of each two.
    fn halve(&mut self) {
        self.span_ns = self.span_ns.saturating_mul(2);
        let mut old = std::mem::take(&mut self.points).into_iter();
        while let Some(mut point) = old.next() {
            if let Some(next) = old.next() {
                let len = point.most.len().max(next.most.len());
                point.most.resize(len, 0);
                for (most, other) in point.most.iter_mut().zip(next.most) {
                    *most = (*most).max(other);
                }
            }
            self.points.push_back(point);
        }
    }

    /// Takes over the peers' new numbers.
    pub(super) fn renumber(&mut self, renumbered: &Renumbered) {
        for point in &mut self.points {
            point.most = renumbered.table(&point.most);
        }
    }

    /// The chart of the peer with this number.
    pub(super) fn of(&self, number: Option<u32>) -> Trend {
        let Some(number) = number else {
            return Trend::default();
        };
        let most = |point: &Point| point.most.get(number as usize).copied().unwrap_or(0);
        Trend::of(self.points.iter().map(|point| most(point).checked_sub(1)))
    }
}

/// A number with room below it for "not there".
fn stored(open: u64) -> u16 {
    u16::try_from(open).unwrap_or(u16::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{example, keeper::Keeper, theme::Glyphs};

    #[test]
    fn a_pile_rises_and_a_pool_is_level() {
        let snapshot = example::snapshot();
        let charts = snapshot.rows.iter().map(|row| {
            let chart = row.trend.text(&Glyphs::UNICODE);
            format!("{:<16} {chart}", row.address())
        });
        insta::assert_snapshot!(charts.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_leak_rises_although_nothing_of_it_is_held() {
        let mut keeper = Keeper::new(example::PREFIXES, None);
        let mut leaking = None;
        for second in 0..20 {
            let mut batch = example::batch(second);
            let peer = &mut batch.sample.peers[0];
            peer.counters.open_now = 1 + u64::from(second);
            peer.counters.close_wait_now = peer.counters.open_now;
            leaking = Some(peer.id);
            keeper.add(batch);
        }
        let trend = keeper.trends.of(keeper.numbers().get(leaking.unwrap()));
        assert_eq!(trend.growth(), 7, "from the bottom to the top: {trend:?}");
    }

    #[test]
    fn the_chart_reaches_back_as_far_as_the_window() {
        const WINDOW_S: u32 = 40;
        let mut keeper = Keeper::new(example::PREFIXES, Some(u64::from(WINDOW_S) * SHORTEST_NS));
        for second in 0..600 {
            keeper.add(example::batch(second));
            let trends = &keeper.trends;
            assert!(trends.points.len() <= usize::from(Trend::POINTS));
            let last = trends.points.back().map_or(0, |point| point.begin_ns);
            let first = trends.points.front().map_or(0, |point| point.begin_ns);
            assert!(last - first <= 2 * u64::from(WINDOW_S) * SHORTEST_NS, "{second}");
        }
    }

    #[test]
    fn after_a_jump_it_is_what_it_was() {
        let mut keeper = Keeper::new(example::PREFIXES, Some(300 * SHORTEST_NS));
        for second in 0..=90 {
            keeper.add(example::batch(second));
        }
        let mut anew = Trends::new(Some(300 * SHORTEST_NS));
        let batch = example::batch(90);
        anew.refill(keeper.judge().history().window(), &batch.sample, keeper.numbers());
        anew.add(&batch.sample, keeper.numbers());
        let of = |trends: &Trends, slot: usize| {
            let number = keeper.numbers().get(batch.sample.peers[slot].id);
            trends.of(number)
        };
        for slot in 0..batch.sample.peers.len() {
            let (then, now) = (of(&keeper.trends, slot), of(&anew, slot));
            assert_eq!(then.growth() > 0, now.growth() > 0, "{then:?} {now:?}");
        }
    }
}
