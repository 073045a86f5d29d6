//! Unusual opens: which of them count, and how they end.

use std::thread;

use super::*;

/// `tcp_fastopen` bits: clients (1), servers (2), and listeners that do not request it (1024).
const FAST_OPEN: &str = "1027";

/// Connects from the `n`-th source with data in the SYN. Without a cookie it only requests one for the next
/// time.
fn connect_with(data: &[u8], n: u16, server: SocketAddr) -> TcpStream {
    const MSG_FASTOPEN: i32 = 0x2000_0000;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source(n), 0).into()).unwrap();
    let sent = socket
        .send_to_with_flags(data, &server.into(), MSG_FASTOPEN)
        .unwrap();
    assert_eq!(sent, data.len());
    socket
        .set_read_timeout(Some(patience(Duration::from_secs(10))))
        .unwrap();
    socket.into()
}

/// Answers five bytes with five bytes, then closes.
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

fn fast_open_stage() -> Stage {
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN);
    Stage::with(namespace, listening(128))
}

/// A complete connection, with data in the SYN if possible.
fn visit(stage: &Stage) {
    let client = connect_with(b"hello", 0, stage.server);
    answer_and_close(&stage.listener);
    read_to_the_end(client);
}

#[test]
fn fast_open() {
    need_root!();
    let stage = fast_open_stage();
    let visit = || {
        visit(&stage);
        protocol_counter("TCPFastOpenPassive")
    };
    // The first visit obtains the cookie, the second uses it.
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
    let stage = fast_open_stage();
    visit(&stage);
    eventually("the end of the first", || connections().is_empty());

    let port = stage.server.port();
    let rule = Rule::new(
        &stage.namespace,
        stage.server.ip(),
        format!("-p tcp --dport {port} --tcp-flags SYN,ACK ACK -j DROP"),
    );
    let client = connect_with(b"hello", 0, stage.server);
    answer_and_close(&stage.listener);
    // Only the SYN has arrived.
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
    let stage = fast_open_stage();
    visit(&stage);
    eventually("the end of the first", || connections().is_empty());

    let rule = stage.rule_to_server(0, "DROP --tcp-flags SYN,ACK ACK");
    let client = connect_with(b"hello", 0, stage.server);
    let (server, _) = stage.listener.accept().unwrap();
    eventually("the handshake's half", || {
        in_state(&stage.clients(), ESTABLISHED) == 1
    });
    // Nothing was read, so the server sends an RST, which overtakes the end of the handshake.
    drop(server);
    eventually("the RST", || connections().is_empty());
    rule.lift();
    drop(client);
    let diagnosis = stage.finish();
    // The connection was never established at the server, although its application had accepted it.
    inbound(&diagnosis, 0, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("remote_fin", 1), ("remote_rst", 1)]);
}

/// What is counted of a connection whose handshake was sent again, seen from both ends.
fn sent_again() -> [Value; 2] {
    let stage = Stage::new();
    let port = stage.server.port();
    let rule = Rule::new(
        &stage.namespace,
        stage.server.ip(),
        format!("-p tcp --sport {port} --tcp-flags SYN,ACK SYN,ACK -j DROP"),
    );
    let before = protocol_counter("TCPSynRetrans");
    let server = stage.server;
    let connecting = thread::spawn(move || connect(source(0), server).unwrap());
    // Both the SYN and its answer have been sent again.
    eventually("the retransmissions", || {
        protocol_counter("TCPSynRetrans") >= before + 2
    });
    rule.lift();
    let mut client = connecting.join().unwrap();
    let (mut accepted, _) = stage.listener.accept().unwrap();
    client.write_all(b"?").unwrap();
    accepted.read_exact(&mut [0]).unwrap();
    drop((client, accepted));
    let diagnosis = stage.finish();
    let client = source(0).to_string();
    [(&*client, "inbound"), (SERVER, "outbound")]
        .map(|(peer, direction)| diagnosis.peer(peer, direction).clone())
}

/// A SYN or its answer that is sent again says nothing of the path that the data takes.
#[test]
fn retransmits_are_those_of_data() {
    need_root!();
    // Of an open that is noticed late, since another program was running, the handshake counts too, and no
    // lifetime.
    let was_noticed = |peer: &Value| peer["basis"]["lifetimes"]["count"] == 1;
    let ends = (0..3)
        .map(|_| sent_again())
        .find(|ends| ends.iter().all(was_noticed));
    for peer in &ends.expect("both opens are noticed at once") {
        assert_eq!(
            (figure(peer, "opens"), figure(peer, "retransmits")),
            (1, 0),
            "{peer:#}"
        );
    }
}

#[test]
fn a_full_accept_queue_is_a_failed_connect() {
    need_root!();
    let namespace = Namespace::new();
    // The accept queue has room for one connection.
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
    // The client's data completes the handshake, but the accept queue is full.
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
    // Disconnecting an open connection aborts it.
    let server = reconnect(b"one");
    disconnect(&socket);
    eventually("the RST", || stage.servers().is_empty());
    drop(server);
    // Disconnecting after both sides have closed.
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
    // A plain TCP client makes the server fall back to TCP.
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
    // After both sides have finished at the MPTCP level, either can close the subflow first.
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

/// A socket bound to an address and a free port.
fn bound(address: IpAddr) -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(address, 0).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A client that happens to use the port it connects to is its own server.
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
    // The second socket's SYN is retransmitted after a second and meets a socket that is connecting too.
    rule.lift();
    eventually("a connection", || in_state(&connections(), ESTABLISHED) == 2);
    drop(one);
    eventually("its FIN", || in_state(&connections(), CLOSE_WAIT) == 1);
    drop(other);
    eventually("the end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    // The second socket connects to a port that is not traced.
    assert_eq!(diagnosis.peers().len(), 1, "{:#?}", diagnosis.peers());
    assert_ended(&diagnosis, source(1), "outbound", &[("local_fin", 1)]);
    assert_eq!(
        figure(diagnosis.peer(&source(1).to_string(), "outbound"), "failed"),
        0
    );
}
