//! Connections that were open before tracing are found, marked as seeded, and counted once.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    model::accounting::{Losses, Nested},
    source::live::Live,
};
use tcpreuse_tests::{
    StopOnDrop, eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{EchoServer, connect, pair, source, turn},
};

fn sockets_in_state(state: &str) -> usize {
    let listed = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
    listed
        .lines()
        .filter(|line| line.split_whitespace().nth(3) == Some(state))
        .count()
}

#[test]
fn open_connections_are_seeded_with_their_direction() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut before: Vec<_> = (0..30)
        .map(|n| connect(source(n % 3), server.address).unwrap())
        .collect();
    before.iter_mut().for_each(turn);
    let trace = Trace::start(
        &namespace,
        &["--port", &server.port().to_string(), "--direction", "both"],
    );
    let mut after = connect(source(0), server.address).unwrap();
    turn(&mut after);
    before.truncate(20);
    // Ten connections are closed; their clients' ends are in TIME_WAIT.
    eventually("ten connections to close", || sockets_in_state("01") == 42);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (name, value) in [("seeded", 60), ("opened", 2), ("closed", 20), ("open_now", 42)] {
        assert_eq!(diagnosis.accounting(name), value, "{name}");
    }
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!((figure(peer, "seeded"), figure(peer, "opens")), (10, 1));
    assert_eq!(figure(diagnosis.peer("127.0.0.1", "outbound"), "seeded"), 30);
    // The lifetime of a seeded connection is unknown, so none is measured.
    assert!(peer["figures"]["lifetime_ms"]["p50"].is_null(), "{peer:#}");
}

#[test]
fn requests_of_connections_from_before_count_when_these_have_ended() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut ends = connect(source(0), server.address).unwrap();
    let mut stays = connect(source(0), server.address).unwrap();
    // Their pasts are of different lengths.
    (0..9).for_each(|_| turn(&mut ends));
    turn(&mut stays);
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    (0..7).for_each(|_| turn(&mut ends));
    drop(ends);
    (0..5).for_each(|_| turn(&mut stays));
    eventually("one connection to end", || sockets_in_state("01") == 2);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!((figure(peer, "seeded"), figure(peer, "requests")), (2, 12));
}

#[test]
fn what_was_half_closed_before_and_ends_was_held_for_no_time() {
    need_root!();
    let namespace = Namespace::new();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = pair(source(0), address, &listener);
    client.shutdown(Shutdown::Write).unwrap();
    eventually("a socket in CLOSE_WAIT", || sockets_in_state("08") == 1);
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    drop((server, client));
    eventually("it to end", || sockets_in_state("08") == 0);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    let mean = peer
        .pointer("/figures/held/mean")
        .and_then(serde_json::Value::as_f64);
    assert!(mean.is_some_and(|mean| mean < 0.5), "{peer:#}");
}

#[test]
fn close_wait_and_the_accept_queue_are_seen_from_before() {
    need_root!();
    let namespace = Namespace::new();
    // Nothing accepts here.
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting: Vec<_> = (0..5).map(|_| connect(source(0), address).unwrap()).collect();
    waiting[0].shutdown(Shutdown::Write).unwrap();
    waiting[1].shutdown(Shutdown::Write).unwrap();
    eventually("two sockets in CLOSE_WAIT", || sockets_in_state("08") == 2);
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    waiting[2].shutdown(Shutdown::Write).unwrap();
    eventually("a third one", || sockets_in_state("08") == 3);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    let close_wait = &peer["figures"]["close_wait"];
    assert_eq!((figure(peer, "seeded"), figure(peer, "never_accepted")), (5, 5));
    assert_eq!(
        (close_wait["now"].as_u64(), close_wait["entered"].as_u64()),
        (Some(3), Some(1))
    );
    assert_eq!(close_wait["never_accepted"], 3);
    assert!(close_wait["oldest_ms"].is_u64());
    let listener = &diagnosis.0["listeners"][0];
    assert_eq!(
        (&listener["held"], &listener["accept_queue"]),
        (&5.into(), &5.into()),
        "{listener:#}"
    );
    assert_eq!(listener["never_accepted"], 5);
    // No process has accepted these connections, so no process leaks them.
    let verdict = peer["verdict"].as_str().unwrap();
    assert!(
        ["insufficient-data", "never-accepted"].contains(&verdict),
        "{verdict}"
    );
}

