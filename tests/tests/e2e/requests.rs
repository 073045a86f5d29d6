//! Requests, told from handshakes, logins and goodbyes by the first bytes that the server's process reads.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use rustix::net::sockopt::set_tcp_quickack;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName},
    version::{TLS12, TLS13},
};
use serde_json::Value;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, figure},
    traffic::{connect, connections, source},
};

use super::record::{Recorder, cell, column, place, rows};

const REQUEST: &[u8] = b"GET /poll HTTP/1.1\r\nHost: example\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A TLS server that answers each request, and what a client needs to trust it.
struct TlsServer {
    address: SocketAddr,
    client: Arc<ClientConfig>,
}

/// How a server answers.
#[derive(Clone)]
struct Manner {
    /// It ends a connection after this many requests.
    limit: usize,
    /// How long a request waits for its answer.
    hold: Duration,
    /// How long it then waits before it ends the connection.
    idle: Duration,
    /// It waits for somebody else before it closes without a word. Else it says goodbye.
    wait: Option<Arc<Barrier>>,
}

impl Manner {
    /// Answers at once, and ends a connection with its goodbye after this many requests.
    const fn limited(limit: usize) -> Self {
        Self {
            limit,
            hold: Duration::ZERO,
            idle: Duration::ZERO,
            wait: None,
        }
    }
}

impl TlsServer {
    /// Answers as many requests as come.
    fn start(version: &'static SupportedProtocolVersion) -> Self {
        Self::start_with(version, Manner::limited(usize::MAX))
    }

    fn start_with(version: &'static SupportedProtocolVersion, manner: Manner) -> Self {
        let provider = || Arc::new(ring::default_provider());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(server);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, manner) = (Arc::clone(&server), manner.clone());
                thread::spawn(move || answer(stream.unwrap(), server, &manner));
            }
        });
        Self {
            address,
            client: Arc::new(client),
        }
    }

    /// A client after its handshake.
    fn connect(&self, from: IpAddr) -> Client {
        let mut stream = connect(from, self.address).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        StreamOwned::new(tls, stream)
    }
}

type Client = StreamOwned<ClientConnection, TcpStream>;

fn answer(stream: TcpStream, config: Arc<ServerConfig>, manner: &Manner) {
    let tls = ServerConnection::new(config).unwrap();
    let mut stream = StreamOwned::new(tls, stream);
    let has_left = (0..manner.limit).any(|_| {
        let mut request = vec![0; REQUEST.len()];
        let has_left = stream.read_exact(&mut request).is_err();
        if !has_left {
            thread::sleep(manner.hold);
            stream.write_all(ANSWER).unwrap();
        }
        has_left
    });
    thread::sleep(manner.idle);
    match &manner.wait {
        Some(wait) => {
            wait.wait();
        }
        None if has_left => {}
        None => {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

fn ask(client: &mut Client) {
    client.write_all(REQUEST).unwrap();
    client.read_exact(&mut vec![0; ANSWER.len()]).unwrap();
}

/// Says goodbye and closes, as clients do.
fn leave(mut client: Client) {
    client.conn.send_close_notify();
    let _ = client.flush();
}

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
                longest.is_some_and(|ms| (1_290..1_400).contains(&ms))
            };
            assert!(is_right, "{version:?}, {idle:?}, {n}: {longest:?}");
        }
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
