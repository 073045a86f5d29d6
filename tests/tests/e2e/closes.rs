//! How connections end: who was first and how, told right on both ends, whatever comes after it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockRef, Socket, TcpKeepalive, Type};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, figure},
    skip,
    traffic::{Listed, abort, connect, connections, pair, protocol_counter, source},
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

/// The server's address in most tests: the outbound peer.
const SERVER: &str = "127.0.0.1";

/// Every reason a connection can end for.
const REASONS: [&str; 5] = ["local_fin", "remote_fin", "local_rst", "remote_rst", "timeout"];

/// A listener and a tracer of both directions, in a namespace of their own.
struct Stage {
    namespace: Namespace,
    listener: TcpListener,
    /// Where clients connect to.
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

    /// A new connection from the `n`-th source: the client's end and the server's.
    fn pair(&self, n: u16) -> (TcpStream, TcpStream) {
        pair(source(n), self.server, &self.listener)
    }

    /// The servers' ends, as the kernel lists them.
    fn servers(&self) -> Vec<Listed> {
        let port = self.server.port();
        connections()
            .into_iter()
            .filter(|one| one.local_port == port)
            .collect()
    }

    /// The clients' ends likewise.
    fn clients(&self) -> Vec<Listed> {
        let port = self.server.port();
        connections()
            .into_iter()
            .filter(|one| one.remote_port == port)
            .collect()
    }

    /// A firewall rule for packets to clients.
    fn rule_to_clients(&self, n: u16, target: &str) -> Rule<'_> {
        let port = self.server.port();
        Rule::new(
            &self.namespace,
            self.server.ip(),
            format!("-p tcp --sport {port} -d {} -j {target}", source(n)),
        )
    }

    /// A firewall rule for packets to the server.
    fn rule_to_server(&self, n: u16, target: &str) -> Rule<'_> {
        let port = self.server.port();
        Rule::new(
            &self.namespace,
            self.server.ip(),
            format!("-p tcp --dport {port} -s {} -j {target}", source(n)),
        )
    }

    /// Waits until every connection has ended, and ends the trace.
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

/// A firewall rule for what arrives in a namespace.
struct Rule<'a> {
    namespace: &'a Namespace,
    tables: &'static str,
    rule: String,
}

impl<'a> Rule<'a> {
    /// For the family of an address.
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

/// A process that is killed when the test is over.
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

/// Wants a peer to have had these connections and no others, and all of them to have ended.
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
    // Who receives the first FIN is in CLOSE_WAIT until it closes too.
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

#[test]
fn the_first_fin_tells_who_closed() {
    need_root!();
    let stage = Stage::new();
    let (client, server) = stage.pair(0);
    drop(client);
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    drop(server);
    let (client, server) = stage.pair(1);
    drop(server);
    eventually("the server's FIN", || in_state(&stage.clients(), CLOSE_WAIT) == 1);
    drop(client);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    inbound(&diagnosis, 1, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1), ("remote_fin", 1)]);
}

#[test]
fn both_close_before_they_know_of_each_other() {
    need_root!();
    let stage = Stage::new();
    let (client, server) = stage.pair(0);
    let rule = Rule::new(
        &stage.namespace,
        stage.server.ip(),
        "-p tcp --tcp-flags FIN FIN -j DROP".into(),
    );
    client.shutdown(Shutdown::Write).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(in_state(&connections(), FIN_WAIT1), 2);
    rule.lift();
    for mut end in [client, server] {
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
    }
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1)]);
}

#[test]
fn a_client_that_aborts() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listening(128);
    client_aborts(Stage::with(namespace, listener));
}

#[test]
fn a_client_that_aborts_on_a_dual_stack_listener() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    client_aborts(Stage::with(namespace, listener));
}

/// Once with nothing said before, once with a byte each way.
fn client_aborts(stage: Stage) {
    let (silent, _silent_server) = stage.pair(0);
    let (mut client, mut server) = stage.pair(0);
    client.write_all(b"?").unwrap();
    server.read_exact(&mut [0]).unwrap();
    server.write_all(b"!").unwrap();
    client.read_exact(&mut [0]).unwrap();
    abort(silent);
    abort(client);
    eventually("the RSTs to arrive", || stage.servers().is_empty());
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_rst", 2)]);
    outbound(&diagnosis, &[("local_rst", 2)]);
    assert_bytes(&diagnosis, source(0), "inbound", 1, 1);
    assert_bytes(&diagnosis, SERVER, "outbound", 1, 1);
}

