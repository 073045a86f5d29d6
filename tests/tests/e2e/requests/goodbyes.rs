//! Goodbyes are no use of a connection, and how long it had been idle before them.

use std::{
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_tcp_quickack;

use tcpreuse_tests::pace::pace;

use super::{tls::Manner, *};

/// The longest time that a connection of a client was idle before it ended, ms.
fn idle_ms(diagnosis: &Diagnosis, client: &str, direction: &str) -> u64 {
    let peer = diagnosis.peer(client, direction);
    at(peer, "/figures/idle_before_close_ms/max")
}

#[test]
fn a_goodbye_is_no_use_of_a_connection() {
    need_root!();
    const PAUSE: Duration = Duration::from_millis(800);
    // What this host sends is not looked at, so its own goodbye shows by the FIN that follows within a timer
    // tick. On a busy machine that may take longer.
    const TICK: Duration = Duration::from_millis(4);
    for version in [&TLS12, &TLS13] {
        let mut took = TICK;
        for _ in 0..50 {
            let namespace = Namespace::new();
            let server = TlsServer::start(version);
            let trace = trace(&namespace, server.address);
            let mut client = server.connect(source(0));
            let begun = Instant::now();
            ask(&mut client);
            thread::sleep(PAUSE);
            let leaving = Instant::now();
            leave(client);
            took = leaving.elapsed();
            let most = 20 + u64::try_from(begun.elapsed().as_millis()).unwrap();
            all_are_over();
            let diagnosis = trace.finish();
            if took >= TICK {
                continue;
            }
            for (peer, direction) in [("127.1.0.1", "inbound"), ("127.0.0.1", "outbound")] {
                let idle = idle_ms(&diagnosis, peer, direction);
                assert!((780..=most).contains(&idle), "{version:?}, {direction}: {idle}");
            }
            break;
        }
        assert!(took < TICK, "too busy: {took:?}");
    }
}

/// The client says goodbye long before it closes, and the server reads that at once or never.
#[test]
fn a_goodbye_is_no_use_of_a_connection_however_early_it_comes() {
    need_root!();
    const PAUSE: Duration = Duration::from_millis(300);
    for (version, limit) in [
        (&TLS12, 1),
        (&TLS12, usize::MAX),
        (&TLS13, 1),
        (&TLS13, usize::MAX),
    ] {
        let namespace = Namespace::new();
        let over = Arc::new(Barrier::new(2));
        let manner = Manner {
            wait: Some(Arc::clone(&over)),
            ..Manner::limited(limit)
        };
        let server = TlsServer::start_with(version, manner);
        let trace = trace(&namespace, server.address);
        let mut client = server.connect(source(0));
        let begun = Instant::now();
        ask(&mut client);
        thread::sleep(PAUSE);
        client.conn.send_close_notify();
        client.flush().unwrap();
        thread::sleep(PAUSE);
        drop(client);
        let most = 20 + u64::try_from(begun.elapsed().as_millis()).unwrap();
        over.wait();
        all_are_over();
        let diagnosis = trace.finish();
        for (peer, direction) in [("127.1.0.1", "inbound"), ("127.0.0.1", "outbound")] {
            let idle = idle_ms(&diagnosis, peer, direction);
            assert!(
                (580..=most).contains(&idle),
                "{version:?}, {limit}, {direction}: {idle}"
            );
        }
    }
}

/// Where the client acknowledges at once, as on one host, nothing in the socket tells an answer that was long
/// in coming, and the goodbye with it, from a quick one and idle time after it.
#[test]
fn how_long_a_request_was_held_is_no_idle_time_before_a_goodbye() {
    need_root!();
    const HOLD: Duration = Duration::from_millis(300);
    // A walk over the sockets comes each second.
    const IDLE: Duration = Duration::from_millis(1_300);
    for (version, idle) in [
        (&TLS12, Duration::ZERO),
        (&TLS12, IDLE),
        (&TLS13, Duration::ZERO),
        (&TLS13, IDLE),
    ] {
        let namespace = Namespace::new();
        let manner = Manner {
            hold: HOLD,
            idle,
            ..Manner::limited(2)
        };
        let server = TlsServer::start_with(version, manner);
        let trace = trace(&namespace, server.address);
        for (n, acknowledges) in [(0, true), (1, false)] {
            let mut client = server.connect(source(n));
            for _ in 0..2 {
                client.write_all(REQUEST).unwrap();
                set_tcp_quickack(&client.sock, acknowledges).unwrap();
                client.read_exact(&mut vec![0; ANSWER.len()]).unwrap();
            }
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
            // The server has said goodbye, and is to close first.
            assert_eq!(client.sock.read(&mut [0]).unwrap(), 0);
        }
        all_are_over();
        let diagnosis = trace.finish();
        for n in 0..2 {
            let peer = diagnosis.peer(&source(n).to_string(), "inbound");
            let longest = peer
                .pointer("/figures/idle_before_close_ms/max")
                .and_then(Value::as_u64);
            let is_right = if idle.is_zero() {
                longest.is_none_or(|ms| ms < 100)
            } else {
                longest.is_some_and(|ms| (1_290..1_300 + late_ms()).contains(&ms))
            };
            assert!(is_right, "{version:?}, {idle:?}, {n}: {longest:?}");
        }
    }
}

/// How late a server may end an idle connection.
fn late_ms() -> u64 {
    100 * u64::from(pace())
}

/// How many connections of a peer ended by this host's FIN, and how many the server has ended.
fn ends(diagnosis: &Diagnosis, peer: &str, direction: &str) -> (u64, u64) {
    let peer = diagnosis.peer(peer, direction);
    (
        at(peer, "/figures/close_reasons/local_fin"),
        at(peer, "/basis/ended_by_server"),
    )
}

#[test]
fn who_says_goodbye_first_ends_the_connection_whoever_closes_first() {
    need_root!();
    // A walk over the sockets comes each second.
    const IDLE: Duration = Duration::from_millis(1_300);
    for version in [&TLS12, &TLS13] {
        let namespace = Namespace::new();
        let manner = Manner {
            idle: IDLE,
            lingers: true,
            ..Manner::limited(2)
        };
        let server = TlsServer::start_with(version, manner);
        let trace = trace(&namespace, server.address);
        // This client has the server close in answer to its goodbye.
        let mut leaves = server.connect(source(0));
        ask(&mut leaves);
        leaves.conn.send_close_notify();
        leaves.flush().unwrap();
        assert_eq!(leaves.sock.read(&mut [0]).unwrap(), 0);
        // This one closes in answer to the server's.
        let mut stays = server.connect(source(1));
        ask(&mut stays);
        ask(&mut stays);
        assert_eq!(stays.read(&mut [0]).unwrap(), 0);
        drop((leaves, stays));
        all_are_over();
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        let [leaves, stays] = [0, 1].map(|n| source(n).to_string());
        assert_eq!(ends(&diagnosis, &leaves, "inbound"), (1, 0), "{version:?}");
        assert_eq!(ends(&diagnosis, &stays, "inbound"), (0, 1), "{version:?}");
        // Seen from the clients, the other one has sent its FIN first.
        assert_eq!(ends(&diagnosis, "127.0.0.1", "outbound"), (1, 1), "{version:?}");
        let idle = idle_ms(&diagnosis, &source(1).to_string(), "inbound");
        assert!((1_290..1_300 + late_ms()).contains(&idle), "{version:?}: {idle}");
    }
}
