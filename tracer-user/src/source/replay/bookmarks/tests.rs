use super::*;
use crate::{
    evidence::testing::story::{SECONDS, told},
    model::{ended::Ended, sample::Sample},
    source::replay::Replay,
};

/// The positions at which there are bookmarks after going to each up to this one.
fn kept(shown: usize) -> Vec<usize> {
    let mut kept = Vec::new();
    for position in 0..=shown {
        kept.push(position);
        kept.retain(|earlier| belongs(*earlier, position));
    }
    kept
}

#[test]
fn bookmarks_are_close_together_near_the_position_shown() {
    for shown in [1, 7, 100, 3599, 86_400] {
        let kept = kept(shown);
        assert!(kept.ends_with(&[shown - 1, shown]), "{kept:?}");
        for two in kept.windows(2) {
            let (gap, distance) = (two[1] - two[0], shown - two[0]);
            assert!(gap <= (distance / PER_DOUBLING).max(1), "{two:?} of {shown}");
        }
        let at_once: Vec<usize> = (0..=shown).filter(|position| belongs(*position, shown)).collect();
        assert_eq!(kept, at_once, "whichever way one came");
    }
}

#[test]
fn their_number_is_bounded() {
    assert_eq!([0, 1000, 50_000, 1 << 20].map(most), [MAX, MAX, 10, FEW]);
    let story = told(SECONDS, true);
    let mut replay = Replay::open(&story.path, None).unwrap();
    replay.go_to(replay.intervals() - 2).unwrap();
    let (last, reading) = replay.bookmarks.nearest(usize::MAX).unwrap();
    let (mut many, reading) = (Bookmarks::default(), reading.clone());
    let day = 24 * 3600;
    (0..=day).for_each(|position| many.set(position, &reading, day));
    let kept: Vec<usize> = many.0.into_keys().collect();
    assert_eq!((kept.len(), kept.last()), (MAX, Some(&day)));
    assert_eq!(last, replay.position());
}

/// What is shown at an interval, and the connections that ended since the one shown before.
struct Shown {
    sample: Sample,
    diagnosis: String,
    ended: Vec<Ended>,
}

fn show(replay: &mut Replay, position: usize) -> Shown {
    let sample = replay.go_to(position).unwrap().unwrap();
    let diagnosis = replay.judge().again(&sample, replay.options());
    Shown {
        diagnosis: format!("{diagnosis:?}"),
        ended: replay.take_ended(),
        sample,
    }
}

#[test]
fn the_way_back_shows_what_was_shown_on_the_way_there() {
    let story = told(SECONDS, true);
    let mut replay = Replay::open(&story.path, None).unwrap();
    let last = replay.intervals() - 1;
    let there: Vec<Shown> = (0..=last).map(|position| show(&mut replay, position)).collect();
    // What was opened stays open.
    let elsewhere = story.path.with_file_name("elsewhere");
    std::fs::rename(&story.path, elsewhere).unwrap();
    let mut present = last;
    let steps = std::iter::repeat_n(-1_isize, 30).chain([3, -10, -1, 7, 40, -60]);
    for step in steps.chain(std::iter::repeat_n(-1, last)) {
        let position = present.saturating_add_signed(step).min(last);
        let shown = show(&mut replay, position);
        let begins = match position < present {
            true => 0,
            false => present + 1,
        };
        let ended: Vec<Ended> = there[begins.min(position + 1)..=position]
            .iter()
            .flat_map(|shown| shown.ended.clone())
            .collect();
        // Too long to be printed.
        let was = &there[position];
        assert!(shown.ended == ended, "what ended, {present} to {position}");
        assert!(shown.sample == was.sample, "the sample, {present} to {position}");
        assert!(
            shown.diagnosis == was.diagnosis,
            "the diagnosis, {present} to {position}"
        );
        present = position;
    }
    assert_eq!(present, 0);
}
