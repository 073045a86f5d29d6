//! How fast a number grows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Growth is measured over this time, ns: long enough to smooth out single connections, short enough to
/// follow a surge of a few minutes. If samples are far apart, it is the time spanned by [`FEW_POINTS`].
const WINDOW_NS: u64 = 30_000_000_000;

/// This many points are kept however old they are. Otherwise samples further apart than half of [`WINDOW_NS`]
/// would never show growth. One more than [`MIN_POINTS`], so that a single outlier does not dominate.
const FEW_POINTS: usize = 4;

/// Fewer points do not show growth.
const MIN_POINTS: usize = 3;

/// Points within a shorter time than this do not show growth either, ns.
const MIN_SPAN_NS: u64 = 3_000_000_000;

/// Maximum number of points. If samples come too often for this, the time measured is shorter.
const MAX_POINTS: usize = 256;

/// Upper limit for plausible counts.
const MAX_VALUE: u64 = 1 << 44;

/// The last half minute of a number, or its last few values if they go back further.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    points: VecDeque<(u64, u64)>,
}

impl Trend {
    /// Adds the number at a moment. Moments must ascend.
    pub fn add(&mut self, at_ns: u64, value: u64) {
        // Time can only go back if the history belongs to another sample, as in a damaged recording.
        if self.points.back().is_some_and(|(last, _)| *last > at_ns) {
            self.points.clear();
        }
        let too_old = |at: u64| at_ns.saturating_sub(at) > WINDOW_NS;
        while self.points.len() >= MAX_POINTS
            || (self.points.len() >= FEW_POINTS && self.points.front().is_some_and(|(at, _)| too_old(*at)))
        {
            self.points.pop_front();
        }
        self.points.push_back((at_ns, value));
    }

    pub(super) fn is_possible(&self) -> bool {
        self.points.len() <= MAX_POINTS
            && self.points.iter().all(|(_, value)| *value <= MAX_VALUE)
            && self
                .points
                .iter()
                .zip(self.points.iter().skip(1))
                .all(|((before, _), (after, _))| before <= after)
    }

    /// Growth per second, as the slope of the best-fitting line; `None` for less than three points or three
    /// seconds.
    pub fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.points.front()?.0, self.points.back()?.0);
        if self.points.len() < MIN_POINTS || last - first < MIN_SPAN_NS {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds and connections, far below 2^52"
        )]
        let points = || {
            self.points
                .iter()
                .map(|(at, value)| ((at - first) as f64 / 1e9, *value as f64))
        };
        #[expect(clippy::cast_precision_loss, reason = "at most MAX_POINTS")]
        let n = self.points.len() as f64;
        let (sum_x, sum_y) = points().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
        let (mean_x, mean_y) = (sum_x / n, sum_y / n);
        let (xy, xx) = points().fold((0.0, 0.0), |(xy, xx), (x, y)| {
            (xy + (x - mean_x) * (y - mean_y), xx + (x - mean_x).powi(2))
        });
        (xx > 0.0).then(|| xy / xx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::S;

    fn trend(values: &[u64]) -> Trend {
        let mut trend = Trend::default();
        for (second, value) in (0..).zip(values) {
            trend.add(second * S, *value);
        }
        trend
    }

    #[test]
    fn a_line_has_its_slope() {
        let slope = trend(&[10, 15, 20, 25, 30]).per_second().unwrap();
        assert!((slope - 5.0).abs() < 1e-9, "{slope}");
        assert_eq!(trend(&[7, 7, 7, 7]).per_second(), Some(0.0));
    }

    #[test]
    fn too_little_has_none() {
        assert_eq!(trend(&[]).per_second(), None);
        assert_eq!(trend(&[1, 5]).per_second(), None);
        assert_eq!(trend(&[1, 5, 9]).per_second(), None, "two seconds are too short");
    }

    #[test]
    fn time_that_goes_back_begins_anew() {
        let mut trend = trend(&[10, 15, 20, 25, 30]);
        trend.add(S, 1000);
        assert_eq!(trend.per_second(), None);
        assert_eq!(trend.points, [(S, 1000)]);
    }

    /// From a second to the longest interval allowed.
    #[test]
    fn growth_shows_at_every_interval() {
        for interval in [1, 5, 15, 16, 30, 60, 600, 3600] {
            let mut trend = Trend::default();
            for n in 0..50 {
                trend.add(n * interval * S, 100 + 2 * n * interval);
            }
            let slope = trend.per_second().unwrap();
            assert!((slope - 2.0).abs() < 1e-9, "every {interval} s: {slope}");
            // The end of the growth shows within a few samples too.
            for n in 50..54 {
                trend.add(n * interval * S, 200);
            }
            let after = trend.per_second().unwrap();
            assert!(interval < 10 || after.abs() < 1e-9, "every {interval} s: {after}");
        }
    }

    #[test]
    fn what_is_long_past_does_not_count() {
        let mut values = vec![1000; 60];
        values.extend((0..40).map(|n| 1000 + 10 * n));
        let slope = trend(&values).per_second().unwrap();
        assert!((slope - 10.0).abs() < 0.5, "{slope}");
        assert!(trend(&vec![3; 10_000]).points.len() <= MAX_POINTS);
    }
}
