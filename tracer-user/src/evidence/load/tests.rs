use std::{fs, time::Instant};

use super::*;
use crate::{
    diagnosis::{Diagnosis, Verdict},
    evidence::testing::story::{BAD_UNTIL, MANY, MENDED, ONE, SECONDS, WINDOW, told, verdict},
};

const S: u64 = 1_000_000_000;

fn wanted(at: Option<&str>, window: Option<u64>) -> Wanted {
    Wanted {
        number: None,
        at: at.map(|at| at.parse().unwrap()),
        window_ns: window.map(|seconds| seconds * S),
    }
}

fn judged(loaded: &Loaded) -> Diagnosis {
    loaded.judge.again(&loaded.sample, &loaded.options)
}

#[test]
fn a_recording_is_judged_as_it_was_at_any_moment() {
    let story = told(SECONDS, true);
    for second in [20, 45, BAD_UNTIL, 80, 110, 150, SECONDS] {
        let at = format!("00:{:02}:{:02}", second / 60, second % 60);
        let loaded = load_wanted(&story.path, &wanted(Some(&at), None)).unwrap();
        let diagnosis = judged(&loaded);
        assert_eq!(
            diagnosis.taken,
            story.live[usize::try_from(second).unwrap() - 1].taken
        );
        for who in [MENDED, MANY, ONE] {
            assert_eq!(
                verdict(&diagnosis, who),
                story.said(second, who),
                "{who} at {second}"
            );
        }
        assert!(diagnosis.window_ns() <= WINDOW * S, "{}", diagnosis.window_ns());
    }
    assert_eq!(story.said(45, MENDED), Verdict::FreshPerRequest);
    assert_eq!(story.said(150, MENDED), Verdict::Reusing);
}

#[test]
fn another_window_is_judged_from_the_state_or_the_rows() {
    let story = told(SECONDS, true);
    for (window, bad) in [(20, false), (WINDOW, false), (170, true)] {
        let loaded = load_wanted(&story.path, &wanted(None, Some(window))).unwrap();
        let diagnosis = judged(&loaded);
        let seconds = diagnosis.window_ns() / S;
        assert!(
            seconds.abs_diff(window) <= 6 + window / 12,
            "{seconds} for {window}"
        );
        let mended = diagnosis
            .peers
            .iter()
            .find(|peer| peer.id.network == MENDED.parse().unwrap());
        assert_eq!(mended.unwrap().figures.opens > 10, bad, "{window}: {mended:?}");
        assert_eq!(verdict(&diagnosis, MENDED), Verdict::Reusing);
        assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
    }
}

#[test]
fn moments_outside_are_refused_with_what_there_is() {
    let story = told(10, true);
    let error = load_wanted(&story.path, &wanted(Some("12:00"), None)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the recording is from Jan 01 00:00:00 to Jan 01 00:00:10 UTC"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn one_that_was_killed_is_judged_by_its_last_state() {
    let story = told(100, false);
    let same = |loaded: &Loaded| {
        let diagnosis = judged(loaded);
        for who in [MENDED, MANY, ONE] {
            assert_eq!(verdict(&diagnosis, who), story.said(100, who), "{who}");
        }
    };
    let note = |loaded: &Loaded| match &loaded.notes[..] {
        [note] => note.clone(),
        notes => panic!("{notes:?}"),
    };
    let loaded = load(&story.path).unwrap();
    assert!(
        note(&loaded).contains("diagnosed as of 2026-01-01 00:01:40 UTC: its last state is 3.0 s older"),
        "{}",
        note(&loaded)
    );
    same(&loaded);
    // The moment can be computed from the rows as well.
    same(&load_wanted(&story.path, &wanted(Some("00:01:40"), None)).unwrap());
    // The first state alone is that of the first second.
    fs::remove_file(story.path.join("state.delta")).unwrap();
    let loaded = load(&story.path).unwrap();
    assert!(note(&loaded).contains("99.0 s older"), "{}", note(&loaded));
    same(&loaded);
}

#[test]
fn rows_alone_accuse_nobody_who_was_not() {
    let story = told(SECONDS, false);
    fs::remove_file(story.path.join("state.json")).unwrap();
    let loaded = load(&story.path).unwrap();
    assert!(
        loaded.notes[0].contains("from the rows alone"),
        "{:?}",
        loaded.notes
    );
    let diagnosis = judged(&loaded);
    for who in [MENDED, MANY, ONE] {
        assert_eq!(verdict(&diagnosis, who), story.said(SECONDS, who), "{who}");
    }
}

#[test]
fn rows_before_the_window_are_not_read() {
    let story = told(SECONDS, true);
    // An invalid row is not read if it does not matter.
    let path = story.path.join("peers.csv");
    let rows = fs::read_to_string(&path).unwrap();
    let (header, rows) = rows.split_once('\n').unwrap();
    let (first, rest) = rows.split_at(rows.len() / 3);
    let first: String = first.chars().map(|c| if c == '\n' { c } else { 'x' }).collect();
    fs::write(&path, format!("{header}\n{first}{rest}")).unwrap();
    let begun = Instant::now();
    let loaded = load_wanted(&story.path, &wanted(Some("00:02:55"), None)).unwrap();
    assert_eq!(verdict(&judged(&loaded), MENDED), Verdict::Reusing);
    assert!(begun.elapsed().as_secs() < 20);
    assert!(load_wanted(&story.path, &wanted(Some("00:00:50"), None)).is_err());
}
