//! The record that each ended connection leaves.

use std::{
    io::Write,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    time::Duration,
};

use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::{clock, settings::Settings},
    model::{
        peer::{CloseReason, Direction},
        socket::Since,
    },
    source::live::Live,
};
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    traffic::{EchoServer, abort, connect, connections, pair, source, turn, visit},
};

fn settings(namespace: &Namespace, port: u16, records: u32) -> Settings {
    let filter = Filter {
        ports: vec![port],
        directions: Directions::Inbound,
        netns: Some(namespace.inode),
        ..Filter::default()
    };
    Settings {
        filter,
        records: Some(records),
        ..Settings::default()
    }
}

#[test]
fn every_ended_connection_has_one() {
    need_root!();
    each_has_one(Settings::default().stores_in_order);
}

/// The publishing method for CPUs that may reorder stores.
#[test]
fn every_ended_connection_has_one_where_exchanges_publish() {
    need_root!();
    each_has_one(false);
}

fn each_has_one(stores_in_order: bool) {
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut old = connect(source(9), server.address).unwrap();
    turn(&mut old);
    let mut live = Live::start(&Settings {
        stores_in_order,
        ..settings(&namespace, server.port(), 4096)
    })
    .unwrap();
    drop(old);
    let mut slow = connect(source(1), server.address).unwrap();
    turn(&mut slow);
    std::thread::sleep(Duration::from_millis(100));
    drop(slow);
    for visits in 1..=50 {
        visit(source(0), server.address);
        // The server may close after its client; the next visit would then have no gap.
        tcpreuse_tests::eventually("its end", || live.totals().unwrap().closed == 2 + visits);
    }
    let ended = live.ended(1000);
    assert_eq!(ended.len(), 52);
    assert!(
        ended
            .iter()
            .all(|one| one.reason == CloseReason::RemoteFin && one.direction == Direction::Inbound)
    );
    assert!(
        ended
            .iter()
            .all(|one| one.local == (server.address.ip(), server.port()))
    );
    assert!(
        ended
            .iter()
            .all(|one| (one.bytes_received, one.bytes_sent) == (1, 1)),
        "{ended:?}"
    );
    let from = |n| ended.iter().filter(move |one| one.remote.0 == source(n));
    assert!(matches!(from(9).next().unwrap().since, Since::Seeded(_)));
    let slow = from(1).next().unwrap();
    let opened_ns = match slow.since {
        Since::Opened(ns) => Some(ns),
        Since::Seeded(_) | Since::Unknown => None,
    };
    assert!(
        opened_ns.is_some_and(|ns| slow.closed_ns - ns >= 100_000_000),
        "{slow:?}"
    );
    // Idle time has the resolution of a timer tick.
    assert!(slow.idle_ns.is_some_and(|ns| ns >= 90_000_000), "{slow:?}");
    assert!(slow.close_wait_ns.is_some());
    // Each visit after the first came after the end of the previous one.
    assert_eq!(from(0).filter(|one| one.gap_ns.is_some()).count(), 49);
    assert_eq!(live.ended(10), []);
}

#[test]
fn a_full_ring_loses_records_and_no_counts() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&settings(&namespace, server.port(), 16)).unwrap();
    (0..200).for_each(|_| visit(source(0), server.address));
    tcpreuse_tests::eventually("the last close", || live.totals().unwrap().closed == 200);
    let sample = live.sample().unwrap();
    let written = live.ended(1000).len() as u64;
    assert!(written > 0 && sample.losses.records_lost > 0);
    assert_eq!(written + sample.losses.records_lost, 200);
}

#[test]
fn a_lost_race_is_not_a_full_ring() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&Settings {
        lose_races: true,
        ..settings(&namespace, server.port(), 16)
    })
    .unwrap();
    (0..3).for_each(|_| visit(source(0), server.address));
    tcpreuse_tests::eventually("the last close", || live.totals().unwrap().closed == 3);
    let losses = live.sample().unwrap().losses;
    assert_eq!((losses.records_lost, losses.records_raced), (0, 3));
    assert_eq!(live.ended(1000), []);
}

/// Idle time of a connection, long enough that the time of its last packet is wrong for what follows.
const PAUSE: Duration = Duration::from_millis(250);

fn now() -> u64 {
    clock::now().monotonic_ns
}

/// A way to end a connection, by its client and server.
struct Ending {
    how: &'static str,
    /// What they do before the pause.
    before: fn(&mut TcpStream, &mut TcpStream),
    /// What they do after it.
    end: fn(TcpStream, TcpStream),
}

