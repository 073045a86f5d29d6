use super::*;
use crate::evidence::testing::{INTERVALS, recorded};

#[test]
fn intervals_come_one_by_one_and_the_last_is_that_of_the_live_run() {
    let (_parent, path, live) = recorded();
    let mut replay = Replay::open(&path, None).unwrap();
    assert_eq!(replay.len(), INTERVALS);
    let mut samples = Vec::new();
    while let Some(sample) = replay.step().unwrap() {
        samples.push(sample);
    }
    assert_eq!(samples.len(), INTERVALS);
    assert!(replay.is_at_end() && replay.step().unwrap().is_none());
    assert_eq!(samples.last().unwrap(), &live);
    let opened: Vec<u64> = samples
        .iter()
        .map(|sample| sample.accounting.totals.opened)
        .collect();
    assert!(
        opened.is_sorted() && opened[0] < opened[INTERVALS - 1],
        "{opened:?}"
    );
    for sample in &samples {
        let totals = sample.accounting.totals;
        assert_eq!(totals.open_now(), sample.accounting.open_now, "{totals:?}");
        let _ = replay.judge().again(sample, replay.options());
    }
}

#[test]
fn time_can_be_controlled() {
    let (_parent, path, _) = recorded();
    let mut replay = Replay::open(&path, None).unwrap();
    let all: Vec<Sample> = std::iter::from_fn(|| replay.step().unwrap()).collect();
    assert_eq!(replay.step_back().unwrap().as_ref(), all.get(INTERVALS - 2));
    assert_eq!(replay.go_to(1).unwrap().as_ref(), all.get(1));
    assert_eq!(
        replay.seek(replay.time(2).unwrap() + 1).unwrap().as_ref(),
        all.get(2)
    );
    assert_eq!(replay.seek(0).unwrap().as_ref(), all.first());
    assert!(replay.step_back().unwrap().is_none());
    assert_eq!(replay.seek(i128::MAX).unwrap().as_ref(), all.last());
    // Samples are a second apart.
    let mut replay = Replay::open(&path, None).unwrap();
    replay.set_speed(2.0);
    assert_eq!(replay.play(Duration::ZERO).unwrap().as_ref(), all.first());
    assert!(replay.play(Duration::from_millis(400)).unwrap().is_none());
    assert_eq!(
        replay.play(Duration::from_millis(100)).unwrap().as_ref(),
        all.get(1)
    );
    assert_eq!(replay.play(Duration::from_secs(60)).unwrap().as_ref(), all.last());
    replay.set_speed(f64::INFINITY);
    assert!(replay.speed().is_finite());
}
