//! A sample with one peer of each verdict, for the tests of the reports.

use super::Origin;
use crate::{
    diagnosis::{Diagnosis, Options, diagnose},
    model::{
        accounting::{Accounting, Losses, Totals},
        backlog::Backlog,
        durations::Durations,
        history::History,
        names::{Name, Names},
        owner::{Owner, Process},
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Listener, Since, Sockets, State},
    },
};

const S: u64 = 1_000_000_000;

pub(crate) fn origin() -> Origin {
    Origin {
        host: "web1".to_owned(),
        kernel: "6.12.0".to_owned(),
    }
}

fn durations(ns: u64, n: u32) -> Durations {
    let mut durations = Durations {
        sum_ns: ns * u64::from(n),
        max_ns: ns,
        min_ns: ns,
        ..Durations::default()
    };
    durations
        .buckets
        .add(tracer_ebpf::buckets::time_bucket(ns) as usize, n);
    durations
}

fn peer(slot: u32, last: u8, counters: Counters) -> Peer {
    let network = ipnet::IpNet::new(std::net::Ipv4Addr::new(192, 0, 2, last).into(), 32).unwrap();
    let id = PeerId {
        netns: 4_026_531_840,
        direction: Direction::Inbound,
        port: 8081,
        network,
        interface: None,
        process: None,
        program: None,
    };
    Peer { id, slot, counters }
}

fn connection(slot: u32, last: u8, port: u16, state: State, opened_ns: u64) -> Connection {
    Connection {
        slot: Some(slot),
        local: ([192, 0, 2, 1].into(), 8081),
        remote: ([192, 0, 2, last].into(), port),
        state,
        since: Since::Opened(opened_ns),
        close_wait_since_ns: (state == State::CloseWait).then_some(opened_ns + S),
        idle_ns: S / 10,
        bytes_received: 100,
        bytes_sent: 200,
        data_segs_in: 9,
        data_segs_out: 9,
        turns: if slot == 2 { 1 } else { 9 },
        heard_ns: S / 10,
        holding: true,
        owner: Some(4711),
        ..Connection::unknown(4_026_531_840, Direction::Inbound)
    }
}

/// One peer of each verdict.
pub(crate) fn sample() -> Sample {
    let mut fresh = Counters {
        open_peak: 1,
        lifetime: durations(S / 10, 40),
        idle: durations(0, 40),
        gap: durations(S, 39),
        ..Counters::default()
    };
    fresh.opens_by_held.add(0, 40);
    fresh.closes.remote_fin = 40;
    fresh.bytes_received = 40 * 200;
    fresh.bytes_sent = 40 * 300;
    fresh.turns.sum = 40;
    fresh.turns.max = 1;
    fresh.turns.buckets.add(1, 40);
    let mut piling = Counters {
        open_now: 9,
        open_peak: 9,
        ..Counters::default()
    };
    (0..9).for_each(|held| piling.opens_by_held.add(held, 1));
    let mut leak = Counters {
        open_now: 4,
        open_peak: 4,
        close_wait_entered: 4,
        close_wait_now: 4,
        ..Counters::default()
    };
    (0..4).for_each(|held| leak.opens_by_held.add(held, 1));
    let good = Counters {
        open_now: 1,
        open_peak: 1,
        seeded: 1,
        ..Counters::default()
    };
    let mut quiet = Counters {
        open_peak: 1,
        ..Counters::default()
    };
    quiet.opens_by_held.add(0, 1);
    quiet.closes.local_rst = 1;
    quiet.bytes_received = 200;
    let mut connections: Vec<Connection> = (0..9)
        .map(|i| connection(2, 12, 40_000 + i, State::Established, u64::from(i) * S + 100 * S))
        .collect();
    connections
        .extend((0..4).map(|i| connection(3, 13, 40_000 + i, State::CloseWait, u64::from(i) * S + 100 * S)));
    connections.push(connection(4, 14, 40_000, State::Established, 100 * S));
    let peers = vec![
        peer(1, 11, fresh),
        peer(2, 12, piling),
        peer(3, 13, leak),
        peer(4, 14, good),
        peer(5, 15, quiet),
    ];
    Sample {
        started: Moment {
            monotonic_ns: 100 * S,
            utc_ns: 1_767_225_600_000_000_000,
        },
        taken: Moment {
            monotonic_ns: 160 * S,
            utc_ns: 1_767_225_660_000_000_000,
        },
        known: Known::ALL,
        peers,
        unattributed: Counters::default(),
        sockets: Sockets {
            connections,
            listeners: vec![Listener {
                netns: 4_026_531_840,
                address: [0, 0, 0, 0].into(),
                port: 8081,
                backlog: Backlog {
                    accept_queue_limit: 511,
                    ..Backlog::default()
                },
                inode: None,
                owner: Owner::Process(Process {
                    pid: 811,
                    comm: "apache2".to_owned(),
                    workload: None,
                }),
            }],
            namespaces: vec![4_026_531_840],
            namespaces_skipped: 0,
            walks_resumed: 0,
            walk_repeats: 0,
        },
        looks: std::collections::BTreeMap::new(),
        generations: Vec::new(),
        left: std::sync::Arc::default(),
        names: [(4711, "java".to_owned())].into(),
        workloads: std::collections::BTreeMap::new(),
        losses: Losses::default(),
        accounting: Accounting {
            totals: Totals {
                seeded: 1,
                opened: 54,
                closed: 41,
            },
            open_now: 14,
            drift: Some(0),
            peers_left: 0,
        },
        earlier: crate::model::earlier::Earlier::default(),
    }
}

/// Its history: the peer that piles up opened a connection every ten seconds.
pub(crate) fn history() -> History {
    let end = sample();
    let mut history = History::new();
    for tens in 0..6_u32 {
        let mut earlier = end.clone();
        earlier.taken.monotonic_ns = end.started.monotonic_ns + u64::from(tens) * 10 * S;
        earlier.taken.utc_ns = end.started.utc_ns + i128::from(tens) * 10 * i128::from(S);
        for peer in &mut earlier.peers {
            if peer.slot != 4 {
                peer.counters = Counters::default();
            }
            if peer.slot == 2 {
                peer.counters.open_now = u64::from(tens) + 1;
                (0..=tens).for_each(|held| peer.counters.opens_by_held.add(held as usize, 1));
            }
        }
        earlier.sockets.connections.retain(|one| match one.since {
            Since::Opened(at) => at <= earlier.taken.monotonic_ns && one.slot == Some(4),
            _ => true,
        });
        history.add(&earlier);
    }
    history.add(&end);
    history
}

pub(crate) fn example() -> Diagnosis {
    diagnose(&sample(), &history(), &Options::default())
}

/// The same, where all peers are called this.
pub(crate) fn example_called(name: &str) -> Diagnosis {
    let network = "0.0.0.0/0".parse().unwrap();
    let options = Options {
        names: Names::of([Name::new(network, name).unwrap()]).unwrap(),
        ..Options::default()
    };
    diagnose(&sample(), &history(), &options)
}
