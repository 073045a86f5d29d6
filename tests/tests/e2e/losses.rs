//! Whatever does not fit is reported, and the totals stay exact.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use socket2::{Domain, Socket, Type};
use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{EchoServer, allow_many_files, connect, source, visit},
};

use super::record::{Recorder, cell, column, place, rows, text};

#[test]
fn a_full_peer_table_drops_peers_but_no_totals() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(
        &namespace,
        &[
            "--port",
            &server.port().to_string(),
            "--max-peers",
            "4",
            "--retain",
            "never",
        ],
    );
    for _ in 0..2 {
        (0..100).for_each(|n| visit(source(n), server.address));
    }
    let diagnosis = trace.finish();
    assert_eq!(diagnosis.peers().len(), 4);
    assert!(diagnosis.peers().iter().all(|peer| figure(peer, "opens") == 2));
    for (name, value) in [
        ("peers_dropped", 96),
        ("opened", 200),
        ("closed", 200),
        ("open_now", 0),
        ("drift", 0),
        ("events_lost", 0),
    ] {
        assert_eq!(diagnosis.accounting(name), value, "{name}");
    }
    assert_eq!(
        diagnosis.0["accounting"]["losses"]["connections_unattributed"],
        192
    );
}

/// The kernel's table has room for 4,096 listeners with a backlog of 0.
#[test]
fn listeners_that_are_forgotten_are_counted() {
    need_root!();
    const FEW: u16 = 100;
    const MANY: u16 = 6000;
    allow_many_files();
    let namespace = Namespace::new();
    let mut live = Live::start(&Settings {
        filter: Filter {
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        ..Settings::default()
    })
    .unwrap();
    let listen = |n: u16| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address = SocketAddr::new(source(n), 8081);
        socket.bind(&address.into()).unwrap();
        socket.listen(0).unwrap();
        socket
    };
    let mut listening: Vec<Socket> = (0..FEW).map(listen).collect();
    for _ in 0..2 {
        assert_eq!(live.sample().unwrap().losses.listeners_forgotten, 0);
    }
    listening.extend((FEW..MANY).map(listen));
    assert!(live.sample().unwrap().losses.listeners_forgotten > 0);
}

/// Also if the processes are one peer together because they came and went.
#[test]
fn names_that_are_forgotten_are_counted() {
    need_root!();
    const ROOM: u32 = 128;
    const MANY: u64 = 400;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&Settings {
        filter: Filter {
            netns: Some(namespace.inode),
            directions: Directions::Outbound,
            ..Filter::default()
        },
        names: ROOM,
        ..Settings::default()
    })
    .unwrap();
    assert_eq!(live.sample().unwrap().losses.names_forgotten, 0);
    let connect = format!(": <>/dev/tcp/127.0.0.1/{}", server.port());
    let each = format!("for n in {{1..{MANY}}}; do ({connect}); done");
    assert!(
        Command::new("bash")
            .args(["-c", &each])
            .status()
            .unwrap()
            .success()
    );
    let sample = live.sample().unwrap();
    assert!(
        sample.peers.len() <= 2,
        "with a name and without: {:?}",
        sample.peers
    );
    let forgotten = sample.losses.names_forgotten;
    assert!(
        (MANY - u64::from(ROOM)..=MANY).contains(&forgotten),
        "{forgotten}"
    );
    let later = live.sample().unwrap().losses.names_forgotten;
    assert_eq!(later, forgotten, "each is counted once");
}

/// They share one slot, and what it holds says nothing of any one of them.
#[test]
fn peers_beyond_the_table_do_not_overlap_each_other() {
    need_root!();
    const ROOM: u16 = 2;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let room = ROOM.to_string();
    let port = server.port().to_string();
    let recorder = Recorder::start(
        &namespace,
        &path,
        &["--port", &port, "--max-peers", &room, "--retain", "never"],
    );
    (0..10).for_each(|n| visit(source(n), server.address));
    let held = connect(source(10), server.address).unwrap();
    (11..14).for_each(|n| visit(source(n), server.address));
    recorder.finish();
    drop(held);
    let rows = rows(&path, "connections.csv");
    let of = |n: u16| {
        let address = source(n).to_string();
        let row = rows
            .iter()
            .find(|row| cell(row, column("remote_addr")) == address);
        let row = row.unwrap_or_else(|| panic!("no row of {address} in {}", text(&path)));
        ["overlap", "reopen_gap_ms"].map(|name| cell(row, column(name)))
    };
    for n in 0..14 {
        let overlap = if n < ROOM { "false" } else { "" };
        assert_eq!(of(n), [overlap, ""], "{n}: {rows:#?}");
    }
}
