//! Whatever does not fit is reported, and the totals stay exact.

use std::net::Ipv4Addr;

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{EchoServer, source, visit},
};

#[test]
fn a_full_peer_table_drops_peers_but_no_totals() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(
        &namespace,
        &["--port", &server.port().to_string(), "--max-peers", "4"],
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
