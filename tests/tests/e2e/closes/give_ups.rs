//! Ends without a FIN or RST: retransmissions and probes time out.

use super::*;

#[test]
fn who_gives_up_retransmitting_has_timed_out() {
    need_root!();
    let stage = Stage::new();
    // One retransmission, after 200 ms; the timeout follows 400 ms later.
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
    // The other two ends are still open. One learns of it when it writes, the other aborts by itself.
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

/// A firewall on the return path rejects packets. The kernel only remembers that error and reports it when
/// the server gives up.
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
    // The default of `REJECT`.
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
    // The RST sent when the server gives up reaches the client whose answers are dropped.
    eventually("a RST", || stage.clients().len() == 1);
    rules.into_iter().for_each(Rule::lift);
    asleep.write_all(b"hello?").unwrap();
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("timeout", 1)]);
    inbound(&diagnosis, 1, &[("timeout", 1)]);
    outbound(&diagnosis, &[("remote_rst", 2)]);
}
