//! The report on the example, as people see it.

use super::*;
use crate::{
    diagnosis::{Options, diagnose},
    model::{accounting::Accounting, history::History, socket::Sockets},
    report::example::{example, origin, sample},
};

fn text(diagnosis: &Diagnosis) -> String {
    let mut out = Vec::new();
    write(&mut out, diagnosis, &origin(), Style::default()).unwrap();
    String::from_utf8(out)
        .unwrap()
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn one_peer_of_each_verdict() {
    insta::assert_snapshot!(text(&example()));
}

#[test]
fn nothing_seen() {
    let mut empty = sample();
    empty.peers.clear();
    empty.sockets = Sockets::default();
    empty.accounting = Accounting {
        drift: Some(0),
        ..Accounting::default()
    };
    insta::assert_snapshot!(text(&diagnose(&empty, &History::of(&empty), &Options::default())));
}

#[test]
fn losses_and_drift_are_shown() {
    let mut lossy = sample();
    lossy.losses = Losses {
        peers_dropped: 96,
        connections_unattributed: 400,
        programs_skipped: 2,
        ..Losses::default()
    };
    lossy.accounting.drift = Some(-2);
    let text = text(&diagnose(&lossy, &History::of(&lossy), &Options::default()));
    insta::assert_snapshot!(
        text.lines()
            .rev()
            .take(6)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    for line in text(&example()).lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}

#[test]
fn the_same_evidence_gives_the_same_text() {
    assert_eq!(text(&example()), text(&example()));
}
