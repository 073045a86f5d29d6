//! Request turns per connection, as the kernel keeps them: a small histogram, exact where it matters.

use serde::{Deserialize, Serialize};
use tracer_ebpf::buckets::{TURN_BUCKETS, turn_bucket, turn_floor};

use super::buckets::Buckets;

/// Request turns of ended connections that were not seeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turns {
    /// All turns.
    pub sum: u64,
    /// The most of one connection.
    pub max: u64,
    /// Connections by their turns, by [`tracer_ebpf::buckets::turn_bucket`].
    pub buckets: Buckets<TURN_BUCKETS>,
}

impl Turns {
    /// Notes one more connection.
    pub fn note(&mut self, turns: u32) {
        self.sum = self.sum.saturating_add(u64::from(turns));
        self.max = self.max.max(u64::from(turns));
        self.buckets.add(turn_bucket(turns) as usize, 1);
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        self.buckets.accumulate(&other.buckets);
    }

    /// What was noted since an earlier state of these. The most of one connection is exact when it moved, and
    /// else the highest that its bucket allows.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if earlier.connections() == 0 {
            return self.clone();
        }
        let buckets = self.buckets.since(&earlier.buckets);
        let last = buckets.used().filter(|(_, n)| *n > 0).last();
        let high = |bucket: u32| u64::from(turn_floor(bucket + 1)).saturating_sub(1);
        Self {
            sum: self.sum.saturating_sub(earlier.sum),
            max: match last {
                None => 0,
                Some(_) if self.max > earlier.max => self.max,
                Some((bucket, _)) if bucket as usize + 1 == TURN_BUCKETS => self.max,
                Some((bucket, _)) => high(bucket).min(self.max),
            },
            buckets,
        }
    }

    /// How many connections.
    pub fn connections(&self) -> u64 {
        self.buckets.total()
    }

    /// The median: exact up to 7, above that the mean when all lie in one bucket, else the
    /// smallest number of the median's bucket.
    pub fn median(&self) -> Option<u64> {
        let connections = self.connections();
        let mut below = 0;
        for (bucket, n) in self.buckets.used() {
            below += u64::from(n);
            if u64::from(n) == connections {
                return Some(self.sum / connections.max(1));
            }
            if 2 * below >= connections && n > 0 {
                return Some(u64::from(turn_floor(bucket)));
            }
        }
        None
    }

    /// How many connections had about as many turns as the one with the most: exact up to 7, from
    /// there on at least half as many.
    pub fn like_the_most(&self) -> u64 {
        let bucket = turn_bucket(u32::try_from(self.max).unwrap_or(u32::MAX));
        self.buckets.get(bucket as usize).into()
    }

    /// How many connections had at most this many turns, which must be fewer than 8: up to there buckets are
    /// exact.
    pub fn up_to(&self, most: u64) -> u64 {
        let last = turn_bucket(u32::try_from(most).unwrap_or(u32::MAX));
        let few = self.buckets.used().filter(|(bucket, _)| *bucket <= last);
        few.map(|(_, n)| u64::from(n)).sum()
    }

    /// The most of one connection.
    pub fn max(&self) -> Option<u64> {
        (self.connections() > 0).then_some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[u32]) -> Turns {
        let mut turns = Turns::default();
        all.iter().for_each(|n| turns.note(*n));
        turns
    }

    #[test]
    fn medians() {
        assert_eq!(of(&[]).median(), None);
        assert_eq!(of(&[1, 1, 1, 9]).median(), Some(1));
        assert_eq!(of(&[101, 101, 101]).median(), Some(101));
        assert_eq!(of(&[1, 20, 30, 31]).median(), Some(16));
        assert_eq!(of(&[0, 4, 7]).median(), Some(4));
        assert_eq!(of(&[3, 40]).max(), Some(40));
        assert_eq!(of(&[0, 1, 2, 2, 3, 40]).up_to(2), 4);
    }
}
