//! Durations as the kernel keeps them: a coarse histogram with exact sum, minimum and
//! maximum.

use serde::{Deserialize, Serialize};
use tracer_ebpf::buckets::{TIME_BUCKETS, time_bucket, time_range};

use super::buckets::Buckets;

/// How long something took, many times over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Durations {
    /// Sum, ns.
    pub sum_ns: u64,
    /// Longest, ns.
    pub max_ns: u64,
    /// Shortest, ns; meaningless when nothing was noted.
    pub min_ns: u64,
    /// How they are spread, by [`tracer_ebpf::buckets::time_bucket`].
    pub buckets: Buckets<TIME_BUCKETS>,
}

/// The main figures of some durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Their median, ns; see [`Durations::percentile`].
    pub median_ns: u64,
    /// 95 of 100 are no longer, ns, likewise.
    pub p95_ns: u64,
    /// The longest, ns, exact.
    pub max_ns: u64,
}

/// Durations that lie close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// None of them is shorter, ns.
    pub low_ns: u64,
    /// None of them is longer, ns.
    pub high_ns: u64,
    /// How many there are.
    pub count: u64,
}

impl Cluster {
    /// The distance between the limits, ns.
    pub fn width_ns(&self) -> u64 {
        self.high_ns.saturating_sub(self.low_ns)
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            sum_ns: 0,
            max_ns: 0,
            min_ns: u64::MAX,
            buckets: Buckets::default(),
        }
    }
}

impl Durations {
    /// Notes one more.
    pub fn note(&mut self, ns: u64) {
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
        self.min_ns = self.min_ns.min(ns);
        self.buckets.add(time_bucket(ns) as usize, 1);
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.min_ns = self.min_ns.min(other.min_ns);
        self.buckets.accumulate(&other.buckets);
    }

