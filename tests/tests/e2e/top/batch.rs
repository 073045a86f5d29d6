//! Plain rows without a terminal, and settings from a file.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tcpreuse_tests::{namespace::Namespace, need_root, program::binary};

use super::clients::Clients;

#[test]
fn without_a_terminal_there_are_plain_rows() {
    need_root!();
    let namespace = Namespace::new();
    let _clients = Clients::start();
    let output = Command::new(binary())
        .args([
            "top",
            "--netns",
            &namespace.inode.to_string(),
            "--interval",
            "300ms",
            "-n",
            "3",
        ])
        .args([
            "--direction",
            "inbound",
            "--columns",
            "peer,opens,open_now",
            "--sort",
            "peer",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!said.contains('\u{1b}'), "{said}");
    let titles = said.lines().filter(|line| line.starts_with("PEER ")).count();
    assert_eq!(titles, 3, "{said}");
    assert!(said.lines().any(|line| line.starts_with("127.1.0.2 ")), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    need_root!();
    let mut child = Command::new(binary())
        .args(["top", "--interval", "100ms"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("cannot write"),
        "{said}"
    );
}

#[test]
fn settings_come_from_a_file_and_what_is_wrong_in_it_is_said() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    let run = |content: &str| {
        fs::write(&file, content).unwrap();
        Command::new(binary())
            .args(["top", "-n", "1", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = run("columns = [\"verdict\", \"peer\"]\n");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("\nVERDICT"),
        "{output:?}"
    );
    let output = run("colums = [\"peer\"]\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("settings.toml, line 1, colums: unknown field"),
        "{said}"
    );
    let default = Command::new(binary())
        .args(["config", "--print-default"])
        .output()
        .unwrap();
    let output = run(&String::from_utf8(default.stdout).unwrap());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn under_nohup_rows_go_on_after_the_logout() {
    need_root!();
    // A separate namespace: other tests' connections would make samples slow, and `top` would take fewer of
    // them.
    let namespace = Namespace::new();
    let netns = namespace.inode.to_string();
    let mut child = Command::new("nohup")
        .arg(binary())
        .args(["top", "--batch", "--interval", "100ms", "--netns", &netns])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut titles = || {
        rows.by_ref()
            .find(|line| line.as_ref().unwrap().starts_with("PEER"))
    };
    assert!(titles().is_some());
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    for time in 0..5 {
        assert!(titles().is_some(), "after {time} more");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
