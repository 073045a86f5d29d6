//! Opens and closes are exact, in both directions and for both address families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    random::Random,
    traffic::{EchoServer, connect, source, turn, visit},
};

/// Makes a random number of visits from each of `sources`, interleaved; returns the numbers.
fn random_visits(sources: &[IpAddr], server: SocketAddr, seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    let wanted: Vec<u64> = sources.iter().map(|_| 1 + random.below(9)).collect();
    let mut left = wanted.clone();
    while left.iter().any(|n| *n > 0) {
        for (source, left) in sources.iter().zip(&mut left) {
            if *left > 0 && random.below(2) == 0 {
                visit(*source, server);
                *left -= 1;
            }
        }
    }
    wanted
}

#[test]
fn round_trips_are_known_of_open_and_of_ended_connections() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut held = connect(source(0), server.address).unwrap();
    turn(&mut held);
    visit(source(1), server.address);
    let diagnosis = trace.finish();
    for address in [0, 1].map(source) {
        let peer = diagnosis.peer(&address.to_string(), "inbound");
        let (last, least) = (figure(peer, "rtt_ms"), figure(peer, "rtt_min_ms"));
        // Within one host.
        assert!(least <= last && last < 1000, "{peer:#}");
    }
}

#[test]
fn two_hundred_ipv4_peers_inbound() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let sources: Vec<IpAddr> = (0..200).map(source).collect();
    let visits = random_visits(&sources, server.address, 1);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), sources.len());
    for (source, visits) in sources.iter().zip(visits) {
        let peer = diagnosis.peer(&source.to_string(), "inbound");
        assert_eq!(
            (figure(peer, "opens"), figure(peer, "closes")),
            (visits, visits),
            "{source}"
        );
        assert_eq!(
            (
                figure(peer, "open_now"),
                figure(peer, "failed"),
                figure(peer, "seeded")
            ),
            (0, 0, 0),
            "{source}"
        );
        assert_eq!(
            (figure(peer, "bytes_received"), figure(peer, "bytes_sent")),
            (visits, visits),
            "{source}"
        );
        assert_eq!(peer["figures"]["close_reasons"]["remote_fin"], visits, "{source}");
        assert_eq!(peer["local_port"], server.port());
        assert_eq!(peer["netns"], namespace.inode);
    }
}

#[test]
fn ten_servers_outbound() {
    need_root!();
    let namespace = Namespace::new();
    let first = EchoServer::start((Ipv4Addr::new(127, 0, 0, 1), 0));
    let servers: Vec<SocketAddr> = (1..=10)
        .map(|n| SocketAddr::from(([127, 0, 0, n], first.port())))
        .collect();
    for server in &servers[1..] {
        EchoServer::start(*server);
    }
    let trace = Trace::start(
        &namespace,
        &["--port", &first.port().to_string(), "--direction", "outbound"],
    );
    let mut random = Random::new(2);
    let visits: Vec<u64> = servers.iter().map(|_| 1 + random.below(20)).collect();
    for (server, visits) in servers.iter().zip(&visits) {
        (0..*visits).for_each(|n| visit(source(u16::try_from(n).unwrap()), *server));
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), servers.len());
    for (server, visits) in servers.iter().zip(visits) {
        let peer = diagnosis.peer(&server.ip().to_string(), "outbound");
        assert_eq!(
            (figure(peer, "opens"), figure(peer, "closes")),
            (visits, visits),
            "{server}"
        );
        assert_eq!(peer["figures"]["close_reasons"]["local_fin"], visits, "{server}");
        assert_eq!(
            (&peer["remote_port"], peer["local_port"].is_null()),
            (&server.port().into(), true)
        );
    }
}

#[test]
fn ipv6_peers_both_ways() {
    need_root!();
    let namespace = Namespace::new();
    let sources: Vec<IpAddr> = (1..=20)
        .map(|n| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n).into())
        .collect();
    for source in &sources {
        namespace.run(&format!("ip -6 addr add {source}/128 dev lo nodad"));
    }
    let server = EchoServer::start((Ipv6Addr::LOCALHOST, 0));
    let trace = Trace::start(
        &namespace,
        &["--port", &server.port().to_string(), "--direction", "both"],
    );
    let visits = random_visits(&sources, server.address, 3);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (source, visits) in sources.iter().zip(&visits) {
        assert_eq!(
            figure(diagnosis.peer(&source.to_string(), "inbound"), "opens"),
            *visits,
            "{source}"
        );
    }
    assert_eq!(
        figure(diagnosis.peer("::1", "outbound"), "opens"),
        visits.iter().sum::<u64>()
    );
}

#[test]
fn ipv4_clients_of_a_dual_stack_listener_are_ipv4_peers() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv6Addr::UNSPECIFIED, 0));
    let port = server.port().to_string();
    // The filter is an IPv4 address although the sockets are AF_INET6.
    let trace = Trace::start(
        &namespace,
        &["--port", &port, "--peer", "127.0.0.0/8", "--exclude", "127.1.0.2"],
    );
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    visit(source(0), v4);
    visit(source(0), v4);
    visit(source(1), v4);
    visit(
        Ipv6Addr::LOCALHOST.into(),
        (Ipv6Addr::LOCALHOST, server.port()).into(),
    );
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.peers().len(), 1);
    assert_eq!(figure(diagnosis.peer("127.1.0.1", "inbound"), "opens"), 2);
}

#[test]
fn what_is_open_at_the_end_is_open() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut open: Vec<_> = (0..7)
        .map(|_| connect(source(5), server.address).unwrap())
        .collect();
    open.iter_mut().for_each(turn);
    open.truncate(4);
    tcpreuse_tests::eventually("the server's ends of three connections to close", || {
        let listed = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        let in_state = |state| listed.lines().filter(|line| line.contains(state)).count();
        // Both ends of four connections are ESTABLISHED (01). Of the other three, the clients' ends are in
        // TIME_WAIT (06), and no server end is still passing through CLOSE_WAIT (08) or LAST_ACK (09).
        in_state(" 01 ") == 8 && in_state(" 06 ") == 3 && in_state(" 08 ") + in_state(" 09 ") == 0
    });
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.6", "inbound");
    for (name, value) in [
        ("opens", 7),
        ("closes", 3),
        ("open_now", 4),
        ("open_peak", 7),
        ("overlaps", 6),
    ] {
        assert_eq!(figure(peer, name), value, "{name}: {peer:#}");
    }
}

#[test]
fn two_tracers_at_once_count_the_same() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let traces = [
        Trace::start(&namespace, &["--port", &port]),
        Trace::start(&namespace, &["--port", &port]),
    ];
    let sources: Vec<IpAddr> = (0..20).map(source).collect();
    let visits = random_visits(&sources, server.address, 4);
    for trace in traces {
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        for (source, visits) in sources.iter().zip(&visits) {
            assert_eq!(
                figure(diagnosis.peer(&source.to_string(), "inbound"), "opens"),
                *visits,
                "{source}"
            );
        }
    }
}
