//! Snapshots from a fixed run.

use super::*;
use crate::{
    model::workers::{Mpm, NoMax, Workers},
    view::{
        example,
        snapshot::{Event, EventKey, Weight},
    },
};

#[test]
fn rows_stand_in_the_order_of_the_diagnosis() {
    let snapshot = example::snapshot();
    let peers = snapshot.whole().peers;
    assert_eq!(snapshot.rows.len(), peers.len());
    for (row, peer) in snapshot.rows.iter().zip(peers) {
        assert_eq!((row.id, row.verdict), (peer.id, peer.finding.verdict));
    }
    let kinds = snapshot.rows.iter().filter(|row| row.verdict.accuses()).count();
    assert!(kinds >= 6, "{kinds}");
}

#[test]
fn rates_are_over_the_last_seconds() {
    let snapshot = example::snapshot();
    let fresh = snapshot
        .rows
        .iter()
        .find(|row| row.address() == "192.0.2.11")
        .unwrap();
    assert!((fresh.opens_per_s.unwrap() - 1.0).abs() < 1e-9);
    assert!(snapshot.opens_per_s.unwrap() > 1.0);
    assert_eq!(example::after(0).opens_per_s, None, "one sample tells no rate");
}

#[test]
fn what_lingers_longest_comes_first() {
    let snapshot = example::snapshot();
    let ages: Vec<_> = snapshot
        .sockets
        .iter()
        .map_while(|socket| socket.close_wait_ns(snapshot.taken()))
        .collect();
    assert_eq!(ages.len(), 6);
    assert!(ages.is_sorted_by(|a, b| a >= b), "{ages:?}");
    let rest = &snapshot.sockets[6..];
    assert!(
        rest.iter()
            .all(|socket| socket.connection.state != State::CloseWait)
    );
}

#[test]
fn the_log_says_once_what_changed() {
    let log = example::snapshot().log;
    assert!(log[0].text.starts_with("tracing began with 5 connections open"));
    let about = |name: &str| log.iter().filter(|event| event.text.starts_with(name)).count();
    assert_eq!(about("192.0.2.11: fresh-per-request"), 1);
    assert!(log.iter().any(|event| event.text.starts_with("PROBLEM: ")));
    assert!(log.len() < 40, "{}", log.len());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    let mut last = keeper.add(example::batch(0));
    for second in 1..2000 {
        last = keeper.add(example::batch(second));
    }
    assert!(last.course.len() <= MAX_POINTS && last.log.len() <= 1400);
    assert_eq!(last.past.len(), 1);
    assert_eq!(last.past.values().next().unwrap().len(), 128);
    assert_eq!(last.past.values().next().unwrap()[127].remote.1, 51_999);
}

/// Ten minutes of linear growth.
#[test]
fn a_surge_has_one_line_that_is_brought_up_to_date() {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    let mut lines: Vec<Event> = Vec::new();
    for second in 0..600 {
        let mut batch = example::batch(second);
        let open = 20 + 3 * u64::from(second.saturating_sub(8));
        batch.sample.accounting.open_now = open;
        batch.sample.peers[0].counters.open_now = open;
        let log = keeper.add(batch).log;
        let about = log.iter().filter(|event| event.text.starts_with("surge "));
        let now: Vec<&Event> = about.collect();
        assert!(now.len() <= 1, "{now:?}");
        lines.extend(now.first().map(|line| (*line).clone()));
    }
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert_eq!(
        (first.key, first.at, last.weight),
        (last.key, last.at, Weight::Bad)
    );
    assert_ne!(first.text, last.text);
    assert!(
        last.text.contains("23 to 1,793 connections, nearly all from "),
        "{}",
        last.text
    );
}

/// New lines come after the line, or before it if the log is sorted that way.
#[test]
fn a_line_keeps_its_name_while_others_come_and_go() {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    let mut known: Option<(EventKey, String)> = None;
    for second in 0..90 {
        let mut batch = example::batch(second);
        batch.notes = vec![format!("note {second}")];
        let log = keeper.add(batch).log;
        assert!(log.iter().is_sorted_by_key(|event| event.at.monotonic_ns));
        if let Some((key, text)) = &known {
            let mut same = log.iter().filter(|event| event.key == *key);
            assert_eq!(same.next().map(|event| &event.text), Some(text));
            assert_eq!(same.next(), None);
        } else {
            known = log
                .iter()
                .find(|event| event.peer.is_some())
                .map(|event| (event.key, event.text.clone()));
        }
    }
    assert!(known.is_some());
}

/// The example with a status page that says this, and with no weight on the connections held.
fn with_page(second: u32, page: Workers) -> Batch {
    let mut batch = example::batch(second);
    batch.options.max_workers = None;
    batch.options.workers = Some(page);
    batch
}

/// No news is not good news: while a server restarts, or is too busy to answer, the number is unknown.
#[test]
fn idle_workers_are_said_only_when_they_are_known() {
    let event = |busy, idle, no_max| Workers {
        busy,
        idle,
        max: Some(150),
        no_max,
        mpm: Some(Mpm::Event),
        ..Workers::default()
    };
    let mut keeper = Keeper::new(example::PREFIXES, None);
    let mut said = |second, page| {
        let log = keeper.add(with_page(second, page)).log;
        let about = |event: &&Event| event.text.contains("worker");
        log.iter()
            .filter(about)
            .map(|event| event.text.clone())
            .collect::<Vec<_>>()
    };
    assert!(said(0, event(Some(20), Some(30), None)).is_empty());
    let gone = ["no worker is left for port 8081"];
    assert_eq!(said(1, event(Some(150), Some(0), None)), gone);
    assert_eq!(said(2, event(None, None, None)), gone, "not answered");
    assert_eq!(
        said(3, event(Some(90), Some(0), Some(NoMax::Ending))),
        gone,
        "restarting"
    );
    let back = [gone[0], "there are idle workers again for port 8081"];
    assert_eq!(said(4, event(Some(20), Some(30), None)), back);
}
