//! `replay`: a recording in the live view, and as plain rows.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, run},
    terminal::OnTerminal,
    traffic::{EchoServer, connect, source, turn},
};

use crate::record::{Recorder, place, said, text, visits};

/// Records some seconds of traffic; returns the live diagnosis.
fn recorded(path: &Path) -> Value {
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let recorder = Recorder::start(&namespace, path, &["--port", &port, "--interval", "200ms"]);
    let mut kept = connect(source(7), server.address).unwrap();
    for _ in 0..15 {
        turn(&mut kept);
        visits(1, 10, server.address);
        thread::sleep(Duration::from_millis(200));
    }
    let (code, _, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(0), "{errors}");
    let diagnosis = fs::read_to_string(path.join("diagnosis.json")).unwrap();
    serde_json::from_str(&diagnosis).unwrap()
}

/// The line of the screen that shows the position.
fn time_line(screen: &str) -> String {
    let line = screen
        .lines()
        .find(|line| line.contains('▸') && line.contains('×'));
    line.unwrap_or_default().to_owned()
}

/// Distance of the position marker from the left.
fn position(screen: &str) -> Option<usize> {
    time_line(screen).chars().position(|c| c == '▸')
}

fn shows(screen: &str, state: &str) -> bool {
    time_line(screen).trim_end().ends_with(&format!(" · {state}"))
}