/// Endings whose last state change is made by a process, by a packet, or by both.
const ENDINGS: &[Ending] = &[
    Ending {
        how: "the client closes, then the server",
        before: |_, _| {},
        end: |client, server| {
            drop(client);
            drop(server);
        },
    },
    Ending {
        how: "the server closes, then the client",
        before: |_, _| {},
        end: |client, server| {
            drop(server);
            drop(client);
        },
    },
    Ending {
        how: "the client is done, and closes some time later",
        before: |client, _| client.shutdown(Shutdown::Write).unwrap(),
        end: |client, _server| drop(client),
    },
    Ending {
        how: "the client aborts",
        before: |_, _| {},
        end: |client, _server| abort(client),
    },
    Ending {
        how: "the server aborts",
        before: |_, _| {},
        end: |_client, server| abort(server),
    },
    Ending {
        how: "the server does not read what the client said",
        before: |client, _| say(client),
        end: |_client, server| drop(server),
    },
    Ending {
        how: "the client is done and does not read any more",
        before: |client, server| {
            client.shutdown(Shutdown::Write).unwrap();
            say(server);
        },
        end: |client, _server| drop(client),
    },
    Ending {
        how: "both are done, one some time later",
        before: |client, _| client.shutdown(Shutdown::Write).unwrap(),
        end: |_client, server| server.shutdown(Shutdown::Write).unwrap(),
    },
];

/// Sends data that nobody reads.
fn say(stream: &mut TcpStream) {
    stream.write_all(b"never read").unwrap();
    tcpreuse_tests::eventually("the data to arrive", || {
        connections().iter().any(|one| one.unread > 0)
    });
}

/// The tracer takes the time from the socket if a packet makes the change, and reads the clock otherwise.
#[test]
fn times_are_those_of_the_change_whoever_makes_it() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = listener.local_addr().unwrap();
    let mut settings = settings(&namespace, server.port(), 4096);
    settings.filter.directions = Directions::Both;
    let mut live = Live::start(&settings).unwrap();
    for (n, Ending { how, before, end }) in (0..).zip(ENDINGS) {
        let begin = now();
        let (mut client, mut accepted) = pair(source(n), server, &listener);
        let opened = begin..=now();
        before(&mut client, &mut accepted);
        std::thread::sleep(PAUSE);
        let begin = now();
        end(client, accepted);
        tcpreuse_tests::eventually("the end", || connections().is_empty());
        let ended = begin..=now();
        let records = live.ended(10);
        assert_eq!(records.len(), 2, "{how}: {records:#?}");
        for record in records {
            let Since::Opened(at) = record.since else {
                panic!("{how}: {record:#?}")
            };
            assert!(opened.contains(&at), "{how}: opened at {at}, not in {opened:?}");
            let at = record.closed_ns;
            assert!(ended.contains(&at), "{how}: ended at {at}, not in {ended:?}");
        }
    }
}

/// Nothing but the listener's close tells when these ended: no packet has come for long, and no process holds
/// their locks.
#[test]
fn what_a_listener_throws_away_ends_when_it_closes() {
    need_root!();
    const WAITING: u16 = 3;
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = listener.local_addr().unwrap();
    let mut live = Live::start(&settings(&namespace, server.port(), 4096)).unwrap();
    let clients: Vec<_> = (0..WAITING)
        .map(|n| connect(source(n), server).unwrap())
        .collect();
    // One has given up waiting.
    clients[0].shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(PAUSE);
    let begin = now();
    drop(listener);
    let mut records = Vec::new();
    tcpreuse_tests::eventually("the ends", || {
        records.extend(live.ended(10));
        records.len() == usize::from(WAITING)
    });
    let ended = begin..=now();
    for record in records {
        let at = record.closed_ns;
        assert!(
            ended.contains(&at),
            "ended at {at}, not in {ended:?}: {record:#?}"
        );
    }
    let sample = live.sample().unwrap();
    let was_open = |n| {
        let peer = sample
            .peers
            .iter()
            .find(|peer| peer.id.network == source(n).into());
        peer.and_then(|peer| peer.counters.lifetime.summary())
            .map(|all| u128::from(all.max_ns) >= PAUSE.as_nanos())
    };
    for n in 0..WAITING {
        assert_eq!(was_open(n), Some(true), "{:#?}", sample.peers);
    }
}

#[test]
fn a_failed_connect_has_its_local_port() {
    need_root!();
    let namespace = Namespace::new();
    let mut settings = settings(&namespace, 9, 16);
    settings.filter.directions = Directions::Outbound;
    let mut live = Live::start(&settings).unwrap();
    // Nothing listens there, and the kernel chooses the port.
    TcpStream::connect((Ipv4Addr::LOCALHOST, 9)).unwrap_err();
    let mut ended = Vec::new();
    tcpreuse_tests::eventually("its record", || {
        ended.extend(live.ended(16));
        !ended.is_empty()
    });
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].reason, CloseReason::ConnectFailed);
    let (low, high) = (1024, u16::MAX);
    assert!((low..=high).contains(&ended[0].local.1), "{:?}", ended[0]);
}
