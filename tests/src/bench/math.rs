//! Median, range and spread.

/// The median, which is the mean of the two middle values for an even number of them; `None` for an empty
/// slice.
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

/// Minimum and maximum; `None` for an empty slice.
pub fn range(numbers: &[f64]) -> Option<(f64, f64)> {
    let least = numbers.iter().copied().min_by(f64::total_cmp)?;
    let greatest = numbers.iter().copied().max_by(f64::total_cmp)?;
    Some((least, greatest))
}

/// Third quartile divided by first quartile; `None` for an empty slice.
pub fn spread(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let outside = sorted.len() / 4;
    let least = *sorted.get(outside)?;
    let greatest = *sorted.iter().rev().nth(outside)?;
    share(greatest, least)
}

/// `part / whole`; `None` if `whole` is 0 or less.
pub fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then_some(part / whole)
}

/// A count as a floating-point number; exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a measurement are far below 2^53"
)]
pub fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_numbers() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_range_has_both_ends() {
        assert_eq!(range(&[2.0, 1.0, 3.0]), Some((1.0, 3.0)));
        assert_eq!(range(&[]), None);
    }

    #[test]
    fn a_few_far_off_are_no_spread() {
        assert_eq!(
            spread(&[10.0, 1.0, 10.0, 12.0, 10.0, 99.0, 10.0, 12.0]),
            Some(1.2)
        );
        assert_eq!(spread(&[1.0, 2.0]), Some(2.0));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn there_is_no_share_of_nothing() {
        assert_eq!(share(1.0, 4.0), Some(0.25));
        assert_eq!(share(1.0, 0.0), None);
    }
}
