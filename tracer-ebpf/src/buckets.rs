//! The histograms the kernel keeps: which bucket a value falls into, and back.
//!
//! Shifts and compares only: division is too slow for the programs.

/// Buckets of a duration: two per octave of [`TIME_UNIT_NS`], the last one open-ended (from 6.8
/// minutes on, where the longest is known too). A bucket's edges are at most a factor of 1.5 apart.
pub const TIME_BUCKETS: usize = 39;

/// Durations are bucketed in units of 2^20 ns, 1.048576 ms.
pub const TIME_UNIT_NS: u64 = 1 << TIME_SHIFT;
const TIME_SHIFT: u32 = 20;

/// Buckets of "connections held": exact up to [`HELD_EXACT`], then one per octave, the last one
/// open-ended (from 4,096 on).
pub const HELD_BUCKETS: usize = 25;

/// Up to this many held connections, each number has its own bucket.
pub const HELD_EXACT: u32 = 15;

/// Buckets of "request turns": exact up to [`TURNS_EXACT`], then one per octave, the last one
/// open-ended (from 256 on).
pub const TURN_BUCKETS: usize = 14;

/// Up to this many turns, each number has its own bucket.
pub const TURNS_EXACT: u32 = 7;

/// The bucket of a duration in nanoseconds, always below [`TIME_BUCKETS`].
///
/// Bucket 0 holds less than one unit; from there bucket `1 + 2k` holds `[2^k, 1.5 * 2^k)` units
/// and bucket `2 + 2k` the rest of that octave.
#[inline(always)]
pub fn time_bucket(ns: u64) -> u32 {
    let halves = ns >> (TIME_SHIFT - 1);
    if halves < 2 {
        return 0;
    }
    // 2^32 half units are 26 days; the last bucket is open-ended long before.
    let halves = if halves > u32::MAX as u64 {
        u32::MAX
    } else {
        halves as u32
    };
    let octave = log2(halves) - 1;
    let upper = (halves >> octave) & 1;
    let bucket = 1 + 2 * octave + upper;
    if bucket < TIME_BUCKETS as u32 {
        bucket
    } else {
        TIME_BUCKETS as u32 - 1
    }
}

/// Lower edge of a time bucket and lower edge of the next, in nanoseconds.
pub fn time_range(bucket: u32) -> (u64, u64) {
    let low = |bucket: u32| match bucket {
        0 => 0,
        b => {
            let octave = (b - 1) / 2;
            let base = TIME_UNIT_NS << octave;
            if (b - 1) % 2 == 1 { base + base / 2 } else { base }
        }
    };
    (low(bucket), low(bucket + 1))
}

/// The bucket of a number of held connections, always below [`HELD_BUCKETS`].
#[inline(always)]
pub fn held_bucket(held: u32) -> u32 {
    counted_bucket(held, HELD_EXACT, HELD_BUCKETS as u32)
}

/// The smallest number of held connections that falls into the bucket.
pub fn held_floor(bucket: u32) -> u32 {
    counted_floor(bucket, HELD_EXACT)
}

/// The bucket of a number of turns, always below [`TURN_BUCKETS`].
#[inline(always)]
pub fn turn_bucket(turns: u32) -> u32 {
    counted_bucket(turns, TURNS_EXACT, TURN_BUCKETS as u32)
}

/// The smallest number of turns that falls into the bucket.
pub fn turn_floor(bucket: u32) -> u32 {
    counted_floor(bucket, TURNS_EXACT)
}

/// A bucket for each number up to `exact`, which is one less than a power of two, then one per
/// octave.
#[inline(always)]
fn counted_bucket(n: u32, exact: u32, buckets: u32) -> u32 {
    if n <= exact {
        return n;
    }
    let bucket = exact + log2(n) - log2(exact);
    if bucket < buckets { bucket } else { buckets - 1 }
}

fn counted_floor(bucket: u32, exact: u32) -> u32 {
    if bucket <= exact {
        bucket
    } else {
        (exact + 1) << (bucket - exact - 1)
    }
}

/// Position of the highest set bit; 0 for 0. BPF has no instruction for it. Without branches, since the
/// verifier follows each one both ways: all bits below the highest are set, and a de Bruijn multiplication
/// maps the 32 possible values to the 32 places of a table.
#[inline(always)]
fn log2(value: u32) -> u32 {
    let mut filled = value;
    filled |= filled >> 1;
    filled |= filled >> 2;
    filled |= filled >> 4;
    filled |= filled >> 8;
    filled |= filled >> 16;
    let place = filled.wrapping_mul(DE_BRUIJN) >> 27;
    // SAFETY: five bits are below 32. Volatile, or the compiler uses bounds of the table's values that the
    // verifier cannot see.
    u32::from(unsafe { LOG2.as_ptr().add(place as usize).read_volatile() })
}

const DE_BRUIJN: u32 = 0x07c4_acdd;

/// The logarithm for each place.
static LOG2: [u8; 32] = {
    let mut table = [0; 32];
    let mut bit: u8 = 0;
    while bit < 32 {
        let filled = u32::MAX >> (31 - bit);
        table[(filled.wrapping_mul(DE_BRUIJN) >> 27) as usize] = bit;
        bit += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges() {
        assert_eq!(time_bucket(0), 0);
        assert_eq!(time_bucket(TIME_UNIT_NS - 1), 0);
        assert_eq!(time_bucket(TIME_UNIT_NS), 1);
        assert_eq!(time_bucket(2 * TIME_UNIT_NS), 3);
        assert_eq!(time_bucket(3 * TIME_UNIT_NS), 4);
        assert_eq!(time_bucket(u64::MAX), TIME_BUCKETS as u32 - 1);
        assert_eq!(held_bucket(15), 15);
        assert_eq!(held_bucket(16), 16);
        assert_eq!(held_bucket(31), 16);
        assert_eq!(held_bucket(32), 17);
        assert_eq!(turn_bucket(7), 7);
        assert_eq!(turn_bucket(8), 8);
        assert_eq!(turn_bucket(255), 12);
        assert_eq!(turn_bucket(256), 13);
        assert_eq!(turn_bucket(u32::MAX), TURN_BUCKETS as u32 - 1);
        assert_eq!(held_bucket(u32::MAX), HELD_BUCKETS as u32 - 1);
    }

    proptest! {
        #[test]
        fn log2_agrees_with_the_library(value in 1_u32..) {
            prop_assert_eq!(log2(value), value.ilog2());
        }

        #[test]
        fn a_duration_lies_in_its_bucket(ns in 0_u64..(TIME_UNIT_NS * 3) << 17) {
            let bucket = time_bucket(ns);
            let (low, high) = time_range(bucket);
            prop_assert!(low <= ns && ns < high, "{ns} not in {low}..{high} of bucket {bucket}");
        }

        #[test]
        fn turn_buckets_rise_and_start_at_their_floor(turns in 0_u32..) {
            let bucket = turn_bucket(turns);
            prop_assert!((bucket as usize) < TURN_BUCKETS);
            prop_assert!(turn_floor(bucket) <= turns);
            prop_assert_eq!(turn_bucket(turn_floor(bucket)), bucket);
        }

        #[test]
        fn held_buckets_rise_and_start_at_their_floor(held in 0_u32..) {
            let bucket = held_bucket(held);
            prop_assert!((bucket as usize) < HELD_BUCKETS);
            prop_assert!(held_floor(bucket) <= held);
            prop_assert_eq!(held_bucket(held_floor(bucket)), bucket);
        }
    }
}
