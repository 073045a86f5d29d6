//! Pauses that differ between clients and rounds but are the same in every run. Clients in step would look
//! like a common cause, and a demo must be repeatable.

use std::{ops::RangeInclusive, time::Duration};

/// A SplitMix64 sequence. Good enough for scattering pauses, but for nothing else.
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// The sequence of one client.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence, for work in parallel to this one's.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// The next duration, uniformly distributed over a range of milliseconds.
    pub(super) fn within(&mut self, ms: RangeInclusive<u64>) -> Duration {
        let choices = ms.end().saturating_sub(*ms.start()).saturating_add(1);
        Duration::from_millis(ms.start() + self.next() % choices)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hundred(mut jitter: Jitter) -> Vec<Duration> {
        (0..100).map(|_| jitter.within(400..=900)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_gives_others() {
        assert_eq!(hundred(Jitter::new(7)), hundred(Jitter::new(7)));
        assert_ne!(hundred(Jitter::new(7)), hundred(Jitter::new(8)));
        assert_ne!(hundred(Jitter::new(7)), hundred(Jitter::new(7).fork()));
    }

    #[test]
    fn pauses_fill_their_range_and_keep_to_it() {
        let pauses = hundred(Jitter::new(1));
        let (low, high) = (
            pauses.iter().min().unwrap().as_millis(),
            pauses.iter().max().unwrap().as_millis(),
        );
        assert!(
            (400..450).contains(&low) && (851..=900).contains(&high),
            "{low}..{high}"
        );
        assert_eq!(Jitter::new(1).within(5..=5), Duration::from_millis(5));
    }
}
