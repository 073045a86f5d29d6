//! A run's totals over time, in a limited number of points.

/// Maximum number of points. Beyond it, neighbours are merged.
pub const MAX_POINTS: usize = 2000;

/// The totals at one moment, or the most of each over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The moment, or the last one of several; UTC, ns.
    pub at: i128,
    /// Connections open.
    pub open: u64,
    /// How many of them are in CLOSE_WAIT.
    pub close_wait: u64,
    /// How many of them no process has accepted.
    pub never_accepted: u64,
    /// Connections opened and closed since tracing began, if that is known.
    pub moved: Option<(u64, u64)>,
    /// The accept queue that is closest to its limit, and that limit.
    pub queue: (u64, u64),
    /// Busy workers of the server that is closest to its limit, and that limit; `None` if unknown.
    pub workers: Option<(u64, u64)>,
}

impl Point {
    /// Takes in a queue, which stands for all if it is the closest to its limit.
    pub fn add_queue(&mut self, queue: u64, limit: u64) {
        self.queue = fuller(self.queue, (queue, limit));
    }

    /// Takes in a server's workers likewise.
    pub fn add_workers(&mut self, busy: u64, limit: u64) {
        let known = self.workers.unwrap_or((busy, limit));
        self.workers = Some(fuller(known, (busy, limit)));
    }

    fn absorb(&mut self, later: &Self) {
        self.at = later.at;
        self.open = self.open.max(later.open);
        self.close_wait = self.close_wait.max(later.close_wait);
        self.never_accepted = self.never_accepted.max(later.never_accepted);
        self.moved = later.moved.or(self.moved);
        self.queue = fuller(self.queue, later.queue);
        if let Some((busy, limit)) = later.workers {
            self.add_workers(busy, limit);
        }
    }
}

/// The one that is closer to its limit.
fn fuller(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    let share = |(n, limit): (u64, u64)| (u128::from(n) << 32) / u128::from(limit.max(1));
    let is_other = (share(other), other.1) > (share(one), one.1);
    if is_other { other } else { one }
}

/// The points of a run, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chronicle {
    points: Vec<Point>,
    /// How many moments make a point.
    every: usize,
    /// How many the last point has.
    in_last: usize,
}

impl Default for Chronicle {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            every: 1,
            in_last: 0,
        }
    }
}

impl Chronicle {
    /// Adds a moment. Moments must come in order.
    pub fn add(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if self.in_last < self.every => {
                last.absorb(&point);
                self.in_last += 1;
            }
            _ => {
                self.points.push(point);
                self.in_last = 1;
            }
        }
        if self.points.len() > MAX_POINTS {
            self.thin();
        }
    }

    /// Makes one point of every two.
    fn thin(&mut self) {
        let is_odd = self.points.len() % 2 == 1;
        let pairs = self.points.chunks(2).filter_map(|pair| {
            let mut merged = *pair.first()?;
            pair.iter().skip(1).for_each(|later| merged.absorb(later));
            Some(merged)
        });
        self.points = pairs.collect();
        self.in_last += if is_odd { 0 } else { self.every };
        self.every *= 2;
    }

    /// The points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: u64) -> Point {
        Point {
            at: i128::from(n),
            open: n % 1000,
            moved: Some((n, n / 2)),
            ..Point::default()
        }
    }

    #[test]
    fn a_long_run_keeps_its_peaks_and_its_totals() {
        let mut long = Chronicle::default();
        (1..=1_000_000).for_each(|n| long.add(point(n)));
        let points = long.points();
        assert!(
            points.len() <= MAX_POINTS && points.len() > MAX_POINTS / 4,
            "{}",
            points.len()
        );
        assert_eq!(points.iter().map(|point| point.open).max(), Some(999));
        let last = points.last().unwrap();
        assert_eq!((last.at, last.moved), (1_000_000, Some((1_000_000, 500_000))));
        let gaps: Vec<i128> = points.windows(2).map(|two| two[1].at - two[0].at).collect();
        let whole = gaps.split_last().unwrap().1;
        assert!(whole.iter().all(|gap| *gap == whole[0]), "evenly spaced");
    }

    #[test]
    fn a_short_run_stays_as_it_is() {
        let mut short = Chronicle::default();
        (1..=10).for_each(|n| short.add(point(n)));
        assert_eq!(short.points(), (1..=10).map(point).collect::<Vec<_>>());
    }

    #[test]
    fn of_several_queues_the_fullest_counts() {
        let mut point = Point::default();
        point.add_queue(0, 511);
        point.add_queue(100, 4096);
        point.add_queue(90, 100);
        point.add_workers(3, 10);
        point.add_workers(200, 2500);
        assert_eq!((point.queue, point.workers), ((90, 100), Some((3, 10))));
    }
}
