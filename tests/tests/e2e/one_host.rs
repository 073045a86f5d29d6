//! Whether a peer is a single host, by the clocks of its TCP timestamps.

use std::net::Ipv4Addr;

use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::Trace,
    traffic::{EchoServer, connect, source, turn},
};

// How connections send timestamps.

const NONE: &str = "0";

/// By a clock that each connection, or each pair of addresses, has for itself.
const OWN_CLOCK: &str = "1";

/// By the clock of the host.
const ONE_CLOCK: &str = "2";

/// Hosts behind one address do not share a clock, and connections of one host may.
#[test]
fn connections_on_one_clock_prove_a_single_host() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut held = Vec::new();
    for (n, clocks) in [
        (0, [ONE_CLOCK; 4]),
        (1, [ONE_CLOCK, ONE_CLOCK, ONE_CLOCK, OWN_CLOCK]),
        (2, [ONE_CLOCK, ONE_CLOCK, ONE_CLOCK, NONE]),
        (3, [NONE; 4]),
    ] {
        for clock in clocks {
            namespace.sysctl("net.ipv4.tcp_timestamps", clock);
            let mut stream = connect(source(n), server.address).unwrap();
            turn(&mut stream);
            held.push(stream);
        }
    }
    let diagnosis = trace.finish();
    let one_host = [0, 1, 2, 3].map(|n| {
        let peer = diagnosis.peer(&source(n).to_string(), "inbound");
        peer.pointer("/figures/one_host").unwrap()
    });
    let unknown = &Value::Null;
    assert_eq!(one_host, [&Value::Bool(true), unknown, unknown, unknown]);
}
