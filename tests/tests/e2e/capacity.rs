//! The server as a whole: what it holds, how long its workers last, and surges.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, run},
    traffic::{EchoServer, connect, source, turn},
};

/// Opens a connection for each of these clients and keeps it open.
fn open(clients: impl Iterator<Item = u16>, server: SocketAddr, held: &mut Vec<TcpStream>) {
    for client in clients {
        let mut stream = connect(source(client), server).unwrap();
        turn(&mut stream);
        held.push(stream);
    }
}

fn the_listener(diagnosis: &Diagnosis) -> &Value {
    assert!(diagnosis.0.pointer("/listeners/1").is_none(), "{:#}", diagnosis.0);
    diagnosis.0.pointer("/listeners/0").unwrap()
}

fn trace(namespace: &Namespace, port: u16, more: &[&str]) -> Trace {
    let port = port.to_string();
    let args: Vec<&str> = ["--port", &port]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    Trace::start(namespace, &args)
}

#[test]
fn what_a_full_accept_queue_drops_is_counted() {
    need_root!();
    let namespace = Namespace::new();
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let nowhere: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    listener.bind(&nowhere.into()).unwrap();
    listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    // Nobody accepts them, and there is room for one more than the limit says.
    let _waiting: Vec<_> = (0..2).map(|_| connect(source(0), address).unwrap()).collect();
    let trace = trace(&namespace, address.port(), &[]);
    let late = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    late.set_nonblocking(true).unwrap();
    late.connect(&address.into()).unwrap_err();
    let diagnosis = trace.finish();
    let listener = the_listener(&diagnosis);
    assert_eq!(
        (&listener["accept_queue"], &listener["accept_queue_limit"]),
        (&2.into(), &1.into())
    );
    assert!(listener["drops"].as_u64().unwrap() >= 1, "{listener:#}");
}

/// With TCP_DEFER_ACCEPT, as Apache has it, the kernel counts each acknowledgement without data as a drop.
#[test]
fn what_a_listener_that_defers_drops_is_unknown() {
    need_root!();
    let seconds: libc::c_int = 5;
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // SAFETY: the descriptor is open, and the value an int that outlives the call.
    let set = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            libc::socklen_t::try_from(size_of_val(&seconds)).unwrap(),
        )
    };
    assert_eq!(set, 0);
    let address = listener.local_addr().unwrap();
    let trace = trace(&namespace, address.port(), &[]);
    let _silent = connect(source(0), address).unwrap();
    let diagnosis = trace.finish();
    assert_eq!(the_listener(&diagnosis)["drops"], Value::Null);
}

#[test]
fn growth_gives_the_time_until_no_worker_is_left() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = trace(&namespace, server.port(), &["--max-workers", "1000"]);
    let (mut held, begun) = (Vec::new(), Instant::now());
    for step in 1..=30 {
        open(0..10, server.address, &mut held);
        thread::sleep((begun + step * Duration::from_millis(200)).saturating_duration_since(Instant::now()));
    }
    let diagnosis = trace.finish();
    let listener = the_listener(&diagnosis);
    assert_eq!(
        (&listener["held"], &listener["busy_workers"]),
        (&300.into(), &300.into())
    );
    assert_eq!(listener["max_workers"], 1000);
    // 700 workers are free, and some 50 more are taken every second.
    let left = listener["exhausted_in_seconds"].as_f64().unwrap();
    assert!((10.0..20.0).contains(&left), "{listener:#}");
}

#[test]
fn workers_that_are_all_taken_are_said_so_and_those_of_a_quiet_server_last() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut held = Vec::new();
    open(0..20, server.address, &mut held);
    for (workers, busy, left) in [("20", 20, Some(0.0)), ("15", 15, Some(0.0)), ("40", 20, None)] {
        let diagnosis = trace(&namespace, server.port(), &["--max-workers", workers]).finish();
        let listener = the_listener(&diagnosis);
        assert_eq!(listener["busy_workers"], busy, "{listener:#}");
        assert_eq!(listener["exhausted_in_seconds"].as_f64(), left, "{listener:#}");
        // Clients with a single connection each have done nothing wrong.
        let answer = diagnosis.0["answer"].as_str().unwrap();
        assert!(["insufficient-data", "no"].contains(&answer), "{answer}");
    }
}

#[test]
fn ports_of_one_process_share_its_workers() {
    need_root!();
    let namespace = Namespace::new();
    let (plain, tls) = (
        EchoServer::start((Ipv4Addr::LOCALHOST, 0)),
        EchoServer::start((Ipv4Addr::LOCALHOST, 0)),
    );
    let mut held = Vec::new();
    open(0..10, plain.address, &mut held);
    open(10..25, tls.address, &mut held);
    let ports = format!("{},{}", plain.port(), tls.port());
    let args = ["--port", &ports, "--max-workers", "25"];
    let diagnosis = Trace::start(&namespace, &args).finish().0;
    let process = &diagnosis["capacity"][0];
    assert!(diagnosis.pointer("/capacity/1").is_none(), "{diagnosis:#}");
    assert_eq!(process["ports"].as_array().unwrap().len(), 2, "{process:#}");
    assert_eq!(
        (
            &process["held"],
            &process["busy_workers"],
            &process["max_workers"]
        ),
        (&25.into(), &25.into(), &25.into())
    );
    // It is not known whether this server needs a worker for each connection.
    assert!(process["takes_one_per_connection"].is_null(), "{process:#}");
    for listener in diagnosis["listeners"].as_array().unwrap() {
        assert_eq!(listener["exhausted_in_seconds"], 0.0, "{listener:#}");
    }
}