#[test]
fn closing_with_unread_data_is_an_abort() {
    need_root!();
    let stage = Stage::new();
    let (mut client, server) = stage.pair(0);
    client.write_all(b"never read").unwrap();
    eventually("the request", || stage.servers()[0].unread == 10);
    drop(server);
    eventually("the server's RST", || connections().is_empty());
    drop(client);
    let (client, mut server) = stage.pair(1);
    server.write_all(b"nor this").unwrap();
    eventually("the answer", || stage.clients()[0].unread == 8);
    drop(client);
    eventually("the client's RST", || connections().is_empty());
    drop(server);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_rst", 1)]);
    inbound(&diagnosis, 1, &[("remote_rst", 1)]);
    outbound(&diagnosis, &[("local_rst", 1), ("remote_rst", 1)]);
    assert_bytes(&diagnosis, source(0), "inbound", 10, 0);
    assert_bytes(&diagnosis, SERVER, "outbound", 8, 10);
}

#[test]
fn a_reset_in_close_wait_does_not_change_who_was_first() {
    need_root!();
    let stage = Stage::new();
    let half_closed = |n| {
        let (client, server) = stage.pair(n);
        client.shutdown(Shutdown::Write).unwrap();
        eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
        (client, server)
    };
    let ended = || eventually("the end", || stage.servers().is_empty());

    // The client gives up before the server closes.
    let (client, server) = half_closed(0);
    abort(client);
    ended();
    drop(server);

    // The client is gone, which the server learns by writing to it.
    let (client, mut server) = half_closed(1);
    drop(client);
    eventually("the client's end", || stage.clients().is_empty());
    server.write_all(b"late").unwrap();
    ended();
    drop(server);

    // The server closes without having read what came before the FIN.
    let (mut client, server) = stage.pair(2);
    client.write_all(b"bye").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    drop(server);
    ended();
    drop(client);

    let diagnosis = stage.finish();
    (0..3).for_each(|n| inbound(&diagnosis, n, &[("remote_fin", 1)]));
    outbound(&diagnosis, &[("local_fin", 3)]);
    assert_bytes(&diagnosis, source(2), "inbound", 3, 0);
}

#[test]
fn who_gives_up_retransmitting_has_timed_out() {
    need_root!();
    let stage = Stage::new();
    // 200 ms for the first one, and 400 ms for the second.
    stage.namespace.sysctl("net.ipv4.tcp_retries2", "1");
    let (mut there, mut server) = stage.pair(0);
    let (mut client, gone) = stage.pair(1);
    let rules = [stage.rule_to_clients(0, "DROP"), stage.rule_to_server(1, "DROP")];
    server.write_all(b"anybody?").unwrap();
    client.write_all(b"anybody?").unwrap();
    eventually("two ends to give up", || connections().len() == 2);
    assert_eq!(server.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    rules.into_iter().for_each(Rule::lift);
    // The other ends are still open: one learns it when it writes, one aborts for itself.
    there.write_all(b"hello?").unwrap();
    abort(gone);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("timeout", 1)]);
    inbound(&diagnosis, 1, &[("local_rst", 1)]);
    outbound(&diagnosis, &[("timeout", 1), ("remote_rst", 1)]);
    let server = diagnosis.peer(&source(0).to_string(), "inbound");
    assert!(figure(server, "retransmits") > 0, "{server:#}");
    assert_bytes(&diagnosis, source(0), "inbound", 0, 8);
}

/// A firewall on the way back says no. That is an error to remember for the time when the server
/// gives up, and no more.
fn gives_up_after(server: IpAddr, said: &str, errno: i32) {
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_retries2", "1");
    let listener = TcpListener::bind((server, 0)).unwrap();
    let stage = Stage::with(namespace, listener);
    let address = SocketAddr::new(server, stage.server.port());
    let (client, mut accepted) = pair(server, address, &stage.listener);
    let rule = format!("-p tcp --sport {} -j REJECT --reject-with {said}", address.port());
    let _rule = Rule::new(&stage.namespace, server, rule);
    accepted.write_all(b"anybody?").unwrap();
    eventually("the server to give up", || stage.servers().is_empty());
    let error = accepted.read(&mut [0]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(errno), "{error}");
    abort(client);
    let diagnosis = stage.finish();
    assert_ended(&diagnosis, server, "inbound", &[("timeout", 1)]);
    assert_ended(&diagnosis, server, "outbound", &[("local_rst", 1)]);
}

