//! When surges begin and end.

use proptest::prelude::*;

use super::*;
use crate::model::history::History;

#[test]
fn one_that_goes_on_keeps_its_beginning() {
    let found = told(0..600, 1, |second| vec![20 + second.saturating_sub(100) * 2; 3]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].started.monotonic_ns / S <= 110, "{found:?}");
    assert_eq!((found[0].to, found[0].ended), (3 * (20 + 499 * 2), None));
}

/// If a server holds more than before for good, that becomes its usual number.
#[test]
fn one_that_stands_still_is_over() {
    let level = |second: u64| match second {
        0..100 => 20,
        100..2000 => 200 + second % 7,
        _ => 600,
    };
    let found = told(0..2100, 1, |second| vec![level(second)]);
    assert_eq!(found.len(), 2, "{found:?}");
    let ended = found[0].ended.unwrap().monotonic_ns / S;
    assert!((700..720).contains(&ended), "{ended}");
    assert!((200..=206).contains(&found[1].from) && found[1].to == 600);
    assert_eq!(found[1].ended, None);
}

#[test]
fn a_smaller_one_is_told_like_the_first() {
    let level = |second: u64| match second {
        100..200 => 1000,
        300..400 => 90,
        _ => 20,
    };
    let found = told(0..500, 1, |second| vec![level(second)]);
    let rises = found.iter().map(|surge| (surge.number, surge.from, surge.to));
    assert_eq!(rises.collect::<Vec<_>>(), [(1, 20, 1000), (2, 20, 90)]);
}

/// A surge that ended before the window is not reported.
#[test]
fn one_that_was_over_before_the_window_is_forgotten() {
    let mut history = History::of_window(Some(300 * S));
    let mut told = Vec::new();
    for second in 0..800 {
        let open = if (100..200).contains(&second) { 200 } else { 20 };
        history.add(&sample(second, &[open]));
        told.push(history.surge().map(|surge| surge.ended.is_some()));
    }
    assert_eq!((told[99], told[100], told[199]), (None, Some(false), Some(false)));
    assert_eq!((told[200], told[450]), (Some(true), Some(true)));
    assert_eq!((told[600], told[799]), (None, None));
}

#[test]
fn a_watch_of_an_earlier_version_is_read() {
    let old = r#"{"base":null,"next":null,"points":[],"greatest":{"started":{"monotonic_ns":1,"utc_ns":1},
        "from":10,"to":99,"shape":"uniform","grown":1,"peers":1}}"#;
    let watch: Watch = serde_json::from_str(old).unwrap();
    assert_eq!(watch.surge(), None);
}

#[test]
fn it_goes_on_where_it_was_written_down() {
    let level = |second: u64| 20 + 5 * second.saturating_sub(50);
    let mut watch = Watch::default();
    for second in 0..80 {
        watch.add(&sample(second, &[level(second)]));
    }
    let text = serde_json::to_string(&watch).unwrap();
    let mut read: Watch = serde_json::from_str(&text).unwrap();
    for second in 80..200 {
        watch.add(&sample(second, &[level(second)]));
        read.add(&sample(second, &[level(second)]));
    }
    assert!(read.surge().is_some());
    assert_eq!(read.surge(), watch.surge());
}

#[test]
fn numbers_that_cannot_be_are_not_possible() {
    let mut watch = Watch::default();
    watch.add(&sample(0, &[20]));
    watch.add(&sample(1, &[100]));
    assert!(watch.is_possible());
    watch.present.as_mut().unwrap().surge.to = u64::MAX;
    assert!(!watch.is_possible());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn linear_growth_is_one_surge(base in 10..200_u64, per_second in 1..50_u64, step in 1..30_usize) {
        let found = told(0..5000, step, |second| vec![base + per_second * second]);
        prop_assert_eq!(found.len(), 1, "{:?}", found);
    }

    #[test]
    fn two_jumps_with_a_fall_between_are_two(
        base in 10..500_u64,
        first in 2..20_u64,
        second in 2..20_u64,
        step in 1..20_usize,
    ) {
        let (first, second) = (base * first + 50, base * second + 50);
        let found = told(0..900, step, |now| match now {
            200..400 => vec![first],
            600..800 => vec![second],
            _ => vec![base],
        });
        let heights: Vec<u64> = found.iter().map(|surge| surge.to).collect();
        prop_assert_eq!(heights, [first, second]);
    }

    #[test]
    fn a_shift_of_all_times_changes_nothing(
        levels in prop::collection::vec(0..2000_u64, 2..60),
        shift in 1..100_000_u64,
        step in 1..60_usize,
    ) {
        let run = |from: u64| {
            let end = from + (levels.len() * step) as u64;
            told(from..end, step, |second| vec![levels[usize::try_from(second - from).unwrap() / step]])
        };
        let later = |at: Moment| Moment {
            monotonic_ns: at.monotonic_ns + shift * S,
            utc_ns: at.utc_ns + i128::from(shift * S),
        };
        let mut shifted = run(0);
        for surge in &mut shifted {
            surge.started = later(surge.started);
            surge.ended = surge.ended.map(later);
        }
        prop_assert_eq!(run(shift), shifted);
    }
}
