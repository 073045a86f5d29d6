//! Connections by the batch: they end all at once, in one softirq, whatever that interrupts.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, sibling},
    traffic::connections,
};

/// The names of the ways to end in the answer, in the order in which the storm prints its own.
const REASONS: [&str; 3] = ["local_fin", "remote_rst", "remote_fin"];

#[test]
fn ends_that_come_all_at_once_are_counted_exactly() {
    need_root!();
    let namespace = Namespace::new();
    // Otherwise connections in TIME_WAIT would use up the ports of a client's address.
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "20000");
    let mut storm = Command::new(sibling("tcpreuse-storm"))
        .arg("6")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to_storm = storm.stdin.take().unwrap();
    let mut said = BufReader::new(storm.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let port = said.next().unwrap();
    let trace = Trace::start(&namespace, &["--port", &port]);
    writeln!(to_storm).unwrap();
    let truth: Vec<u64> = said
        .by_ref()
        .take(REASONS.len())
        .map(|line| line.split_once(' ').unwrap().1.parse().unwrap())
        .collect();
    eventually("all connections to end", || connections().is_empty());
    let diagnosis = trace.finish();
    drop(to_storm);
    assert!(storm.wait().unwrap().success());
    diagnosis.assert_sound();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for peer in diagnosis.peers() {
        for reason in REASONS {
            *counted.entry(reason).or_default() += peer["figures"]["close_reasons"][reason].as_u64().unwrap();
        }
    }
    for (reason, count) in REASONS.into_iter().zip(&truth) {
        assert_eq!(
            counted.get(reason),
            Some(count),
            "{reason} of {truth:?}: {:#}",
            diagnosis.0["accounting"]
        );
    }
    assert_eq!(
        diagnosis.accounting("closed"),
        i64::try_from(truth.iter().sum::<u64>()).unwrap()
    );
}