#[test]
fn a_surge_has_a_beginning_and_a_shape() {
    need_root!();
    for (all, grow, shape) in [(20, 20, "uniform"), (20, 2, "concentrated")] {
        let namespace = Namespace::new();
        let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
        let mut held = Vec::new();
        open(0..all, server.address, &mut held);
        let trace = trace(&namespace, server.port(), &["--interval", "200ms"]);
        thread::sleep(Duration::from_secs(2));
        for _ in 0..100 / grow {
            open(0..grow, server.address, &mut held);
            thread::sleep(Duration::from_millis(30));
        }
        thread::sleep(Duration::from_millis(300));
        let diagnosis = trace.finish();
        let surge = &diagnosis.0["surge"];
        assert_eq!(surge["detected"], true, "{surge:#}");
        assert_eq!(
            (&surge["to"], &surge["shape"]),
            (&(all + 100).into(), &shape.into())
        );
        assert!((20..40).contains(&surge["from"].as_u64().unwrap()), "{surge:#}");
        let (began, start) = (
            surge["started"].as_str().unwrap(),
            diagnosis.0["window"]["start"].as_str().unwrap(),
        );
        assert!(began > start, "{began} {start}");
    }
}

/// Serves the same reply to every client until the test ends; returns the port, which the system chooses if
/// it is 0.
fn page(port: u16, reply: impl Fn(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 1024]);
            reply(&mut stream);
        }
    });
    port
}

/// Serves Apache's page about its workers.
pub(crate) fn status_page(port: u16) -> u16 {
    page(port, |stream| {
        let length = PAGE.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{PAGE}"
        );
    })
}

const PAGE: &str = "BusyWorkers: 3\nIdleWorkers: 2\nScoreboard: WWK__...\n";

fn status_of(port: u16) -> (Diagnosis, String) {
    let namespace = Namespace::current();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut held = Vec::new();
    open(0..4, server.address, &mut held);
    let url = format!("http://127.0.0.1:{port}/server-status?auto");
    let output = run(&[
        "diagnose",
        "--format",
        "json",
        "--duration",
        "1s",
        "--netns",
        &namespace.inode.to_string(),
        "--port",
        &server.port().to_string(),
        "--server-status",
        &url,
    ]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    (Diagnosis(serde_json::from_slice(&output.stdout).unwrap()), said)
}

#[test]
fn a_status_page_tells_the_workers() {
    need_root!();
    let _namespace = Namespace::new();
    let (diagnosis, _) = status_of(status_page(0));
    let listener = the_listener(&diagnosis);
    assert_eq!(
        (&listener["max_workers"], &listener["busy_workers"]),
        (&8.into(), &3.into())
    );
    let process = &diagnosis.0["capacity"][0];
    assert_eq!(
        (&process["idle_workers"], &process["at_most"]),
        (&2.into(), &true.into())
    );
}

/// A request that is redirected makes two connections to the status page.
#[test]
fn connections_to_the_status_page_are_its_own() {
    need_root!();
    let namespace = Namespace::new();
    let redirected = AtomicBool::new(false);
    let port = page(0, move |stream| {
        let reply = match redirected.fetch_xor(true, Ordering::Relaxed) {
            false => "302 Found\r\nLocation: /server-status/?auto\r\nContent-Length: 0\r\n\r\n".to_owned(),
            true => format!("200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len()),
        };
        let _ = write!(stream, "HTTP/1.1 {reply}");
    });
    let url = format!("http://127.0.0.1:{port}/server-status");
    let trace = trace(&namespace, port, &["--server-status", &url]);
    thread::sleep(Duration::from_secs(2));
    let diagnosis = trace.finish();
    let peer = diagnosis.0.pointer("/peers/0").unwrap();
    assert_eq!(peer["figures"]["opens"], 2, "{peer:#}");
    let said = peer["explanation"].as_str().unwrap();
    assert!(said.contains("tcpreuse itself"), "{said}");
}

#[test]
fn a_hostile_status_page_costs_a_line_and_nothing_else() {
    need_root!();
    let _namespace = Namespace::new();
    let ports = [
        page(0, |_| thread::sleep(Duration::from_secs(30))),
        page(0, |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
            while stream.write_all(&[b'x'; 65536]).is_ok() {}
        }),
        page(0, |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>\x1b[31m</html>");
        }),
        page(0, |stream| {
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }),
    ];
    for port in ports {
        let (diagnosis, said) = status_of(port);
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("server status"))
            .collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(
            lines[0].ends_with("continuing without it") && !said.contains('\u{1b}'),
            "{said}"
        );
        let listener = the_listener(&diagnosis);
        assert!(
            listener["max_workers"].is_null() && listener["held"] == 4,
            "{listener:#}"
        );
    }
}

#[test]
fn an_address_of_no_page_is_refused_without_repeating_a_password() {
    for url in [
        "127.0.0.1/server-status",
        "ftp://u:secret@h/",
        "http://u:sec/ret@h/",
    ] {
        let output = run(&["diagnose", "--server-status", url]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("--server-status") && !said.contains("sec"),
            "{said}"
        );
    }
}
