//! A recorder that stands still, as under a debugger or on a frozen machine, while connections come and go.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use rustix::process::Signal;
use tcpreuse_tests::{eventually, namespace::Namespace, need_root, program::sibling, traffic::connections};

use super::{CLOSE_REASON, Recorder, cell, json, manifest, place, rows, verified};

/// How long it stands still, s. `TCPREUSE_STOPPED_SECONDS` makes it longer, until the ring of records is full.
const SECONDS: &str = "8";

/// Ways to end that the storm counts.
const WAYS: usize = 3;

#[test]
fn what_happened_while_it_stood_still_is_counted_and_has_its_row_or_is_told_as_lost() {
    need_root!();
    let seconds = std::env::var("TCPREUSE_STOPPED_SECONDS").unwrap_or_else(|_| SECONDS.to_owned());
    let namespace = Namespace::new();
    // Otherwise connections in TIME_WAIT would use up the ports of a client's address.
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "20000");
    let mut storm = Command::new(sibling("tcpreuse-storm"))
        .arg(&seconds)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_storm = storm.stdin.take().unwrap();
    let mut said = BufReader::new(storm.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let port = said.next().unwrap();
    let (_parent, path) = place();
    let args = ["--port", &port, "--direction", "both", "--format", "json"];
    let recorder = Recorder::start(&namespace, &path, &args);
    recorder.signal(Signal::STOP);
    let status = format!("/proc/{}/status", recorder.pid());
    eventually("its stop", || {
        fs::read_to_string(&status).unwrap().contains("State:\tT")
    });
    writeln!(to_storm).unwrap();
    let made: u64 = said
        .by_ref()
        .take(WAYS)
        .map(|line| line.split_once(' ').unwrap().1.parse::<u64>().unwrap())
        .sum();
    eventually("all connections to end", || connections().is_empty());
    recorder.signal(Signal::CONT);
    let diagnosis = json(&recorder.finish());
    drop(to_storm);
    assert!(storm.wait().unwrap().success());

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
