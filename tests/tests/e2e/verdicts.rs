//! Verdicts on real sockets in addition to those of the demo.

use std::{io::Read, net::Ipv4Addr, thread, time::Duration};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::Trace,
    traffic::{EchoServer, connect, source, turn, visit},
};

#[test]
fn one_who_keeps_its_connection_is_not_accused_by_one_who_does_not() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut kept = connect(source(0), server.address).unwrap();
    for _ in 0..20 {
        turn(&mut kept);
        visit(source(1), server.address);
        thread::sleep(Duration::from_millis(20));
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.0["answer"], "yes");
    assert_eq!(diagnosis.peer("127.1.0.1", "inbound")["verdict"], "reusing");
    assert_eq!(
        diagnosis.peer("127.1.0.2", "inbound")["verdict"],
        "fresh-per-request"
    );
    assert_eq!(diagnosis.0["causes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_that_never_closes_is_named_even_for_what_it_left_before_tracing() {
    need_root!();
    let namespace = Namespace::new();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut leaked = Vec::new();
    let leak = |leaked: &mut Vec<std::net::TcpStream>| {
        drop(connect(source(0), address).unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        leaked.push(stream);
    };
    (0..3).for_each(|_| leak(&mut leaked));
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    (0..3).for_each(|_| leak(&mut leaked));
    thread::sleep(Duration::from_secs(6));
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(peer["verdict"], "close-wait-leak");
    assert_eq!(peer["figures"]["close_wait"]["now"], 6);
    assert!(peer["figures"]["close_wait"]["oldest_ms"].as_u64().unwrap() >= 6000);
}

#[test]
fn nothing_at_all_is_not_an_accusation() {
    need_root!();
    let namespace = Namespace::new();
    let diagnosis = Trace::start(&namespace, &[]).finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.0["answer"], "insufficient-data");
    assert!(diagnosis.peers().is_empty());
}

#[test]
fn many_clients_behind_one_address_are_said_to_be_that_and_not_accused() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut behind: Vec<_> = (0..30)
        .map(|_| connect(source(0), server.address).unwrap())
        .collect();
    // Until a rule could have spoken.
    for _ in 0..12 {
        behind.iter_mut().for_each(turn);
        thread::sleep(Duration::from_millis(300));
    }
    let diagnosis = trace.finish();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(
        (&peer["verdict"], &peer["shared_address"]),
        (&"reusing".into(), &true.into())
    );
    assert_eq!(diagnosis.0["answer"], "no");
}

#[test]
fn a_peer_that_may_hold_more_is_not_accused_of_it() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let known = Trace::start(&namespace, &["--port", &port, "--expect-peer", "127.1.0.0/16=20"]);
    let unknown = Trace::start(&namespace, &["--port", &port, "--expect-peer", "127.2.0.0/16=20"]);
    // Other clients with one connection each. Without them the peer could be a pool that fills.
    let mut others: Vec<_> = (1..5)
        .map(|n| connect(source(n), server.address).unwrap())
        .collect();
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(connect(source(0), server.address).unwrap());
        held.iter_mut().chain(&mut others).for_each(turn);
        thread::sleep(Duration::from_millis(250));
    }
    let verdict = |trace: Trace| trace.finish().peer("127.1.0.1", "inbound")["verdict"].clone();
    assert_eq!(verdict(unknown), "piling-up");
    assert_eq!(verdict(known), "reusing");
}
