//! Snapshots from a fixed run.

use super::*;
use crate::view::example;

#[test]
fn rows_stand_in_the_order_of_the_diagnosis() {
    let snapshot = example::snapshot();
    for (row, peer) in snapshot.rows.iter().zip(&snapshot.diagnosis.peers) {
        assert_eq!(row.id, peer.id);
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
        .find(|row| row.name() == "192.0.2.11")
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
    assert!(
        log.iter()
            .any(|event| event.text.starts_with("the answer is now YES"))
    );
    assert!(log.len() < 40, "{}", log.len());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut keeper = Keeper::new(example::PREFIXES);
    let mut last = keeper.add(example::batch(0));
    for second in 1..2000 {
        last = keeper.add(example::batch(second));
    }
    assert!(last.course.len() <= MAX_POINTS && last.log.len() <= MAX_EVENTS);
    assert_eq!(last.past.len(), 1);
    assert_eq!(last.past.values().next().unwrap().len(), 128);
    assert_eq!(last.past.values().next().unwrap()[127].remote.1, 51_999);
}

#[test]
fn a_surge_is_said_once() {
    let mut keeper = Keeper::new(example::PREFIXES);
    let mut last = None;
    for second in 0..20 {
        let mut batch = example::batch(second);
        let open = if second < 8 { 20 } else { 120 + u64::from(second) };
        batch.sample.accounting.open_now = open;
        batch.sample.peers[0].counters.open_now = open;
        last = Some(keeper.add(batch));
    }
    let log = last.unwrap().log;
    let surges: Vec<&Event> = log
        .iter()
        .filter(|event| event.text.starts_with("a surge began"))
        .collect();
    assert_eq!(surges.len(), 1, "{log:?}");
    assert!(surges[0].text.contains("from 20 to 128"), "{}", surges[0].text);
    assert_eq!(surges[0].weight, Weight::Bad);
}
