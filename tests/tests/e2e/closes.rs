//! How connections end: who closed first and how. Both ends must agree, whatever follows.

mod aborts;
mod fins;
mod give_ups;
mod handshakes;

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    pace::patience,
    program::{Diagnosis, Trace, figure},
    skip,
    traffic::{Listed, abort, connect, connections, disconnect, pair, protocol_counter, source},
};

const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const FIN_WAIT1: u8 = 4;
const CLOSE_WAIT: u8 = 8;

const EACCES: i32 = 13;
const ENOPROTOOPT: i32 = 92;
const ENETUNREACH: i32 = 101;
const ECONNREFUSED: i32 = 111;
const EHOSTUNREACH: i32 = 113;

/// The server's address in most tests, which is the name of the outbound peer.
const SERVER: &str = "127.0.0.1";

/// All close reasons.
const REASONS: [&str; 5] = ["local_fin", "remote_fin", "local_rst", "remote_rst", "timeout"];

/// A listener and a tracer of both directions, in their own namespace.
struct Stage {
    namespace: Namespace,
    listener: TcpListener,
    /// The address that clients connect to.
    server: SocketAddr,
    trace: Trace,
}

impl Stage {
    fn new() -> Self {
        Self::with(Namespace::new(), listening(128))
    }

    fn with(namespace: Namespace, listener: TcpListener) -> Self {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
        let trace = Trace::start(
            &namespace,
            &["--port", &server.port().to_string(), "--direction", "both"],
        );
        Self {
            namespace,
            listener,
            server,
            trace,
        }
    }

    /// Connects from the `n`-th source; returns the client's end and the server's end.
    fn pair(&self, n: u16) -> (TcpStream, TcpStream) {
        pair(source(n), self.server, &self.listener)
    }

    /// The servers' ends in the kernel's list.
    fn servers(&self) -> Vec<Listed> {
        let port = self.server.port();
        connections()
            .into_iter()
            .filter(|one| one.local_port == port)
            .collect()
    }

    /// The clients' ends in the kernel's list.
    fn clients(&self) -> Vec<Listed> {
        let port = self.server.port();
        connections()
            .into_iter()
            .filter(|one| one.remote_port == port)
            .collect()
    }

    /// Adds a firewall rule for packets to a client.
    fn rule_to_clients(&self, n: u16, target: &str) -> Rule<'_> {
        let port = self.server.port();
        Rule::new(
            &self.namespace,
            self.server.ip(),
            format!("-p tcp --sport {port} -d {} -j {target}", source(n)),
        )
    }

    /// Adds a firewall rule for packets from a client to the server.
    fn rule_to_server(&self, n: u16, target: &str) -> Rule<'_> {
        let port = self.server.port();
        Rule::new(
            &self.namespace,
            self.server.ip(),
            format!("-p tcp --dport {port} -s {} -j {target}", source(n)),
        )
    }

    /// Waits until every connection has ended, then ends the trace.
    fn finish(self) -> Diagnosis {
        eventually("the end of every connection", || connections().is_empty());
        let diagnosis = self.trace.finish();
        diagnosis.assert_sound();
        diagnosis
    }
}

fn listening(backlog: i32) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    socket.listen(backlog).unwrap();
    socket.into()
}

/// A firewall rule for packets that arrive in a namespace; dropping it removes it.
struct Rule<'a> {
    namespace: &'a Namespace,
    tables: &'static str,
    rule: String,
}

impl<'a> Rule<'a> {
    /// Adds a rule to `iptables` or `ip6tables`, depending on the address.
    fn new(namespace: &'a Namespace, family: IpAddr, rule: String) -> Self {
        let tables = if family.is_ipv4() { "iptables" } else { "ip6tables" };
        namespace.run(&format!("{tables} -A INPUT {rule}"));
        Self {
            namespace,
            tables,
            rule,
        }
    }

    fn lift(self) {
        self.namespace
            .run(&format!("{} -D INPUT {}", self.tables, self.rule));
    }
}

/// A process that is killed on drop.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn in_state(listed: &[Listed], state: u8) -> usize {
    listed.iter().filter(|one| one.state == state).count()
}

/// Asserts that a peer had exactly these connections, and that all of them have ended.
fn assert_ended(diagnosis: &Diagnosis, name: impl ToString, direction: &str, reasons: &[(&str, u64)]) {
    let peer = diagnosis.peer(&name.to_string(), direction);
    let count: u64 = reasons.iter().map(|(_, count)| count).sum();
    let seen = |name| (name, figure(peer, name));
    assert_eq!(
        [seen("opens"), seen("closes"), seen("open_now"), seen("seeded")],
        [
            ("opens", count),
            ("closes", count),
            ("open_now", 0),
            ("seeded", 0)
        ],
        "{peer:#}"
    );
    let seen = REASONS.map(|reason| (reason, close_reason(peer, reason)));
    let wanted = REASONS.map(|reason| {
        let of_it = reasons.iter().find(|(name, _)| *name == reason);
        (reason, of_it.map_or(0, |(_, count)| *count))
    });
    assert_eq!(seen, wanted, "{peer:#}");
    // The end that receives the first FIN is in CLOSE_WAIT until it closes too.
    let waited = close_reason(peer, "remote_fin");
    assert_eq!(
        (
            close_wait(peer, "now"),
            close_wait(peer, "entered"),
            close_wait(peer, "longest_ms").is_some(),
        ),
        (Some(0), Some(waited), waited > 0),
        "{peer:#}"
    );
}

fn close_reason(peer: &Value, reason: &str) -> u64 {
    let path = format!("/figures/close_reasons/{reason}");
    peer.pointer(&path).and_then(Value::as_u64).unwrap()
}

fn close_wait(peer: &Value, figure: &str) -> Option<u64> {
    peer.pointer(&format!("/figures/close_wait/{figure}"))
        .unwrap()
        .as_u64()
}

fn inbound(diagnosis: &Diagnosis, n: u16, reasons: &[(&str, u64)]) {
    assert_ended(diagnosis, source(n), "inbound", reasons);
}

fn outbound(diagnosis: &Diagnosis, reasons: &[(&str, u64)]) {
    assert_ended(diagnosis, SERVER, "outbound", reasons);
}

fn assert_bytes(diagnosis: &Diagnosis, name: impl ToString, direction: &str, received: u64, sent: u64) {
    let peer = diagnosis.peer(&name.to_string(), direction);
    assert_eq!(
        (figure(peer, "bytes_received"), figure(peer, "bytes_sent")),
        (received, sent),
        "{peer:#}"
    );
}
