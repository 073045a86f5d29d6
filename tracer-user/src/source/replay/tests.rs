use super::*;
use crate::evidence::testing::{
    INTERVALS, recorded,
    story::{MANY, MENDED, ONE, SECONDS, told, verdict},
};

#[test]
fn intervals_come_one_by_one_and_the_last_is_that_of_the_live_run() {
    let (_parent, path, live) = recorded();
    let mut replay = Replay::open(&path, None).unwrap();
    assert_eq!(replay.intervals(), INTERVALS);
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
    assert_eq!(
        replay.go_to(INTERVALS - 2).unwrap().as_ref(),
        all.get(INTERVALS - 2)
    );
    assert_eq!(replay.go_to(1).unwrap().as_ref(), all.get(1));
    for (time, position) in [
        (replay.time(2).unwrap() + 1, 2),
        (0, 0),
        (i128::MAX, INTERVALS - 1),
    ] {
        assert_eq!(replay.position_at(time), position);
        assert_eq!(replay.go_to(position).unwrap().as_ref(), all.get(position));
    }
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

#[test]
fn each_moment_shows_what_was_said_then() {
    let story = told(SECONDS, true);
    let mut replay = Replay::open(&story.path, None).unwrap();
    let mut second = 0;
    while let Some(sample) = replay.step().unwrap() {
        second += 1;
        assert_eq!(replay.shows_what_was_said(), second < SECONDS);
        let diagnosis = replay.judge().again(&sample, replay.options());
        for who in [MENDED, MANY, ONE] {
            assert_eq!(
                verdict(&diagnosis, who),
                story.said(second, who),
                "{who} at {second}"
            );
        }
    }
    assert_eq!(second, SECONDS);
    // The result must not depend on the direction it is reached from.
    for second in [45_u64, 150, 30] {
        let position = usize::try_from(second).unwrap() - 1;
        let sample = replay.go_to(position).unwrap().unwrap();
        let diagnosis = replay.judge().again(&sample, replay.options());
        assert_eq!(
            verdict(&diagnosis, MENDED),
            story.said(second, MENDED),
            "{second}"
        );
        let live = &story.live[position];
        assert!(
            diagnosis.window_ns().abs_diff(live.window_ns()) <= 5_000_000_000,
            "{second}"
        );
    }
}

#[test]
fn other_thresholds_judge_anew() {
    let story = told(20, true);
    let mut replay = Replay::open(&story.path, None).unwrap();
    replay.go_to(10).unwrap();
    assert!(replay.shows_what_was_said());
    let mut thresholds = replay.options().thresholds;
    replay.set_thresholds(thresholds);
    assert!(replay.shows_what_was_said());
    thresholds.min_pile += 1;
    replay.set_thresholds(thresholds);
    assert!(!replay.shows_what_was_said());
}

#[test]
fn recordings_of_before_these_columns_are_read() {
    let story = told(20, true);
    // As recordings by older versions are.
    for name in ["intervals.jsonl", "state.json"] {
        std::fs::remove_file(story.path.join(name)).unwrap();
    }
    let path = story.path.join("peers.csv");
    let rows = std::fs::read_to_string(&path).unwrap();
    let old: String = rows
        .lines()
        .map(|line| line.split(',').take(22).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    std::fs::write(&path, old).unwrap();
    let mut replay = Replay::open(&story.path, None).unwrap();
    assert_eq!(replay.intervals(), 20);
    let sample = replay.go_to(12).unwrap().unwrap();
    let diagnosis = replay.judge().again(&sample, replay.options());
    for who in [MENDED, MANY, ONE] {
        assert_eq!(verdict(&diagnosis, who), story.said(13, who), "{who}");
    }
}