#[test]
fn a_recording_is_played_held_stepped_and_ends_with_the_answer_of_then() {
    need_root!();
    let (_parent, path) = place();
    let diagnosis = recorded(&path);
    let mut command = Command::new(binary());
    command.arg("replay").arg(&path);
    let mut replay = OnTerminal::start(command, (100, 30));
    replay.wait("that it plays", |screen| {
        time_line(screen).contains(" · 1× · playing")
    });
    let begun = position(&replay.text()).unwrap();
    replay.wait("that the position moves", |screen| position(screen) > Some(begun));
    replay.type_in(" ");
    replay.wait("that it is held", |screen| shows(screen, "paused"));
    let held = time_line(&replay.text());
    thread::sleep(Duration::from_millis(800));
    assert_eq!(time_line(&replay.text()), held, "held it stands still");

    replay.type_in("0");
    replay.wait("the start", |screen| position(screen) == Some(begun));
    let first = replay.text();
    replay.type_in("]");
    replay.wait("ten intervals later", |screen| {
        position(screen) > Some(begun + 5) && shows(screen, "paused")
    });
    let tenth = position(&replay.text());
    replay.type_in("..");
    replay.wait("two steps later", |screen| position(screen) > tenth);
    replay.type_in(",,[");
    replay.wait("the start as it was", |screen| {
        // Trailing blanks are remains of the previous screen.
        let top = |text: &str| {
            text.lines()
                .take(6)
                .map(|line| line.trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        top(screen) == top(&first)
    });
    replay.type_in("n");
    replay.wait_for("no surge in this recording");
    replay.type_in("?");
    replay.wait_for("play or pause");
    replay.type_in("x++");
    replay.wait_for(" · 5× · paused");
    replay.type_in("-");
    replay.wait_for(" · 2× · paused");
    replay.type_in(" ");
    replay.wait("the end", |screen| shows(screen, "end"));
    // The same verdicts in the same order, the worst first.
    let peers = diagnosis["peers"].as_array().unwrap();
    assert_eq!(peers[0]["verdict"], "fresh-per-request", "{diagnosis}");
    let screen = replay.text();
    let titles = screen.lines().position(|line| line.starts_with("PEER ")).unwrap();
    for (peer, line) in peers.iter().zip(screen.lines().skip(titles + 1)) {
        let (name, verdict) = (peer["peer"].as_str().unwrap(), peer["verdict"].as_str().unwrap());
        assert!(
            line.starts_with(name) && line.contains(verdict),
            "{peer} in\n{screen}"
        );
    }
    assert_eq!(diagnosis["answer"], "yes");
    assert!(screen.starts_with("PROBLEM: 1 of 2 clients does not"), "{screen}");
    replay.type_in("q");
    assert!(replay.end().success());
    assert!(replay.is_as_before(), "the terminal is as it was");
}

#[test]
fn one_key_leads_to_where_the_surge_began() {
    need_root!();
    let (_parent, path) = place();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let open = |n: u16| -> Vec<_> {
        (0..n)
            .map(|i| connect(source(i), server.address).unwrap())
            .collect()
    };
    let _before = open(20);
    let recorder = Recorder::start(&namespace, &path, &["--port", &port, "--interval", "200ms"]);
    thread::sleep(Duration::from_millis(1500));
    let _surge = open(120);
    thread::sleep(Duration::from_millis(1000));
    let (code, _, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(0), "{errors}");
    let mut command = Command::new(binary());
    command.args(["replay", "--speed", "10"]).arg(&path);
    let mut replay = OnTerminal::start(command, (120, 30));
    let at_end = |screen: &str| time_line(screen).contains(" · 10× · end · ! surge ");
    replay.wait("the end", at_end);
    let mark = time_line(&replay.text()).chars().position(|c| c == '!');
    assert!(
        replay
            .text()
            .lines()
            .any(|line| line.starts_with("open          140"))
    );
    replay.type_in("n");
    replay.wait("the surge", |screen| {
        position(screen) == mark && screen.lines().any(|line| line.starts_with("open           20"))
    });
    replay.type_in("q");
    assert!(replay.end().success() && replay.is_as_before());
}

#[test]
fn without_root_and_terminal_there_are_plain_rows_of_every_interval() {
    need_root!();
    const NOBODY: u32 = 65534;
    let (parent, path) = place();
    let diagnosis = recorded(&path);
    let files = fs::read_dir(&path).unwrap().flatten().map(|file| file.path());
    for file in files.chain([parent.path().to_owned(), path.clone()]) {
        std::os::unix::fs::chown(file, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let copy = parent.path().join("tcpreuse");
    fs::copy(binary(), &copy).unwrap();
    let output = Command::new(&copy)
        .args(["replay", "--columns", "peer,verdict", text(&path)])
        .env("HOME", parent.path())
        .env_remove("XDG_CONFIG_HOME")
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        said(&output)
    );
    let rows = String::from_utf8(output.stdout).unwrap();
    let intervals = fs::read_to_string(path.join("intervals.jsonl")).unwrap();
    let intervals = intervals.lines().count();
    let titles = rows.lines().filter(|line| line.starts_with("PEER ")).count();
    assert!(
        titles >= 15 && titles.abs_diff(intervals) <= 1,
        "{titles}:\n{rows}"
    );
    let last = rows.trim_end().rsplit("\n\n").next().unwrap();
    for peer in diagnosis["peers"].as_array().unwrap() {
        let (name, verdict) = (peer["peer"].as_str().unwrap(), peer["verdict"].as_str().unwrap());
        let has = |line: &str| line.starts_with(name) && line.ends_with(verdict);
        assert!(last.lines().any(has), "{peer} in\n{last}");
    }
    let output = run(&["replay", "-n", "2", "--rows", "1", text(&path)]);
    let rows = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(rows.matches("PEER ").count(), 2, "{rows}");
}

#[test]
fn what_cannot_be_played_is_an_error_of_one_line() {
    let (_parent, path) = place();
    fs::create_dir(&path).unwrap();
    for (args, wanted) in [
        (&["replay", text(&path)][..], "not an evidence directory"),
        (&["replay", "/nonexistent"], "No such file"),
        (&["replay"], "DIR"),
        (&["replay", text(&path), "--speed", "0"], "a number from 0.01"),
        (&["replay", text(&path), "--speed", "NaN"], "a number from 0.01"),
    ] {
        let output = run(args);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.lines().count() == 1 && said.contains(wanted),
            "{said:?} does not say {wanted:?}"
        );
    }
}
