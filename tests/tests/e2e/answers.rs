//! Requests that the client gave up, requests that waited for the server, and dead paths.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{abort, connect, pair, source},
};

/// Sends a request of one byte and makes the server read it.
fn ask(client: &mut std::net::TcpStream, server: &mut std::net::TcpStream) {
    client.write_all(b"q").unwrap();
    server.read_exact(&mut [0]).unwrap();
}

fn answer(client: &mut std::net::TcpStream, server: &mut std::net::TcpStream) {
    server.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
}

#[test]
fn only_what_the_client_gave_up_is_unanswered() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port().to_string();
    let (mut old_client, mut old_server) = pair(source(9), address, &listener);
    ask(&mut old_client, &mut old_server);
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    // The client closes: 0 with a FIN during a poll, 1 with an RST during a poll, 2 with a FIN after the
    // answer, 4 with a FIN during a second poll, 5 without a request. 3: the server closes. 9: as 0, but
    // seeded.
    for way in 0..6 {
        let (mut client, mut server) = pair(source(way), address, &listener);
        if way < 5 {
            ask(&mut client, &mut server);
        }
        if way == 2 || way == 4 {
            answer(&mut client, &mut server);
        }
        if way == 4 {
            ask(&mut client, &mut server);
        }
        match way {
            1 => abort(client),
            3 => {
                drop(server);
                let _ = client.read(&mut [0]);
                continue;
            }
            _ => drop(client),
        }
        // Waits until the server's end has received it.
        let _ = server.read(&mut [0]);
    }
    drop(old_client);
    let _ = old_server.read(&mut [0]);
    drop(old_server);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (way, unanswered) in [(0, 1), (1, 1), (2, 0), (3, 0), (4, 1), (5, 0), (9, 1)] {
        let peer = diagnosis.peer(&source(way).to_string(), "inbound");
        assert_eq!(figure(peer, "unanswered"), unanswered, "{way}: {peer:#}");
    }
    // In the client's view: 0, 1, 4 and 9.
    assert_eq!(figure(diagnosis.peer("127.0.0.1", "outbound"), "unanswered"), 4);
}

#[test]
fn requests_that_lay_unread_are_counted() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    let mut late = connect(source(0), address).unwrap();
    late.write_all(b"q").unwrap();
    thread::sleep(Duration::from_millis(1300));
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.read_exact(&mut [0]).unwrap();
    // A client that stays silent for that long is not late.
    let (mut slow, mut server) = pair(source(1), address, &listener);
    thread::sleep(Duration::from_millis(1300));
    ask(&mut slow, &mut server);
    let diagnosis = trace.finish();
    assert_eq!(figure(diagnosis.peer("127.1.0.1", "inbound"), "late_reads"), 1);
    assert_eq!(figure(diagnosis.peer("127.1.0.2", "inbound"), "late_reads"), 0);
}

#[test]
fn a_path_that_died_is_told_from_an_idle_one() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut live = Live::start(&Settings {
        filter: Filter {
            ports: vec![address.port()],
            directions: Directions::Inbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        ..Settings::default()
    })
    .unwrap();
    let (mut dead, mut dead_server) = pair(source(0), address, &listener);
    ask(&mut dead, &mut dead_server);
    let (mut idle, mut idle_server) = pair(source(1), address, &listener);
    ask(&mut idle, &mut idle_server);
    answer(&mut idle, &mut idle_server);
    let port = dead.local_addr().unwrap().port();
    namespace.run(&format!("iptables -A INPUT -p tcp --dport {port} -j DROP"));
    dead_server.write_all(b"a").unwrap();
    let mut seen = Vec::new();
    eventually("two retransmissions in vain", || {
        seen = live.sample().unwrap().sockets.connections;
        seen.iter().any(|connection| connection.retries >= 2)
    });
    let of = |port: u16| {
        seen.iter()
            .find(|connection| connection.remote.1 == port)
            .unwrap()
    };
    let (dead, idle) = (of(port), of(idle.local_addr().unwrap().port()));
    assert!(dead.heard_ns >= 300_000_000, "{dead:?}");
    assert!(!dead.holding, "it was answered, in vain");
    assert_eq!((idle.retries, idle.probes), (0, 0), "{idle:?}");
}
