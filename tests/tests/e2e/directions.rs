//! Who connected to whom, where the open itself was not seen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};
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
    traffic::{EchoServer, connect, connections, source, turn},
};
use tracer_ebpf::transition::step;

/// A socket that shares its address and port with others.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

/// SIP servers, for example, connect from the port on which they listen.
#[test]
fn connecting_from_a_listeners_port_is_not_inbound() {
    need_root!();
    let namespace = Namespace::new();
    let listener = bound((Ipv4Addr::LOCALHOST, 0).into());
    listener.listen(16).unwrap();
    let here = listener.local_addr().unwrap().as_socket().unwrap();
    let servers: Vec<EchoServer> = (0..3)
        .map(|_| EchoServer::start((Ipv4Addr::LOCALHOST, 0)))
        .collect();
    let dial = |server: &EchoServer| {
        let socket = bound(here);
        socket.connect(&server.address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        turn(&mut stream);
        stream
    };
    let from_before = dial(&servers[0]);

    let inbound = Trace::start(&namespace, &["--port", &here.port().to_string()]);
    let outbound = Trace::start(&namespace, &["--direction", "outbound"]);
    let held = dial(&servers[1]);
    drop(dial(&servers[2]));
    eventually("its end", || {
        let port = servers[2].port();
        connections()
            .iter()
            .all(|one| one.local_port != port && one.remote_port != port)
    });
    let (inbound, outbound) = (inbound.finish(), outbound.finish());
    drop((held, from_before));

    inbound.assert_sound();
    assert_eq!(inbound.peers().len(), 0, "{:#}", inbound.0);
    outbound.assert_sound();
    let counted = |server: &EchoServer| {
        let peers = outbound.peers();
        let peer = peers.iter().find(|peer| peer["remote_port"] == server.port());
        let peer = peer.unwrap();
        ["seeded", "opens", "closes"].map(|name| figure(peer, name))
    };
    assert_eq!(
        [counted(&servers[0]), counted(&servers[1]), counted(&servers[2])],
        [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    );
}

/// What listens, and whether the kernel gives it its port only after its state has changed.
fn listening(backlog: i32, unbound: bool) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if !unbound {
        socket
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
    }
    socket.listen(backlog).unwrap();
    socket.into()
}

#[test]
fn opens_that_were_missed_are_made_up_for_at_every_listener() {
    need_root!();
    let namespace = Namespace::new();
    let settings = Settings {
        filter: Filter {
            directions: Directions::Inbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        miss: step::OPENED,
        ..Settings::default()
    };
    let mut live = Live::start(&settings).unwrap();
    let mut wanted = 0;
    for (backlog, unbound) in [(16, false), (16, true), (0, false), (0, true)] {
        let listener = listening(backlog, unbound);
        // A listener without a queue and without a port is noted when the sockets are listed.
        live.sample().unwrap();
        let server = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
        let client = connect(source(0), server).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        drop((client, accepted));
        eventually("the end", || connections().is_empty());
        wanted += 1;
        let sample = live.sample().unwrap();
        let totals = sample.accounting.totals;
        assert_eq!(
            (totals.opened, totals.closed, sample.accounting.drift),
            (wanted, wanted, Some(0)),
            "backlog {backlog}, unbound: {unbound}"
        );
    }
}
