//! Requests, told from handshakes, logins and goodbyes by the first bytes that the server's process reads.

mod goodbyes;
mod tls;

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, figure},
    traffic::{connect, connections, source},
};

use self::tls::{TlsServer, ask, leave};
use super::record::{Recorder, cell, column, place, rows};

const REQUEST: &[u8] = b"GET /poll HTTP/1.1\r\nHost: example\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn all_are_over() {
    eventually("all connections to end", || connections().is_empty());
}

fn trace(namespace: &Namespace, server: SocketAddr) -> Trace {
    let port = server.port().to_string();
    Trace::start(namespace, &["--port", &port, "--direction", "both"])
}

/// A number of a peer.
fn at(peer: &Value, pointer: &str) -> u64 {
    peer.pointer(pointer).and_then(Value::as_u64).unwrap()
}

fn requests(diagnosis: &Diagnosis, client: IpAddr) -> (u64, u64) {
    let peer = diagnosis.peer(&client.to_string(), "inbound");
    (
        figure(peer, "requests"),
        at(peer, "/figures/requests_per_connection/max"),
    )
}

#[test]
fn requests_over_tls_are_counted_without_the_handshake() {
    need_root!();
    for version in [&TLS12, &TLS13] {
        let namespace = Namespace::new();
        let server = TlsServer::start(version);
        let trace = trace(&namespace, server.address);
        for _ in 0..6 {
            let mut once = server.connect(source(0));
            ask(&mut once);
            leave(once);
        }
        let mut kept = server.connect(source(1));
        (0..7).for_each(|_| ask(&mut kept));
        leave(kept);
        // Nothing but handshakes.
        (0..3).for_each(|_| leave(server.connect(source(2))));
        all_are_over();
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        assert_eq!(requests(&diagnosis, source(0)), (6, 1), "{version:?}");
        assert_eq!(requests(&diagnosis, source(1)), (7, 7), "{version:?}");
        assert_eq!(requests(&diagnosis, source(2)), (0, 0), "{version:?}");
        for n in 0..3 {
            let peer = diagnosis.peer(&source(n).to_string(), "inbound");
            assert_eq!(peer["figures"]["protocol"], "tls", "{version:?}");
        }
        // The client's end sees answers and no requests.
        let outbound = diagnosis.peer("127.0.0.1", "outbound");
        assert_eq!(figure(outbound, "requests"), 13, "{version:?}");
    }
}

/// A server that answers whatever it reads with a byte.
fn answering() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer) {
                    if stream.write_all(b"+").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn logins_and_signs_of_life_are_no_requests() {
    need_root!();
    let conversations: [(&str, &[&[u8]], u64); 6] = [
        (
            "redis",
            &[
                b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n",
                b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
                b"*1\r\n$4\r\nPING\r\n",
                b"*1\r\n$4\r\nQUIT\r\n",
            ],
            1,
        ),
        (
            "postgresql",
            &[
                b"\0\0\0\x10\0\x03\0\0user\0x\0\0",
                b"p\0\0\0\x08SCRA",
                b"Q\0\0\0\x0dselect 1\0",
                b"X\0\0\0\x04",
            ],
            1,
        ),
        (
            "mqtt",
            &[
                b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd",
                b"\x30\x05\0\x01axx",
                b"\xc0\0",
                b"\xe0\0",
            ],
            1,
        ),
        (
            "http/2",
            &[
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                b"\0\0\x01\x01\x05\0\0\0\x01\x82\0\0\x01\x01\x05\0\0\0\x03\x82",
                b"\0\0\0\x04\x01\0\0\0\0",
                b"\0\0\x08\x06\0\0\0\0\0pingpong",
            ],
            2,
        ),
        ("ajp", &[b"\x12\x34\0\x01\x0a", b"\x12\x34\0\x02\x02\x02"], 1),
        ("http/1", &[REQUEST, REQUEST], 2),
    ];
    let namespace = Namespace::new();
    let server = answering();
    let trace = trace(&namespace, server);
    for (n, (_, messages, _)) in (0..).zip(&conversations) {
        let mut stream = connect(source(n), server).unwrap();
        for message in *messages {
            stream.write_all(message).unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
    }
    all_are_over();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (n, (protocol, _, wanted)) in (0..).zip(conversations) {
        let peer = diagnosis.peer(&source(n).to_string(), "inbound");
        assert_eq!(peer["figures"]["protocol"], protocol);
        assert_eq!(figure(peer, "requests"), wanted, "{protocol}");
    }
}

#[test]
fn each_row_says_what_was_spoken_and_how_many_requests_there_were() {
    need_root!();
    let namespace = Namespace::new();
    let server = answering();
    let port = server.port().to_string();
    let (_parent, path) = place();
    let recorder = Recorder::start(&namespace, &path, &["--port", &port]);
    let said = |n, messages: &[&[u8]]| {
        let mut stream = connect(source(n), server).unwrap();
        for message in messages {
            stream.write_all(message).unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
        stream
    };
    drop(said(0, &[REQUEST, REQUEST]));
    drop(said(1, &[b"*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nQUIT\r\n"]));
    drop(said(2, &[b"nothing known", b"nor this"]));
    let open = said(3, &[REQUEST]);
    eventually("the ends", || connections().len() == 2);
    recorder.finish();
    drop(open);
    let rows = rows(&path, "connections.csv");
    let of = |n: u16| {
        let address = source(n).to_string();
        let row = rows
            .iter()
            .find(|row| cell(row, column("remote_addr")) == address);
        ["close_reason", "protocol", "requests", "requests_exact"]
            .map(|name| cell(row.unwrap(), column(name)))
    };
    assert_eq!(
        [of(0), of(1), of(2), of(3)],
        [
            ["remote_fin", "http/1", "2", "true"],
            ["remote_fin", "redis", "0", "true"],
            ["remote_fin", "other", "2", "false"],
            ["open", "http/1", "1", "true"],
        ],
        "{rows:#?}"
    );
}

#[test]
fn without_a_look_at_what_is_read_turns_count() {
    need_root!();
    let namespace = Namespace::new();
    let server = answering();
    let port = server.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--no-peek"]);
    let mut stream = connect(source(0), server).unwrap();
    for message in [&b"*1\r\n$4\r\nPING\r\n"[..], REQUEST] {
        stream.write_all(message).unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    drop(stream);
    all_are_over();
    let diagnosis = trace.finish();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(peer["figures"]["protocol"], Value::Null);
    assert_eq!(peer["figures"]["turns_per_connection"]["max"], 2);
}
