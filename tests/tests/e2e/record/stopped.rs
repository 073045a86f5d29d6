//! A recorder that stands still, as under a debugger or on a frozen machine, while connections come and go.

use std::fs;

use rustix::process::Signal;
use tcpreuse_tests::{eventually, namespace::Namespace, need_root, storm::Storm};

use super::{CLOSE_REASON, Recorder, cell, json, manifest, place, rows, verified};

/// How long it stands still, s. `TCPREUSE_STOPPED_SECONDS` makes it longer, until the ring of records is
/// full.
const SECONDS: &str = "8";

#[test]
fn what_happened_while_it_stood_still_is_counted_and_has_its_row_or_is_told_as_lost() {
    need_root!();
    let seconds = std::env::var("TCPREUSE_STOPPED_SECONDS").unwrap_or_else(|_| SECONDS.to_owned());
    let namespace = Namespace::new();
    let mut storm = Storm::ready(&namespace, &seconds);
    let (_parent, path) = place();
    let args = ["--port", &storm.port, "--direction", "both", "--format", "json"];
    let recorder = Recorder::start(&namespace, &path, &args);
    recorder.signal(Signal::STOP);
    let status = format!("/proc/{}/status", recorder.pid());
    eventually("its stop", || {
        fs::read_to_string(&status).unwrap().contains("State:\tT")
    });
    let made: u64 = storm.rage().iter().sum();
    recorder.signal(Signal::CONT);
    let diagnosis = json(&recorder.finish());
    storm.finish();

    // Both ends of each.
    let ended = 2 * made;
    let accounting = &diagnosis["accounting"];
    assert_eq!(
        (&accounting["closed"], &accounting["drift"]),
        (&ended.into(), &0.into()),
        "{accounting}"
    );
    let rows = rows(&path, "connections.csv");
    let written = rows
        .iter()
        .filter(|row| cell(row, CLOSE_REASON) != "open")
        .count() as u64;
    let manifest = manifest(&path);
    let lost = |of: &serde_json::Value| of.as_u64().unwrap();
    let untold = [
        &manifest["losses"]["records_lost"],
        &manifest["losses"]["records_raced"],
        &manifest["rows_not_written"],
    ];
    let lost: u64 = untold.into_iter().map(lost).sum();
    assert_eq!(written + lost, ended, "{manifest:#}");
    verified(&path);
}