    /// What was noted since an earlier state of these. Sum and buckets are exact. Shortest and longest are
    /// when they moved, and else known to the edges of the buckets, so that nothing seems closer together
    /// than it was.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if earlier.count() == 0 {
            return self.clone();
        }
        let buckets = self.buckets.since(&earlier.buckets);
        let mut used = buckets.used().filter(|(_, n)| *n > 0).map(|(bucket, _)| bucket);
        let Some(first) = used.next() else {
            return Self::default();
        };
        let last = used.last().unwrap_or(first);
        let is_open_ended = last as usize + 1 == TIME_BUCKETS;
        let high = if is_open_ended {
            self.max_ns
        } else {
            time_range(last).1
        };
        Self {
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
            max_ns: if self.max_ns > earlier.max_ns {
                self.max_ns
            } else {
                high.min(self.max_ns)
            },
            min_ns: if self.min_ns < earlier.min_ns {
                self.min_ns
            } else {
                time_range(first).0.max(self.min_ns)
            },
            buckets,
        }
    }

    /// Makes shortest and longest no less than the buckets allow and no more, where they were not given.
    pub fn bound_by_buckets(&mut self) {
        let mut used = self
            .buckets
            .used()
            .filter(|(_, n)| *n > 0)
            .map(|(bucket, _)| bucket);
        let Some(first) = used.next() else {
            return;
        };
        let last = used.last().unwrap_or(first);
        if self.max_ns == 0 {
            self.max_ns = time_range(last).1;
        }
        if self.min_ns == u64::MAX {
            self.min_ns = time_range(first).0;
        }
    }

    /// How many durations were noted.
    pub fn count(&self) -> u64 {
        self.buckets.total()
    }

    /// Their mean, ns; 0 when nothing was noted.
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns / self.count().max(1)
    }

    /// Where most of the durations lie close together: the fullest two neighbouring buckets.
    /// `None` when nothing was noted.
    pub fn cluster(&self) -> Option<Cluster> {
        self.fullest(2)
    }

    /// How many were certainly no longer than this: those in buckets that end before it.
    pub fn up_to(&self, ns: u64) -> u64 {
        let short = self
            .buckets
            .used()
            .filter(|(bucket, _)| time_range(*bucket).1 <= ns);
        short.map(|(_, n)| u64::from(n)).sum()
    }

    /// The fullest bucket alone. `None` when nothing was noted.
    pub fn fullest_bucket(&self) -> Option<Cluster> {
        self.fullest(1)
    }

    /// The fullest `wide` neighbouring buckets.
    fn fullest(&self, wide: usize) -> Option<Cluster> {
        if self.count() == 0 {
            return None;
        }
        let (mut first, mut most) = (0, 0);
        for (bucket, several) in self.buckets.all().windows(wide).enumerate() {
            let n: u64 = several.iter().map(|n| u64::from(*n)).sum();
            if n > most {
                (first, most) = (u32::try_from(bucket).unwrap_or(0), n);
            }
        }
        let last = first as usize + wide - 1;
        let (low, _) = time_range(first);
        let (_, high) = time_range(u32::try_from(last).unwrap_or(first));
        (most > 0).then(|| Cluster {
            low_ns: low.max(self.min_ns),
            high_ns: if last + 1 == TIME_BUCKETS {
                self.max_ns
            } else {
                high.min(self.max_ns)
            },
            count: most,
        })
    }

    /// What most want to know, in one go; `None` when nothing was noted.
    pub fn summary(&self) -> Option<Summary> {
        let count = self.count();
        (count > 0).then(|| Summary {
            count,
            median_ns: self.percentile(50, count),
            p95_ns: self.percentile(95, count),
            max_ns: self.max_ns,
        })
    }

    /// A percentile of `count` durations, which are all there are and at least one: the mean when all lie in
    /// one bucket, else by linear interpolation in its bucket, whose edges are at most a factor of 1.5 apart.
    fn percentile(&self, percent: u64, count: u64) -> u64 {
        let mut below = 0;
        for (bucket, n) in self.buckets.used() {
            let n = u64::from(n);
            if n == count {
                return self.sum_ns / count.max(1);
            }
            if 100 * (below + n) >= percent * count && n > 0 {
                let (low, high) = time_range(bucket);
                // The last bucket is open-ended, and no value is above the maximum.
                let high = if bucket as usize == TIME_BUCKETS - 1 {
                    self.max_ns
                } else {
                    high.min(self.max_ns)
                };
                let low = low.max(self.min_ns);
                let high = high.max(low);
                // The middle of its rank within the bucket, in half ranks.
                let half_rank = (percent * count / 50 + 1)
                    .saturating_sub(2 * below)
                    .clamp(1, 2 * n);
                let share = u128::from(high - low) * u128::from(half_rank) / u128::from(2 * n);
                return low + u64::try_from(share).unwrap_or(high - low);
            }
            below += n;
        }
        self.max_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Durations {
        let mut durations = Durations::default();
        values.iter().for_each(|ns| durations.note(*ns));
        durations
    }

    #[test]
    fn nothing_noted_is_unknown_not_zero() {
        assert_eq!(Durations::default().summary(), None);
    }

    #[test]
    fn equal_values_are_exact() {
        let durations = of(&[5_001_000_000; 10]);
        let summary = durations.summary().unwrap();
        assert_eq!(
            (summary.median_ns, summary.max_ns),
            (5_001_000_000, 5_001_000_000)
        );
    }

    #[test]
    fn the_cluster_is_where_most_are() {
        let s = 1_000_000_000;
        assert_eq!(Durations::default().cluster(), None);
        let constant = of(&[5 * s, 5 * s + 3, 5 * s + 9]).cluster().unwrap();
        assert_eq!((constant.count, constant.width_ns()), (3, 9));
        // Two that straddle an edge are still one cluster, and an outlier is not of it.
        let edge = time_range(20).0;
        let straddling = of(&[edge - 5, edge + 5, 1]).cluster().unwrap();
        assert_eq!(straddling.count, 2);
        let longest = of(&[3600 * s, 3601 * s]).cluster().unwrap();
        assert_eq!(longest.high_ns, 3601 * s);
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_its_bucket(mut values in prop::collection::vec(0_u64..600_000_000_000, 1..200)) {
            let durations = of(&values);
            values.sort_unstable();
            let summary = durations.summary().unwrap();
            for (percent, value) in [(50, summary.median_ns), (95, summary.p95_ns)] {
                let exact = values[(values.len() * percent).div_ceil(100) - 1];
                let (low, high) = time_range(time_bucket(exact));
                prop_assert!((durations.min_ns..=durations.max_ns).contains(&value));
                // The last bucket has no end.
                let last = time_bucket(exact) as usize == TIME_BUCKETS - 1;
                prop_assert!(
                    low <= value && (last || value <= high),
                    "{value} not in {low}..={high} around {exact}, the {percent}th"
                );
            }
        }
    }
}
