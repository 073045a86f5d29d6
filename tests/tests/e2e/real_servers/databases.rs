//! Redis with a password, and PostgreSQL with SCRAM.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace},
    servers::databases,
};

use super::*;

/// Runs a client to its end with this on its standard input.
fn run(mut client: Command, input: &str) {
    let mut child = client
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{client:?}");
}

/// Traces both ends while something happens.
fn traced(server: &Server, happens: impl FnOnce()) -> Diagnosis {
    let trace = Trace::start(
        &Namespace::current(),
        &["--port", &server.port(), "--direction", "both"],
    );
    happens();
    all_are_over();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    diagnosis
}

const LOCAL: &str = "127.0.0.1";

fn verdict<'a>(diagnosis: &'a Diagnosis, direction: &str) -> &'a str {
    diagnosis.peer(LOCAL, direction)["verdict"].as_str().unwrap()
}

/// A moment's work: logs in, chooses a database, asks for three values and sets one.
fn visit(server: SocketAddr) {
    let commands = [
        ("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "+OK\r\n"),
        ("*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n", "+OK\r\n"),
        ("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$-1\r\n"),
        ("*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", "$-1\r\n"),
        ("*2\r\n$3\r\nGET\r\n$1\r\nc\r\n", "$-1\r\n"),
        ("*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$1\r\n1\r\n", "+OK\r\n"),
    ];
    let mut stream = TcpStream::connect(server).unwrap();
    for (command, expected) in commands {
        stream.write_all(command.as_bytes()).unwrap();
        let mut reply = vec![0; expected.len()];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply, expected.as_bytes());
    }
}

/// A connection for each piece of work, which logs in and chooses a database first.
#[test]
fn redis_with_a_password() {
    need_root!();
    if !are_installed(&[databases::REDIS, "redis-cli"]) {
        return;
    }
    let _namespace = Namespace::new();
    let folder = folder();
    let server = Server::start(databases::redis(folder.path(), 6379, &[]), 6379);
    all_are_over();
    let client = || {
        let mut client = command("redis-cli");
        client
            .args(["-h", LOCAL, "-n", "1", "--no-auth-warning", "-a", "secret"])
            .args(["-p", &server.port()]);
        client
    };
    let diagnosis = traced(&server, || (0..8).for_each(|_| visit(server.address)));
    assert_eq!(protocol(&diagnosis, LOCAL, "inbound"), "redis");
    assert_eq!(requests(&diagnosis, LOCAL, "inbound"), (32, 4));
    assert_eq!(verdict(&diagnosis, "inbound"), "fresh-per-request");
    // From here, OK to AUTH and SELECT cannot be told from OK to SET.
    assert_eq!(protocol(&diagnosis, LOCAL, "outbound"), "redis");
    assert_eq!(requests(&diagnosis, LOCAL, "outbound"), (48, 6));
    assert_eq!(verdict(&diagnosis, "outbound"), "fresh-per-request");

    // `redis-cli` asks for the list of commands before it sends those that it is given.
    let many = "GET a\n".repeat(40);
    let diagnosis = traced(&server, || run(client(), &many));
    assert_eq!(requests(&diagnosis, LOCAL, "inbound"), (41, 41));
    assert_eq!(requests(&diagnosis, LOCAL, "outbound"), (43, 43));
}

#[test]
fn postgresql_with_scram() {
    need_root!();
    if !are_installed(&databases::POSTGRESQL) {
        return;
    }
    let _namespace = Namespace::new();
    let folder = folder();
    let certificate = Certificate::new(folder.path());
    let server = databases::postgresql(folder.path(), 5432, Some(&certificate), &[]);
    let client = |encryption: &str| {
        let mut client = databases::psql(server.address.port());
        client.env("PGSSLMODE", encryption);
        client
    };
    all_are_over();
    for (encryption, spoken) in [("disable", "postgresql"), ("require", "tls")] {
        let diagnosis = traced(&server, || {
            for _ in 0..6 {
                run(client(encryption), "select 1;\n");
            }
        });
        for direction in ["inbound", "outbound"] {
            assert_eq!(protocol(&diagnosis, LOCAL, direction), spoken);
            assert_eq!(
                requests(&diagnosis, LOCAL, direction),
                (6, 1),
                "{spoken}, {direction}"
            );
            assert_eq!(verdict(&diagnosis, direction), "fresh-per-request");
        }
        let many = "select 1;\n".repeat(20);
        let diagnosis = traced(&server, || run(client(encryption), &many));
        for direction in ["inbound", "outbound"] {
            assert_eq!(
                requests(&diagnosis, LOCAL, direction),
                (20, 20),
                "{spoken}, {direction}"
            );
        }
    }
}