#[test]
fn giving_up_on_an_unreachable_host_is_a_timeout() {
    need_root!();
    gives_up_after(Ipv4Addr::LOCALHOST.into(), "icmp-host-unreachable", EHOSTUNREACH);
}

#[test]
fn giving_up_on_an_unreachable_network_is_a_timeout() {
    need_root!();
    gives_up_after(Ipv4Addr::LOCALHOST.into(), "icmp-net-unreachable", ENETUNREACH);
}

#[test]
fn giving_up_on_what_a_firewall_rejects_is_a_timeout() {
    need_root!();
    // What `REJECT` says unless told otherwise.
    gives_up_after(Ipv4Addr::LOCALHOST.into(), "icmp-port-unreachable", ECONNREFUSED);
}

#[test]
fn giving_up_on_a_protocol_that_is_rejected_is_a_timeout() {
    need_root!();
    gives_up_after(Ipv4Addr::LOCALHOST.into(), "icmp-proto-unreachable", ENOPROTOOPT);
}

#[test]
fn giving_up_on_what_an_ipv6_firewall_prohibits_is_a_timeout() {
    need_root!();
    gives_up_after(Ipv6Addr::LOCALHOST.into(), "icmp6-adm-prohibited", EACCES);
}

#[test]
fn unanswered_keep_alive_probes_are_a_timeout() {
    need_root!();
    let stage = Stage::new();
    let (mut asleep, server) = stage.pair(0);
    let (_client, deaf) = stage.pair(1);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(1))
        .with_interval(Duration::from_secs(1))
        .with_retries(1);
    let rules = [stage.rule_to_clients(0, "DROP"), stage.rule_to_server(1, "DROP")];
    for server in [&server, &deaf] {
        SockRef::from(server).set_tcp_keepalive(&keepalive).unwrap();
    }
    eventually("the servers to give up", || stage.servers().is_empty());
    // The RST of a server that gives up gets through to the client whose answers are lost.
    eventually("a RST", || stage.clients().len() == 1);
    rules.into_iter().for_each(Rule::lift);
    asleep.write_all(b"hello?").unwrap();
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("timeout", 1)]);
    inbound(&diagnosis, 1, &[("timeout", 1)]);
    outbound(&diagnosis, &[("remote_rst", 2)]);
}

#[test]
fn a_killed_process_closes_what_it_held() {
    need_root!();
    let stage = Stage::new();
    let port = stage.server.port().to_string();
    let script = "exec 3<>/dev/tcp/127.0.0.1/$0 4<>/dev/tcp/127.0.0.1/$0; exec sleep 60";
    let child = Command::new("bash")
        .args(["-c", script, &port])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Process(child);
    let (idle, _) = stage.listener.accept().unwrap();
    let (mut unread, _) = stage.listener.accept().unwrap();
    unread.write_all(b"never read").unwrap();
    eventually("an unread answer", || {
        stage.clients().iter().any(|one| one.unread == 10)
    });
    child.kill();
    eventually("a FIN and a RST", || {
        let servers = stage.servers();
        servers.len() == 1 && in_state(&servers, CLOSE_WAIT) == 1
    });
    drop(idle);
    let diagnosis = stage.finish();
    assert_ended(
        &diagnosis,
        SERVER,
        "inbound",
        &[("remote_fin", 1), ("remote_rst", 1)],
    );
    outbound(&diagnosis, &[("local_fin", 1), ("local_rst", 1)]);
}

#[test]
fn a_listener_that_closes_takes_those_it_never_accepted_with_it() {
    need_root!();
    let stage = Stage::new();
    let _open = connect(source(0), stage.server).unwrap();
    let left = connect(source(1), stage.server).unwrap();
    left.shutdown(Shutdown::Write).unwrap();
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    let Stage { listener, trace, .. } = stage;
    drop(listener);
    eventually("the end of both", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    inbound(&diagnosis, 0, &[("local_rst", 1)]);
    inbound(&diagnosis, 1, &[("remote_fin", 1)]);
    outbound(&diagnosis, &[("remote_rst", 1), ("local_fin", 1)]);
}

/// TCP Fast Open for clients (1), servers (2) and listeners that do not ask for it (1024).
const FAST_OPEN: &str = "1027";

/// Connects from the `n`-th source with the first data in the SYN, or asks for the cookie that
/// allows it next time.
fn connect_with(data: &[u8], n: u16, server: SocketAddr) -> TcpStream {
    const MSG_FASTOPEN: i32 = 0x2000_0000;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source(n), 0).into()).unwrap();
    let sent = socket
        .send_to_with_flags(data, &server.into(), MSG_FASTOPEN)
        .unwrap();
    assert_eq!(sent, data.len());
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.into()
}

