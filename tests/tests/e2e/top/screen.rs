//! Unusual terminals, and what remains on a terminal afterwards.

use std::{fs, net::Ipv4Addr, process::Command, thread, time::Duration};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, run},
    terminal::OnTerminal,
    traffic::EchoServer,
};

use super::clients::Clients;

/// The maximum resident memory of a process so far, KiB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_terminal_that_claims_to_be_huge_is_drawn_into_a_corner() {
    need_root!();
    let namespace = Namespace::new();
    let mut top = OnTerminal::top(&namespace, &["--interval", "100ms"], (100, 24));
    top.wait_for("NOTHING TO JUDGE");
    for (columns, rows) in [(u16::MAX, u16::MAX), (u16::MAX, 1), (1, u16::MAX), (0, 0)] {
        top.claim(columns, rows);
        let before = top.bytes();
        tcpreuse_tests::eventually("the next screen", || top.bytes() > before);
    }
    top.resize(100, 24);
    top.wait("the screen as before", |screen| {
        screen.starts_with("NOTHING TO JUDGE") && screen.contains("q quit")
    });
    let memory = most_memory(top.pid());
    assert!(memory < 200 << 10, "{memory} KiB");
    top.type_in("q");
    assert!(top.end().success() && top.is_as_before());
}

#[test]
fn without_a_screen_there_are_rows() {
    need_root!();
    let namespace = Namespace::new();
    for term in ["dumb", ""] {
        let mut command = Command::new(binary());
        command.env("TERM", term);
        let netns = namespace.inode.to_string();
        command.args(["top", "--netns", &netns, "--interval", "100ms", "-n", "2"]);
        let mut top = OnTerminal::start(command, (100, 24));
        assert!(top.end().success(), "{}", top.text());
        let said = top.text();
        assert!(said.contains("printing rows") && said.contains("PEER"), "{said}");
        assert!(top.is_as_before());
    }
}

#[test]
fn flags_for_rows_are_refused_with_a_screen() {
    need_root!();
    for flags in [["-n", "5"], ["--rows", "3"]] {
        let mut command = Command::new(binary());
        command.arg("top").args(flags);
        let mut top = OnTerminal::start(command, (100, 24));
        assert_eq!(top.end().code(), Some(2));
        let said = top.text();
        assert!(
            said.contains("is for printed rows") && said.contains("--batch"),
            "{said}"
        );
    }
    let output = run(&["top", "--color", "always"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("printed rows have no colours"), "{said}");
}

#[test]
fn the_answer_stays_on_the_terminal() {
    need_root!();
    let namespace = Namespace::new();
    let _clients = Clients::start();
    let mut top = OnTerminal::top(
        &namespace,
        &["--interval", "300ms", "--direction", "inbound"],
        (80, 24),
    );
    top.wait("the answer and the way out, whole", |screen| {
        let line = |line: Option<&str>| line.unwrap_or("…").to_owned();
        let (first, last) = (line(screen.lines().next()), line(screen.lines().last()));
        first.starts_with("PROBLEM: ")
            && last.starts_with("q quit")
            && !(first + &last).contains('…')
            && screen.contains("fresh-per-request")
    });
    top.type_in("q");
    assert!(top.end().success() && top.is_as_before());
    let said = top.text();
    assert!(
        said.contains("PROBLEM: ") && said.contains(" fresh-per-request"),
        "{said}"
    );
    assert!(said.contains(" open, "), "{said}");
}

/// An hour is too long to wait for, so the clock only advances if a shorter interval takes effect.
#[test]
fn the_interval_can_be_changed_while_it_runs() {
    need_root!();
    let namespace = Namespace::new();
    let mut top = OnTerminal::top(&namespace, &["--interval", "1h"], (100, 24));
    top.wait_for("every 1h");
    top.type_in(&"+".repeat(10));
    top.wait_for("a sample every 100ms");
    top.type_in("+");
    top.wait_for("a sample every 100ms; this is the limit");
    top.wait("later samples", |screen| {
        let about = screen.lines().find(|line| line.contains("every 100ms"));
        about.is_some_and(|line| line.starts_with("00:00:") && !line.starts_with("00:00:00"))
    });
    top.type_in("-");
    top.wait_for("a sample every 200ms");
    top.type_in("q");
    assert!(top.end().success() && top.is_as_before());
}

#[test]
fn an_empty_screen_names_the_ports_that_listen() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port();
    for (args, said) in [
        (vec![], format!("no connections yet; listening: {port}")),
        (
            vec!["--port", "9"],
            format!("nothing listens on what is traced; listening here: {port}"),
        ),
        (vec!["--direction", "outbound"], "no connections yet".to_owned()),
    ] {
        let mut top = OnTerminal::top(&namespace, &args, (100, 24));
        top.wait(&said, |screen| {
            screen.lines().any(|line| line.trim_end().ends_with(&said))
        });
        top.type_in("q");
        assert!(top.end().success());
    }
}