/// When they were half closed is not known, so neither is how long they had been idle then.
#[test]
fn what_was_half_closed_before_has_no_idle_time() {
    need_root!();
    let namespace = Namespace::new();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let spoken = |n| {
        let (mut client, mut server) = pair(source(n), address, &listener);
        client.write_all(b"?").unwrap();
        server.read_exact(&mut [0]).unwrap();
        (client, server)
    };
    let (by_client, by_server, whole) = (spoken(0), spoken(1), spoken(2));
    by_client.0.shutdown(Shutdown::Write).unwrap();
    by_server.1.shutdown(Shutdown::Write).unwrap();
    eventually("the FINs", || {
        // CLOSE_WAIT and FIN_WAIT2.
        sockets_in_state("08") == 2 && sockets_in_state("05") == 2
    });
    let mut live = Live::start(&Settings {
        filter: Filter {
            ports: vec![address.port()],
            directions: Directions::Inbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        records: Some(16),
        ..Settings::default()
    })
    .unwrap();
    drop((by_client, by_server, whole));
    eventually("the ends", || live.totals().unwrap().closed == 3);
    let ended = live.ended(16);
    let idle = |n| {
        let found = ended.iter().find(|one| one.remote.0 == source(n));
        found.map(|one| one.idle_ns.is_some())
    };
    assert_eq!(
        [idle(0), idle(1), idle(2)],
        [Some(false), Some(false), Some(true)],
        "{ended:#?}"
    );
    let sample = live.sample().unwrap();
    let counted = |n| {
        let network = source(n).into();
        let peer = sample.peers.iter().find(|peer| peer.id.network == network);
        peer.map(|peer| peer.counters.idle.count())
    };
    assert_eq!([counted(0), counted(1), counted(2)], [Some(0), Some(0), Some(1)]);
}

/// The tracer attaches while many connections open and close. Each must be counted once, whether it opened
/// before or after.
#[test]
fn storms_while_seeding_make_no_drift() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        filter: Filter {
            ports: vec![server.port()],
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        ..Settings::default()
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopping = StopOnDrop(&stop);
        for thread in 0..3 {
            let (stop, address) = (&stop, server.address);
            scope.spawn(move || {
                // A few stay open for a while, so that there is always something to seed.
                let mut kept = VecDeque::new();
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = connect(source(thread), address).unwrap();
                    turn(&mut stream);
                    kept.push_back(stream);
                    if kept.len() > 20 {
                        kept.pop_front();
                    }
                }
            });
        }
        let mut tracers: Vec<Live> = (0..5)
            .map(|_| {
                thread::sleep(Duration::from_millis(50));
                Live::start(&settings).unwrap()
            })
            .collect();
        for live in &mut tracers {
            let sample = live.sample().unwrap();
            assert!(sample.accounting.totals.seeded > 0);
            assert_eq!(sample.accounting.drift, Some(0), "{:?}", sample.accounting);
        }
        drop(stopping);
        // At rest nothing remains that could explain a difference.
        eventually("all to be closed", || {
            tracers
                .iter_mut()
                .all(|live| live.sample().unwrap().accounting.totals.open_now() == 0)
        });
        for live in &mut tracers {
            let sample = live.sample().unwrap();
            assert_eq!(
                (sample.accounting.drift, sample.accounting.open_now),
                (Some(0), 0)
            );
            let losses = Losses {
                nested: Nested::default(),
                reads_skipped: 0,
                walks_resumed: 0,
                walk_repeats: 0,
                ..sample.losses
            };
            assert_eq!(losses, Losses::default());
        }
    });
}
