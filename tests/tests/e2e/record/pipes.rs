//! Writing rows to a pipe.

use std::{
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::Path,
};

use rustix::process::Signal;
use tcpreuse_tests::{eventually, namespace::Namespace, need_root, traffic::EchoServer};

use super::{Recorder, cell, json, visits};

#[test]
fn rows_go_to_a_pipe_as_they_come() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let mut recorder = Recorder::start(
        &namespace,
        Path::new("-"),
        &["--port", &port, "--format", "jsonl"],
    );
    visits(1, 1, server.address);
    // A row arrives before the interval ends.
    let mut stdout = BufReader::new(recorder.stdout());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let row = json(&line);
    assert_eq!(
        (&row["close_reason"], &row["bytes_sent"]),
        (&"remote_fin".into(), &1.into()),
        "{row:#}"
    );
    assert!(row["errno"].is_null());
    // It is not an error when the reader goes away.
    drop(stdout);
    visits(1, 1, server.address);
    eventually("the end", || recorder.has_ended());
    let (code, said) = recorder.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("cannot"), "{said}");
}

#[test]
fn a_pipe_gets_csv_with_its_header() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let recorder = Recorder::start(&namespace, Path::new("-"), &["--port", &port]);
    visits(2, 10, server.address);
    let (code, out, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("opened_at,closed_at,"), "{out}");
    assert_eq!(lines.len(), 21);
    assert!(
        lines[1..]
            .iter()
            .all(|line| cell(line, super::CLOSE_REASON) == "remote_fin")
    );
    assert!(errors.contains("recorded 20 rows; nothing was lost"), "{errors}");
}
