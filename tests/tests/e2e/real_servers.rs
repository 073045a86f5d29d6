//! Real servers and real clients: what is counted equals what the clients say themselves.

mod databases;
mod inner;
mod messages;
mod tls;

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use serde_json::Value;
use tcpreuse_tests::{
    eventually,
    program::{Diagnosis, figure},
    servers::{Certificate, Server, command, folder, missing, write},
    skip,
    traffic::connections,
};

/// Whether all these programs are installed. If not, the test is reported as skipped.
pub(crate) fn are_installed(programs: &[&str]) -> bool {
    let missing = missing(programs);
    if let Some(program) = missing {
        skip(
            std::thread::current().name().unwrap_or("?"),
            &format!("{program} is not installed"),
        );
    }
    missing.is_none()
}

/// Runs a client to its end and returns what it has said, which is JSON.
fn said(mut client: Command) -> Value {
    let output = client.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn all_are_over() {
    eventually("all connections to end", || connections().is_empty());
}

/// A peer's requests: all of them, and the most of one connection.
fn requests(diagnosis: &Diagnosis, peer: &str, direction: &str) -> (u64, u64) {
    let peer = diagnosis.peer(peer, direction);
    let most = peer.pointer("/figures/requests_per_connection/max");
    (figure(peer, "requests"), most.and_then(Value::as_u64).unwrap())
}

fn protocol<'a>(diagnosis: &'a Diagnosis, peer: &str, direction: &str) -> &'a str {
    let peer = diagnosis.peer(peer, direction);
    let protocol = peer.pointer("/figures/protocol");
    protocol.and_then(Value::as_str).unwrap()
}

/// Compares what was counted with the requests of each connection by client, as the clients say.
#[track_caller]
fn assert_as_said(diagnosis: &Diagnosis, said: &Value) {
    diagnosis.assert_sound();
    let mut all = 0;
    for (client, connections) in said["requests"].as_object().unwrap() {
        let each: Vec<u64> = connections
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .collect();
        let expected = (each.iter().sum(), each.iter().copied().max().unwrap());
        let counted = requests(diagnosis, client, "inbound");
        if is_exact(diagnosis.peer(client, "inbound")) {
            assert_eq!(counted, expected, "{client}");
        } else {
            assert_bound(counted.0, expected.0, client);
        }
        all += expected.0;
    }
    let outbound = diagnosis.peer("127.0.0.1", "outbound");
    let counted = figure(outbound, "requests");
    if is_exact(outbound) {
        assert_eq!(counted, all, "the client's end");
    } else {
        assert_bound(counted, all, "the client's end");
    }
}

fn is_exact(peer: &Value) -> bool {
    peer.pointer("/figures/requests_are_exact") == Some(&Value::Bool(true))
}

/// Within TLS, some control frames of HTTP/2 have the length of a short request, and at the client's end what
/// is written between two parts of an answer looks like one. Then the number is marked as a bound: no request
/// is missing, and there are at most as many again.
#[track_caller]
fn assert_bound(counted: u64, requests: u64, whose: &str) {
    assert!(
        (requests..=2 * requests).contains(&counted),
        "{whose}: {counted} for {requests}"
    );
}

/// Compares the longest idle time of a client's connections with the server's timeout and with how long the
/// client saw its connection last since it began its last request. On a quiet machine that is the timeout and
/// a few milliseconds.
#[track_caller]
fn assert_idle(diagnosis: &Diagnosis, client: &str, timeout_ms: u64, lasted_ms: f64) {
    /// A timer tick at 100 Hz, and the rounding of both clocks.
    const TICK_MS: u64 = 11;
    let peer = diagnosis.peer(client, "inbound");
    let idle = peer
        .pointer("/figures/idle_before_close_ms/max")
        .and_then(Value::as_u64)
        .unwrap();
    // A server that looks at the clock only now and then is early by as much, which its client sees too.
    let shortest = lasted_ms.min(timeout_ms as f64) - TICK_MS as f64;
    let longest = lasted_ms + TICK_MS as f64;
    assert!(
        (shortest..=longest).contains(&(idle as f64)),
        "idle for {idle} ms of {lasted_ms}"
    );
}