/// `00:00:07` in seconds.
fn seconds(clock: &str) -> f64 {
    let parts = clock.split(':').map(|part| part.parse::<f64>().unwrap());
    parts.fold(0.0, |sum, part| sum * 60.0 + part)
}

/// Counting continues while the screen is frozen, and what is on the screen is written.
#[test]
fn a_screen_that_stands_still_is_what_is_written() {
    need_root!();
    let namespace = Namespace::new();
    let _clients = Clients::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    let netns = namespace.inode.to_string();
    command
        .args([
            "top",
            "--netns",
            &netns,
            "--interval",
            "300ms",
            "--direction",
            "inbound",
        ])
        .current_dir(folder.path());
    let mut top = OnTerminal::start(command, (140, 30));
    top.wait_for("fresh-per-request");
    top.type_in(" ");
    top.wait_for("PAUSED");
    thread::sleep(Duration::from_secs(4));
    let lines = top.lines();
    let open = |line: &String| line.strip_prefix("open ").map(str::to_owned);
    let open = lines.iter().find_map(open).unwrap();
    let open: u64 = open.split_whitespace().next().unwrap().parse().unwrap();
    let about = lines.iter().find(|line| line.contains("PAUSED")).unwrap();
    let shown = seconds(about.split(' ').next().unwrap());
    let written = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let names_newest = |screen: &str| {
        let name = written()
            .pop()
            .and_then(|path| path.file_name().map(ToOwned::to_owned));
        screen.contains("written to ") && name.is_some_and(|name| screen.contains(&*name.to_string_lossy()))
    };
    top.type_in("e");
    top.wait("what was written", names_newest);
    // Once it follows again, the present is written.
    top.type_in(" ");
    top.wait("no pause", |screen| !screen.contains("PAUSED"));
    top.type_in("e");
    top.wait("the second one", |screen| {
        written().len() == 2 && names_newest(screen)
    });
    top.type_in("q");
    assert!(top.end().success());
    let found = written();
    let [then, later] = found.as_slice() else {
        panic!("two directories, not {found:?}");
    };
    let diagnosis = |path: &std::path::Path| -> serde_json::Value {
        let verified = run(&["verify", path.to_str().unwrap()]);
        assert!(verified.status.success(), "{verified:?}");
        serde_json::from_str(&fs::read_to_string(path.join("diagnosis.json")).unwrap()).unwrap()
    };
    let of = |diagnosis: &serde_json::Value| diagnosis["window"]["seconds"].as_f64().unwrap();
    let (then, later) = (diagnosis(then), diagnosis(later));
    assert!((of(&then) - shown).abs() < 1.0, "{} for {shown}", of(&then));
    assert_eq!(then["accounting"]["open_now"].as_u64(), Some(open));
    assert!(of(&later) > shown + 3.0, "{} after {shown}", of(&later));
}