/// Answers five bytes with five, and closes.
fn answer_and_close(listener: &TcpListener) {
    let (mut server, _) = listener.accept().unwrap();
    let mut request = [0; 5];
    server.read_exact(&mut request).unwrap();
    assert_eq!(&request, b"hello");
    server.write_all(b"world").unwrap();
}

fn read_to_the_end(mut client: TcpStream) {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "world");
}

#[test]
fn fast_open() {
    need_root!();
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN);
    let stage = Stage::with(namespace, listening(128));
    let visit = || {
        let client = connect_with(b"hello", 0, stage.server);
        answer_and_close(&stage.listener);
        read_to_the_end(client);
        protocol_counter("TCPFastOpenPassive")
    };
    // The first one gets the cookie, the second one uses it.
    assert_eq!([visit(), visit()], [0, 1]);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_fin", 2)]);
    outbound(&diagnosis, &[("remote_fin", 2)]);
    assert_bytes(&diagnosis, source(0), "inbound", 10, 10);
    assert_bytes(&diagnosis, SERVER, "outbound", 10, 10);
}

#[test]
fn fast_open_and_closed_before_the_handshake_is_over() {
    need_root!();
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN);
    let stage = Stage::with(namespace, listening(128));
    let client = connect_with(b"hello", 0, stage.server);
    answer_and_close(&stage.listener);
    read_to_the_end(client);
    eventually("the end of the first", || connections().is_empty());

    let port = stage.server.port();
    let rule = Rule::new(
        &stage.namespace,
        stage.server.ip(),
        format!("-p tcp --dport {port} --tcp-flags SYN,ACK ACK -j DROP"),
    );
    let client = connect_with(b"hello", 0, stage.server);
    answer_and_close(&stage.listener);
    // Nothing but the SYN has come through.
    assert_eq!(in_state(&stage.servers(), FIN_WAIT1), 1);
    assert_eq!(protocol_counter("TCPFastOpenPassive"), 1);
    rule.lift();
    read_to_the_end(client);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_fin", 2)]);
    outbound(&diagnosis, &[("remote_fin", 2)]);
    assert_bytes(&diagnosis, source(0), "inbound", 10, 10);
    assert_bytes(&diagnosis, SERVER, "outbound", 10, 10);
}

#[test]
fn fast_open_and_aborted_before_the_handshake_is_over() {
    need_root!();
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN);
    let stage = Stage::with(namespace, listening(128));
    let client = connect_with(b"hello", 0, stage.server);
    answer_and_close(&stage.listener);
    read_to_the_end(client);
    eventually("the end of the first", || connections().is_empty());

    let rule = stage.rule_to_server(0, "DROP --tcp-flags SYN,ACK ACK");
    let client = connect_with(b"hello", 0, stage.server);
    let (server, _) = stage.listener.accept().unwrap();
    eventually("the handshake's half", || {
        in_state(&stage.clients(), ESTABLISHED) == 1
    });
    // Nothing was read: the RST overtakes the handshake.
    drop(server);
    eventually("the RST", || connections().is_empty());
    rule.lift();
    drop(client);
    let diagnosis = stage.finish();
    // It never was established for the server, whose application yet held it.
    inbound(&diagnosis, 0, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("remote_fin", 1), ("remote_rst", 1)]);
}

#[test]
fn half_closed_for_two_seconds() {
    need_root!();
    let stage = Stage::new();
    let (mut client, mut server) = stage.pair(0);
    client.write_all(b"all of it").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut request = String::new();
    server.read_to_string(&mut request).unwrap();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        server.write_all(&[b'x'; 1000]).unwrap();
    }
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!((request.len(), answer.len()), (9, 20_000));
    drop(client);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1)]);
    assert_bytes(&diagnosis, source(0), "inbound", 9, 20_000);
    assert_bytes(&diagnosis, SERVER, "outbound", 20_000, 9);
    let server = diagnosis.peer(&source(0).to_string(), "inbound");
    assert!(close_wait(server, "longest_ms") >= Some(2000), "{server:#}");
}

