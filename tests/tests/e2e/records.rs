//! The record of each ended connection.

use std::{net::Ipv4Addr, time::Duration};

use tcpreuse::{
    filter::{Directions, Filter},
    kernel::load::Settings,
    model::{
        peer::{CloseReason, Direction},
        socket::Since,
    },
    source::live::Live,
};
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    traffic::{EchoServer, connect, source, turn, visit},
};

fn settings(namespace: &Namespace, port: u16, record_bytes: u32) -> Settings {
    let filter = Filter {
        ports: vec![port],
        directions: Directions::Inbound,
        netns: Some(namespace.inode),
        ..Filter::default()
    };
    Settings {
        filter,
        record_bytes: Some(record_bytes),
        ..Settings::default()
    }
}

#[test]
fn every_ended_connection_has_one() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut old = connect(source(9), server.address).unwrap();
    turn(&mut old);
    let mut live = Live::start(&settings(&namespace, server.port(), 1 << 20)).unwrap();
    drop(old);
    let mut slow = connect(source(1), server.address).unwrap();
    turn(&mut slow);
    std::thread::sleep(Duration::from_millis(100));
    drop(slow);
    for visits in 1..=50 {
        visit(source(0), server.address);
        // The server may close it later than its client, and the next one would have no gap then.
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
    let Since::Opened(opened) = slow.since else {
        panic!("{slow:?}")
    };
    assert!(slow.closed_ns - opened >= 100_000_000, "{slow:?}");
    // Idle time is known to a timer tick.
    assert!(slow.idle_ns >= 90_000_000, "{slow:?}");
    assert!(slow.close_wait_ns.is_some());
    // From the second on, each visit came after the end of the one before.
    assert_eq!(from(0).filter(|one| one.gap_ns.is_some()).count(), 49);
    assert_eq!(live.ended(10), []);
}

#[test]
fn a_full_ring_loses_records_and_no_counts() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&settings(&namespace, server.port(), 4096)).unwrap();
    (0..200).for_each(|_| visit(source(0), server.address));
    tcpreuse_tests::eventually("the last close", || live.totals().unwrap().closed == 200);
    let sample = live.sample().unwrap();
    let written = live.ended(1000).len() as u64;
    assert!(written > 0 && sample.losses.records_lost > 0);
    assert_eq!(written + sample.losses.records_lost, 200);
}
