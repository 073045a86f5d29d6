//! Failed connects are counted as such, not as opens.

use std::net::Ipv4Addr;

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{EchoServer, connect, source},
};

use super::record::{Recorder, cell, column, place, rows};

#[test]
fn refused_connects() {
    need_root!();
    let namespace = Namespace::new();
    // Nothing listens on port 9.
    let server = (Ipv4Addr::new(127, 0, 0, 9), 9).into();
    let trace = Trace::start(&namespace, &["--port", "9"]);
    for _ in 0..5 {
        connect(source(0), server).unwrap_err();
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.0.0.9", "outbound");
    assert_eq!(
        (
            figure(peer, "failed"),
            figure(peer, "opens"),
            figure(peer, "closes")
        ),
        (5, 0, 0)
    );
    assert_eq!(diagnosis.accounting("opened"), 0);
}

#[test]
fn nobody_is_said_to_have_accepted_a_failed_connect() {
    need_root!();
    let namespace = Namespace::new();
    let (_parent, path) = place();
    let recorder = Recorder::start(&namespace, &path, &["--port", "9"]);
    connect(source(0), (Ipv4Addr::LOCALHOST, 9).into()).unwrap_err();
    recorder.finish();
    let rows = rows(&path, "connections.csv");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let cells = ["close_reason", "accepted"].map(|name| cell(&rows[0], column(name)));
    assert_eq!(cells, ["connect_failed", ""], "{rows:#?}");
}

#[test]
fn timed_out_connects() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    namespace.run(&format!("iptables -A INPUT -p tcp --dport {port} -j DROP"));
    // One retransmission after a second, then two seconds for its answer.
    namespace.sysctl("net.ipv4.tcp_syn_retries", "1");
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    let error = connect(source(0), server.address).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.0.0.1", "outbound");
    assert_eq!((figure(peer, "failed"), figure(peer, "opens")), (1, 0));
}