#[test]
fn a_full_accept_queue_is_a_failed_connect() {
    need_root!();
    let namespace = Namespace::new();
    // Room for one.
    let stage = Stage::with(namespace, listening(0));
    let first = connect(source(0), stage.server).unwrap();
    eventually("the first one in the queue", || {
        in_state(&stage.servers(), ESTABLISHED) == 1
    });
    let second = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    second.bind(&SocketAddr::new(source(1), 0).into()).unwrap();
    let error = second
        .connect_timeout(&stage.server.into(), Duration::from_millis(100))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(in_state(&stage.clients(), SYN_SENT), 1);
    assert!(protocol_counter("ListenOverflows") > 0);
    drop(second);
    drop(first);
    drop(stage.listener.accept().unwrap());
    eventually("the end of both", || connections().is_empty());
    let Stage {
        listener,
        trace,
        server,
        ..
    } = stage;
    drop(listener);
    let error = connect(source(2), server).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), 2, "{:#?}", diagnosis.peers());
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1)]);
    assert_eq!(figure(diagnosis.peer(SERVER, "outbound"), "failed"), 2);
}

#[test]
fn half_open_is_open_for_the_client_only() {
    need_root!();
    let namespace = Namespace::new();
    let stage = Stage::with(namespace, listening(0));
    // The last packet of the handshake is lost.
    let rule = stage.rule_to_server(1, "DROP --tcp-flags SYN,ACK ACK");
    let mut half_open = connect(source(1), stage.server).unwrap();
    let _queued = connect(source(0), stage.server).unwrap();
    eventually("the other one in the queue", || {
        in_state(&stage.servers(), ESTABLISHED) == 1
    });
    rule.lift();
    // It comes again, and finds no room in the queue.
    let overflows = protocol_counter("ListenOverflows");
    half_open.write_all(b"hello").unwrap();
    eventually("an overflow", || protocol_counter("ListenOverflows") > overflows);
    assert_eq!(in_state(&stage.servers(), ESTABLISHED), 1);
    abort(half_open);
    let (queued, _) = stage.listener.accept().unwrap();
    abort(queued);
    let diagnosis = stage.finish();
    assert_eq!(diagnosis.peers().len(), 2, "{:#?}", diagnosis.peers());
    inbound(&diagnosis, 0, &[("local_rst", 1)]);
    outbound(&diagnosis, &[("local_rst", 1), ("remote_rst", 1)]);
    assert_eq!(figure(diagnosis.peer(SERVER, "outbound"), "failed"), 0);
}

/// Connects to nothing (`AF_UNSPEC`): what was connected is not any longer.
fn disconnect(socket: &Socket) {
    // SAFETY: a generic address of no family, and its length.
    let nothing = unsafe { SockAddr::new(SockAddrStorage::zeroed(), 16) };
    socket.connect(&nothing).unwrap();
}

#[test]
fn a_socket_that_connects_again_is_another_connection() {
    need_root!();
    let stage = Stage::new();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source(0), 0).into()).unwrap();
    let reconnect = |request: &[u8]| {
        socket.connect(&stage.server.into()).unwrap();
        let (mut server, _) = stage.listener.accept().unwrap();
        assert_eq!(socket.send(request).unwrap(), request.len());
        server.read_exact(&mut vec![0; request.len()]).unwrap();
        server
    };
    // Disconnected while open: an abort.
    let server = reconnect(b"one");
    disconnect(&socket);
    eventually("the RST", || stage.servers().is_empty());
    drop(server);
    // Disconnected after both have closed.
    let server = reconnect(b"two");
    drop(server);
    eventually("the server's FIN", || in_state(&stage.clients(), CLOSE_WAIT) == 1);
    socket.shutdown(Shutdown::Write).unwrap();
    eventually("the end", || connections().is_empty());
    disconnect(&socket);
    let server = reconnect(b"three");
    abort(TcpStream::from(socket));
    eventually("the second RST", || stage.servers().is_empty());
    drop(server);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_rst", 2), ("local_fin", 1)]);
    outbound(&diagnosis, &[("local_rst", 2), ("remote_fin", 1)]);
    assert_bytes(&diagnosis, source(0), "inbound", 11, 0);
    assert_bytes(&diagnosis, SERVER, "outbound", 0, 11);
}

