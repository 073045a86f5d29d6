//! Counts by bucket, as the kernel keeps them, in little room.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::{figure::added, serial::sparse};

/// Counts by the buckets of [`tracer_ebpf::buckets`], of which there are `N`. Only those between the first
/// and the last that are not zero are kept: what one peer does is much the same each time, and there are many
/// peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets<const N: usize> {
    /// The bucket of the first of these; 0 when there are none.
    first: u8,
    counts: SmallVec<[u32; 4]>,
}

impl<const N: usize> Buckets<N> {
    /// All of them.
    pub fn all(&self) -> [u32; N] {
        let mut all = [0; N];
        let places = all.iter_mut().skip(usize::from(self.first));
        for (place, count) in places.zip(&self.counts) {
            *place = *count;
        }
        all
    }

    /// Each from the first that is not zero to the last, with its bucket.
    pub fn used(&self) -> impl Iterator<Item = (u32, u32)> {
        (u32::from(self.first)..).zip(self.counts.iter().copied())
    }

    /// One of them; 0 when there is no such bucket.
    pub fn get(&self, bucket: usize) -> u32 {
        let place = bucket.checked_sub(usize::from(self.first));
        let count = place.and_then(|place| self.counts.get(place));
        count.copied().unwrap_or_default()
    }

    /// Adds to one of them. One that does not exist stays 0.
    pub fn add(&mut self, bucket: usize, count: u32) {
        let kept = bucket
            .checked_sub(usize::from(self.first))
            .and_then(|place| self.counts.get_mut(place));
        if let Some(place) = kept {
            *place = place.saturating_add(count);
            return;
        }
        let mut all = self.all();
        if let Some(place) = all.get_mut(bucket) {
            *place = count;
        }
        *self = all.into();
    }

    /// Adds all of another.
    pub fn accumulate(&mut self, other: &Self) {
        if let Some(same) = self.same_places(other) {
            for (mine, theirs) in same.iter_mut().zip(&other.counts) {
                *mine = mine.saturating_add(*theirs);
            }
            return;
        }
        let mut all = self.all();
        for (mine, theirs) in all.iter_mut().zip(other.all()) {
            *mine = mine.saturating_add(theirs);
        }
        *self = all.into();
    }

    /// What has been added since an earlier state of these.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if earlier.counts.is_empty() {
            return self.clone();
        }
        let less = |mine: &mut u32, theirs: u32| {
            *mine = u32::try_from(added((*mine).into(), theirs.into())).unwrap_or(u32::MAX);
        };
        let mut now = self.clone();
        if let Some(same) = now.same_places(earlier) {
            same.iter_mut()
                .zip(&earlier.counts)
                .for_each(|(mine, theirs)| less(mine, *theirs));
            return Self::from_first(self.first.into(), now.counts.into_iter());
        }
        let mut all = self.all();
        all.iter_mut()
            .zip(earlier.all())
            .for_each(|(mine, theirs)| less(mine, theirs));
        all.into()
    }

    /// Those of these that are where another has its own, if these are all kept here: nearly always, when
    /// little is added to much.
    fn same_places(&mut self, other: &Self) -> Option<&mut [u32]> {
        if other.counts.is_empty() {
            return Some(&mut []);
        }
        let begin = usize::from(other.first).checked_sub(self.first.into())?;
        self.counts.get_mut(begin..begin + other.counts.len())
    }

    /// Those from `first` on; the others are 0.
    pub fn from_first<Counts>(first: usize, counts: Counts) -> Self
    where
        Counts: DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone,
    {
        let zero = |n: &u32| *n == 0;
        let after = counts.clone().rev().take_while(zero).count();
        let used = counts.len() - after;
        if used == 0 {
            return Self::default();
        }
        let before = counts.clone().take_while(zero).count();
        Self {
            first: u8::try_from(first + before).unwrap_or(u8::MAX),
            counts: counts.take(used).skip(before).collect(),
        }
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }
}

impl<const N: usize> From<[u32; N]> for Buckets<N> {
    fn from(all: [u32; N]) -> Self {
        let used = |n: &u32| *n != 0;
        let (Some(first), Some(last)) = (all.iter().position(used), all.iter().rposition(used)) else {
            return Self::default();
        };
        Self {
            first: u8::try_from(first).unwrap_or(u8::MAX),
            counts: all
                .get(first..=last)
                .map(SmallVec::from_slice)
                .unwrap_or_default(),
        }
    }
}

impl<const N: usize> Serialize for Buckets<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        sparse::serialize(&self.all(), to)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Buckets<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = sparse::deserialize::<D, N>(from)?;
        Ok(all.map_or_else(Self::default, Self::from))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MANY: usize = 39;

    #[test]
    fn a_bucket_that_starts_again_goes_on() {
        let before = Buckets::<MANY>::from_first(3, [u32::MAX - 4, 7].into_iter());
        let after = Buckets::<MANY>::from_first(3, [5, 9].into_iter());
        assert_eq!(after.since(&before), Buckets::from_first(3, [10, 2].into_iter()));
    }

    proptest! {
        #[test]
        fn sums_and_differences_are_those_of_each_place(
            one in prop::array::uniform10(0..4_u32),
            other in prop::array::uniform10(0..4_u32),
        ) {
            let (before, added) = (Buckets::from(one), Buckets::from(other));
            let mut after = before.clone();
            after.accumulate(&added);
            prop_assert_eq!(&after, &Buckets::from(std::array::from_fn(|n| one[n] + other[n])));
            prop_assert_eq!(after.since(&before), added);
        }
    }

    #[test]
    fn buckets_are_the_same_however_they_came_about() {
        let mut all = [0_u32; MANY];
        let mut one_by_one = Buckets::<MANY>::default();
        for (place, count) in [(20, 3), (38, 1), (0, u32::MAX), (20, 4), (0, 1)] {
            one_by_one.add(place, count);
            all[place] = all[place].saturating_add(count);
            assert_eq!(one_by_one.all(), all);
            assert_eq!(one_by_one, Buckets::from(all));
        }
        assert_eq!(one_by_one.total(), u64::from(u32::MAX) + 8);
        one_by_one.add(MANY, 1);
        assert_eq!(one_by_one.all(), all, "there is no such bucket");
        assert_eq!(Buckets::from([0; MANY]), Buckets::<MANY>::default());
    }
}
