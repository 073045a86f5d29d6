//! What servers speak among themselves: gRPC, and AJP between Apache and Tomcat.

use std::io::{Read, Write};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::Trace,
    servers::web::{MOD_JK, TOMCAT, apache_with_jk, tomcat},
};

use super::*;

/// The distribution's Python, which has the library of the distribution.
const PYTHON: &str = "/usr/bin/python3";
const LIBRARY: &str = "/usr/lib/python3/dist-packages/grpc";

/// Asks a web server once, and gives its answer.
fn ask(server: SocketAddr) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn grpc(arguments: &[&str]) -> Command {
    let mut python = command(PYTHON);
    python
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/e2e/real_servers/grpc_echo.py"
        ))
        .args(arguments);
    python
}

#[test]
fn grpc_in_clear() {
    need_root!();
    if !are_installed(&[PYTHON, LIBRARY]) {
        return;
    }
    let _namespace = Namespace::new();
    let server = Server::start(grpc(&["serve", "4430"]), 4430);
    all_are_over();
    for (counts, verdict) in [(&["1"; 12][..], "fresh-per-request"), (&["40", "25"], "reusing")] {
        let trace = Trace::start(
            &Namespace::current(),
            &["--port", &server.port(), "--direction", "both"],
        );
        let said = said(grpc(&[&["call", "4430"], counts].concat()));
        all_are_over();
        let diagnosis = trace.finish();
        assert_as_said(&diagnosis, &said);
        assert_eq!(protocol(&diagnosis, "127.0.0.1", "inbound"), "http/2");
        assert!(is_exact(diagnosis.peer("127.0.0.1", "inbound")));
        assert_eq!(diagnosis.peer("127.0.0.1", "inbound")["verdict"], verdict);
    }
}

/// Apache keeps its connections to Tomcat, whichever client asks it.
#[test]
fn apache_and_tomcat_by_ajp() {
    const ASKED: u64 = 30;
    need_root!();
    if !are_installed(&["apache2", "java", MOD_JK, TOMCAT]) {
        return;
    }
    let _namespace = Namespace::new();
    let folder = folder();
    let inner = Server::start(tomcat(folder.path(), 8009), 8009);
    let outer = Server::start(apache_with_jk(folder.path(), 8080, 8009), 8080);
    all_are_over();
    let trace = Trace::start(
        &Namespace::current(),
        &["--port", &inner.port(), "--direction", "both"],
    );
    for _ in 0..ASKED {
        assert!(ask(outer.address).contains("from Tomcat"));
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for direction in ["inbound", "outbound"] {
        let peers = diagnosis
            .peers()
            .iter()
            .filter(|peer| peer["direction"] == direction);
        assert_eq!(
            peers.map(|peer| figure(peer, "requests")).sum::<u64>(),
            ASKED,
            "{direction}"
        );
    }
    let peer = diagnosis.peer("127.0.0.1", "inbound");
    assert_eq!(peer["figures"]["protocol"], "ajp");
    assert_eq!(peer["verdict"], "reusing");
}