#[test]
fn multipath_tcp_counts_its_subflow_only() {
    need_root!();
    let namespace = Namespace::new();
    if !std::path::Path::new("/proc/sys/net/mptcp/enabled").exists() {
        return skip("multipath_tcp_counts_its_subflow_only", "no MPTCP here");
    }
    namespace.sysctl("net.mptcp.enabled", "1");
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).unwrap();
    let listener = socket();
    listener
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    listener.listen(128).unwrap();
    let stage = Stage::with(namespace, listener.into());
    // A plain client falls back.
    let (mut plain, mut server) = stage.pair(0);
    plain.write_all(b"plain").unwrap();
    plain.shutdown(Shutdown::Write).unwrap();
    server.read_to_string(&mut String::new()).unwrap();
    drop((plain, server));
    eventually("the end of the first", || connections().is_empty());
    assert_eq!(protocol_counter("MPCapableSYNRX"), 0);

    let client = socket();
    client.bind(&SocketAddr::new(source(1), 0).into()).unwrap();
    client.connect(&stage.server.into()).unwrap();
    let mut client = TcpStream::from(client);
    let (mut server, _) = stage.listener.accept().unwrap();
    client.write_all(b"multipath").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.read_to_string(&mut String::new()).unwrap();
    assert_eq!(protocol_counter("MPCapableACKRX"), 1);
    drop((client, server));
    eventually("the end of the second", || connections().is_empty());
    let Stage { trace, .. } = stage;
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), 3, "{:#?}", diagnosis.peers());
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    // Once both have said their last on the connection, either may close the subflow first.
    for (name, direction, count) in [
        (source(1).to_string(), "inbound", 1),
        (SERVER.to_string(), "outbound", 2),
    ] {
        let peer = diagnosis.peer(&name, direction);
        let of = |reason| close_reason(peer, reason);
        assert_eq!(
            (
                figure(peer, "opens"),
                figure(peer, "closes"),
                figure(peer, "open_now")
            ),
            (count, count, 0),
            "{peer:#}"
        );
        assert_eq!(of("local_fin") + of("remote_fin"), count, "{peer:#}");
        assert_eq!(close_wait(peer, "now"), Some(0));
    }
}

/// A socket bound to an address, with a port of its own.
fn bound(address: IpAddr) -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(address, 0).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A client whose port is by chance the one it connects to is its own server.
fn connects_to_itself(direction: &str) {
    let namespace = Namespace::new();
    let (socket, address) = bound(source(0));
    let port = address.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", direction]);
    socket.connect(&address.into()).unwrap();
    assert_eq!(in_state(&connections(), ESTABLISHED), 1);
    drop(socket);
    eventually("the end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), 1, "{:#?}", diagnosis.peers());
    assert_ended(&diagnosis, source(0), "outbound", &[("local_fin", 1)]);
    assert_eq!(
        figure(diagnosis.peer(&source(0).to_string(), "outbound"), "failed"),
        0
    );
}

#[test]
fn a_client_that_connects_to_itself() {
    need_root!();
    connects_to_itself("both");
}

#[test]
fn a_client_that_connects_to_itself_with_a_filter_on_outbound() {
    need_root!();
    connects_to_itself("outbound");
}

#[test]
fn two_clients_that_connect_to_each_other() {
    need_root!();
    let namespace = Namespace::new();
    let (one, one_address) = bound(source(0));
    let (other, other_address) = bound(source(1));
    let port = other_address.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    let no_syn_to = |address: SocketAddr| {
        Rule::new(
            &namespace,
            address.ip(),
            format!(
                "-p tcp --dport {} --tcp-flags SYN,ACK SYN -j DROP",
                address.port()
            ),
        )
    };
    let (_closed, rule) = (no_syn_to(other_address), no_syn_to(one_address));
    for (socket, to) in [(&one, other_address), (&other, one_address)] {
        socket.set_nonblocking(true).unwrap();
        socket.connect(&to.into()).unwrap_err();
    }
    assert_eq!(in_state(&connections(), SYN_SENT), 2);
    // The other one's SYN comes again after a second and finds this one connecting too.
    rule.lift();
    eventually("a connection", || in_state(&connections(), ESTABLISHED) == 2);
    drop(one);
    eventually("its FIN", || in_state(&connections(), CLOSE_WAIT) == 1);
    drop(other);
    eventually("the end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    // The other one connected to a port that is not asked for.
    assert_eq!(diagnosis.peers().len(), 1, "{:#?}", diagnosis.peers());
    assert_ended(&diagnosis, source(1), "outbound", &[("local_fin", 1)]);
    assert_eq!(
        figure(diagnosis.peer(&source(1).to_string(), "outbound"), "failed"),
        0
    );
}
