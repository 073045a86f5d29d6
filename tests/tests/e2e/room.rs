//! The table of connections: how it fills, and what becomes of connections that found no room.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};
use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    model::sample::Sample,
    source::live::Live,
};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::Trace,
    programs,
    traffic::{abort, connections, disconnect, pair, source},
};
use tracer_ebpf::transition::{DESTROYED, step};

/// Listens, and nobody accepts unless the test does.
fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// Traces one direction of one namespace.
fn settings(namespace: &Namespace, directions: Directions) -> Settings {
    Settings {
        filter: Filter {
            directions,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        ..Settings::default()
    }
}

/// Held connections are spread over the whole table, as those of a server that has run for a while are.
#[test]
fn a_taken_place_leads_to_a_neighbour_and_not_to_the_hash() {
    need_root!();
    const CONNECTIONS: usize = 36_000;
    const HELD_OF: usize = 18;
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "0");
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let trace = Trace::start(&namespace, &["--direction", "both"]);
    let mut held = Vec::new();
    for number in 0..CONNECTIONS {
        let (client, accepted) = pair(source(0), server, &listener);
        if number % HELD_OF == 0 {
            held.push((client, accepted));
        } else {
            abort(client);
        }
    }
    let hashed = programs::entries(trace.pid(), "CONNS");
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(
        diagnosis.accounting("opened"),
        2 * i64::try_from(CONNECTIONS).unwrap()
    );
    assert_eq!(
        diagnosis.accounting("open_now"),
        2 * i64::try_from(held.len()).unwrap()
    );
    assert_eq!(hashed, 0, "of {} open connections", 2 * held.len());
}

/// All three places of a connection are used: its own, a neighbour's and the hash.
#[test]
fn a_full_table_counts_exactly() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let mut live = Live::start(&Settings {
        max_connections: 64,
        ..settings(&namespace, Directions::Inbound)
    })
    .unwrap();
    for _ in 0..5 {
        let mut held: Vec<_> = (0..64).map(|_| pair(source(0), server, &listener)).collect();
        for (left, step) in [(40, 3), (10, 2), (0, 1)] {
            while held.len() > left {
                held.swap_remove((held.len() - 1) / step);
            }
            let sample = settled(&mut live, left as u64);
            assert_eq!(sample.accounting.drift, Some(0));
            assert_eq!(sample.losses.connections_dropped, 0);
        }
    }
    assert_eq!(settled(&mut live, 0).accounting.totals.opened, 5 * 64);
}

/// A sample in which this many connections are open.
fn settled(live: &mut Live, open: u64) -> Sample {
    let mut sample = None;
    eventually("the connections to be counted", || {
        let now = live.sample().unwrap();
        let is_settled = now.accounting.open_now == open;
        sample = Some(now);
        is_settled
    });
    sample.unwrap()
}

#[test]
fn what_found_no_room_is_counted_once_there_is_room() {
    need_root!();
    const LIMIT: u32 = 16;
    let namespace = Namespace::new();
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let mut live = Live::start(&Settings {
        max_connections: LIMIT,
        ..settings(&namespace, Directions::Inbound)
    })
    .unwrap();
    for round in 1..=2 {
        let mut held: Vec<(TcpStream, TcpStream)> = (0..10 * LIMIT)
            .map(|_| pair(source(0), server, &listener))
            .collect();
        let full = live.sample().unwrap();
        let totals = full.accounting.totals;
        assert!(
            totals.opened - totals.closed >= LIMIT.into(),
            "round {round}: {:?}",
            full.losses
        );
        let dropped = full.losses.connections_dropped;
        assert_eq!(
            totals.opened + dropped,
            u64::from(10 * LIMIT * round),
            "{:?}",
            full.losses
        );
        // The last ones found no room. They stay for a while.
        held.drain(..held.len() - 8);
        let sample = settled(&mut live, 8);
        assert_eq!(sample.accounting.drift, Some(0));
        assert_eq!(sample.losses.connections_dropped, dropped - 8);
        drop(held);
        assert_eq!(settled(&mut live, 0).accounting.drift, Some(0));
    }
}

/// Those that were open before the tracer are not opened when they are found.
#[test]
fn what_found_no_room_at_the_start_is_seeded_later() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let mut held: Vec<_> = (0..100).map(|_| pair(source(0), server, &listener)).collect();
    let mut live = Live::start(&Settings {
        max_connections: 16,
        ..settings(&namespace, Directions::Inbound)
    })
    .unwrap();
    let full = live.sample().unwrap();
    assert_eq!(
        full.accounting.totals.seeded + full.losses.connections_dropped,
        100,
        "{:?}",
        full.losses
    );
    held.drain(..held.len() - 8);
    let sample = settled(&mut live, 8);
    assert_eq!(
        (sample.accounting.drift, sample.accounting.totals.opened),
        (Some(0), 0)
    );
    drop(held);
}

/// The refusals are hidden from the programs, and the ends of the sockets too: nothing tells that they are
/// gone.
#[test]
fn connects_whose_failure_was_missed_take_no_room_for_ever() {
    need_root!();
    const FAILED: usize = 100;
    let namespace = Namespace::new();
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refused = nobody.local_addr().unwrap();
    drop(nobody);
    let mut live = Live::start(&Settings {
        max_connections: 16,
        longest_connect: Duration::ZERO,
        miss: step::ENDED | DESTROYED,
        ..settings(&namespace, Directions::Outbound)
    })
    .unwrap();
    for _ in 0..FAILED {
        assert!(TcpStream::connect(refused).is_err());
    }
    for _ in 0..2 {
        live.sample().unwrap();
    }
    let held = pair(source(0), server, &listener);
    let sample = settled(&mut live, 1);
    assert_eq!(sample.accounting.totals.opened, 1);
    assert_eq!(
        (sample.losses.connections_dropped, sample.accounting.drift),
        (0, Some(0))
    );
    drop(held);
}

/// The reset is hidden from the programs, and the socket, which is not destroyed, connects again.
#[test]
fn a_socket_that_connects_again_after_an_unseen_end_has_ended_once() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let server = listener.local_addr().unwrap();
    let mut live = Live::start(&Settings {
        miss: step::ENDED,
        ..settings(&namespace, Directions::Outbound)
    })
    .unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.connect(&server.into()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    SockRef::from(&accepted).set_linger(Some(Duration::ZERO)).unwrap();
    drop(accepted);
    eventually("the reset to arrive", || connections().is_empty());
    disconnect(&socket);
    socket.connect(&server.into()).unwrap();
    let sample = settled(&mut live, 1);
    assert_eq!(
        (sample.accounting.totals.opened, sample.accounting.totals.closed),
        (2, 1)
    );
    assert_eq!(sample.accounting.drift, Some(0));
    let resets: u64 = sample
        .peers
        .iter()
        .map(|peer| peer.counters.closes.remote_rst)
        .sum();
    assert_eq!(resets, 1);
}
