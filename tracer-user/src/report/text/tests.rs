//! The report on the example, as users see it.

use std::sync::Arc;

use super::*;
use crate::{
    diagnosis::{Options, Verdict, diagnose},
    model::{
        accounting::{Accounting, Losses},
        history::History,
        owner::{Comm, Process},
        peer::Direction,
        sample::Sample,
        socket::Sockets,
        turns::Turns,
        workers::Workers,
    },
    report::example::{example, example_called, origin, sample},
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
fn a_peer_with_a_name_is_called_by_it() {
    let named = text(&example_called("checkout"));
    assert!(named.contains("checkout (192.0.2."), "{named}");
    assert!(!named.contains("\n    192.0.2."), "{named}");
}

#[test]
fn each_software_gets_its_own_change() {
    let mut diagnosis = example();
    let place = diagnosis
        .peers
        .iter()
        .position(|peer| peer.finding.verdict == Verdict::FreshPerRequest);
    let place = place.unwrap();
    let of = |comm: &str| {
        let mut peer = diagnosis.peers[place].clone();
        peer.figures.owner = Some(Arc::new(Process {
            comm: comm.to_owned(),
            pid: 7,
            workload: None,
        }));
        peer
    };
    let (nginx, again) = (of("nginx"), diagnosis.peers[place].clone());
    diagnosis.peers.splice(place + 1..place + 1, [nginx, again]);
    let text = text(&diagnosis);
    let causes = text.split("\n  fresh-per-request ").nth(1).unwrap();
    let cause: Vec<&str> = causes.split("What to change: ").collect();
    assert!(cause[1].contains("The same holds for"), "{text}");
    assert!(cause[2].contains("nginx"), "{text}");
}

#[test]
fn first_aid_is_text_to_copy() {
    let mut out = Vec::new();
    first_aid(&mut out, &example_called("checkout"), Style::default()).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
    let mut out = Vec::new();
    let nobody = Diagnosis {
        peers: Vec::new(),
        ..example()
    };
    first_aid(&mut out, &nobody, Style::default()).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("No command helps"));
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
fn who_asks_for_nothing_is_no_client_to_judge() {
    let mut strays = sample();
    strays.peers.truncate(1);
    strays.peers[0].counters.bytes_received = 0;
    strays.peers[0].counters.bytes_sent = 0;
    strays.peers[0].counters.turns = Turns::default();
    strays.sockets = Sockets::default();
    let diagnosis = diagnose(&strays, &History::of(&strays), &Options::default());
    assert_eq!(
        headline(&diagnosis),
        "NO CLIENT TO JUDGE: 1 client connected in 60.0 s without sending a request (stray). \
         Check --port, or trace for longer."
    );
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
fn losses_beside_a_selection_are_those_of_all() {
    let mut lossy = sample();
    lossy.losses.records_lost = 1;
    lossy.accounting.drift = None;
    let text = text(&diagnose(&lossy, &History::of(&lossy), &Options::default()));
    assert!(
        text.contains("\nNOT COVERED (of all peers): 1 record of ended connections lost\n"),
        "{text}"
    );
}

#[test]
fn outbound_peers_are_named_by_their_processes() {
    let mut outbound = sample();
    outbound.peers.truncate(1);
    outbound.names = [(812, "java".to_owned())].into();
    let name_of = |process: Option<u32>, program: Option<&str>, owner: Option<u32>| {
        let mut sample = outbound.clone();
        let peer = &mut sample.peers[0];
        peer.id.direction = Direction::Outbound;
        peer.id.process = process;
        peer.id.program = program.map(Comm::new);
        peer.counters.owner = owner;
        sample.sockets = Sockets::default();
        name(&diagnose(&sample, &History::of(&sample), &Options::default()).peers[0])
    };
    assert_eq!(
        name_of(Some(812), None, Some(812)),
        "java (pid 812) → 192.0.2.11:8081"
    );
    assert_eq!(name_of(Some(813), None, Some(813)), "pid 813 → 192.0.2.11:8081");
    assert_eq!(name_of(None, Some("curl"), None), "curl → 192.0.2.11:8081");
    assert_eq!(name_of(None, None, Some(812)), "this host → 192.0.2.11:8081");
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

/// The example this many seconds earlier, with `open` connections.
fn before(seconds: u64, open: u64) -> Sample {
    let mut earlier = sample();
    earlier.taken.monotonic_ns -= seconds * 1_000_000_000;
    earlier.taken.utc_ns -= i128::from(seconds) * 1_000_000_000;
    earlier.accounting.open_now = open;
    earlier.peers[1].counters.open_now = open / 2;
    earlier
        .sockets
        .connections
        .truncate(usize::try_from(open / 20).unwrap());
    earlier
}

fn surging(max_workers: u32) -> Diagnosis {
    let mut history = History::new();
    for (seconds, open) in [(10, 20), (8, 22), (6, 60), (4, 120), (2, 180)] {
        history.add(&before(seconds, open));
    }
    let now = sample();
    history.add(&now);
    let options = Options {
        max_workers: Some(max_workers),
        keepalive_ns: Some(5_000_000_000),
        workers: Some(Workers {
            busy: Some(10),
            max: Some(max_workers),
            states: vec![
                ("sending or holding a poll".into(), 8),
                ("in keep-alive".into(), 2),
            ],
            ..Workers::default()
        }),
        ..Options::default()
    };
    diagnose(&now, &history, &options)
}

#[test]
fn capacity_and_surge_come_before_causes() {
    let head = |max_workers| {
        let text = text(&surging(max_workers));
        text.split("\nCauses").next().unwrap().to_owned()
    };
    insta::assert_snapshot!(format!("{}\n-----\n{}", head(16), head(10)));
    for line in text(&surging(16)).lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}
