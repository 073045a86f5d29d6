//! The contents of a complete recording.

use std::{fs, net::Ipv4Addr, os::unix::fs::PermissionsExt, process::Command};

use rustix::process::Signal;
use tcpreuse::testing::evidence::rows::Kind;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, figure, run},
    skip,
    traffic::{EchoServer, connect, source, turn},
};

use super::{CLOSE_REASON, Recorder, cell, json, manifest, place, rows, said, text, verified, visits};

#[test]
fn there_is_a_row_for_every_connection_that_ended() {
    need_root!();
    const EACH: u32 = 2500;
    const HELD: usize = 20;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let port = server.port().to_string();
    let recorder = Recorder::start(
        &namespace,
        &path,
        &["--port", &port, "--direction", "both", "--format", "json"],
    );
    let mut held: Vec<_> = (0..HELD)
        .map(|_| connect(source(9), server.address).unwrap())
        .collect();
    held.iter_mut().for_each(turn);
    visits(4, EACH, server.address);
    let diagnosis = json(&recorder.finish());
    drop(held);
    let accounting = &diagnosis["accounting"];
    let ended = u64::from(EACH) * 4 * 2;
    assert_eq!(
        (&accounting["closed"], &accounting["drift"]),
        (&ended.into(), &0.into()),
        "{accounting}"
    );
    let rows = rows(&path, "connections.csv");
    let open = rows
        .iter()
        .filter(|row| cell(row, CLOSE_REASON) == "open")
        .count();
    assert_eq!((rows.len() as u64 - open as u64, open), (ended, 2 * HELD));
    let manifest = manifest(&path);
    assert_eq!(manifest["accounting"]["events_lost"], 0, "{manifest:#}");
    assert_eq!(manifest["losses"]["records_lost"], 0);
    assert_eq!(manifest["rows_not_written"], 0);
    assert_eq!(manifest["files"]["connections.csv"]["rows"], rows.len());
    assert!(manifest["stopped"].is_string());
    assert!(verified(&path).contains("stopped properly"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).unwrap().flatten() {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[test]
fn other_programs_can_read_it() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let recorder = Recorder::start(&namespace, &path, &["--port", &server.port().to_string()]);
    visits(2, 20, server.address);
    recorder.finish();
    let there = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if there("python3") {
        let script = "import csv, sys\n\
            for name, columns in zip(sys.argv[2::2], sys.argv[3::2]):\n\
            \x20   rows = list(csv.reader(open(f'{sys.argv[1]}/{name}.csv', newline='', encoding='utf-8'), strict=True))\n\
            \x20   assert len(rows) > 1 and all(len(row) == int(columns) for row in rows), (name, rows)\n";
        let columns = [Kind::Connections, Kind::Peers, Kind::Listeners]
            .map(|kind| [kind.stem().to_owned(), kind.columns().len().to_string()]);
        let output = Command::new("python3")
            .args(["-c", script, text(&path)])
            .args(columns.as_flattened())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    } else {
        skip("other_programs_can_read_it", "no python3");
    }
    if there("sqlite3") {
        let file = path.join("connections.csv");
        let output = Command::new("sqlite3")
            .args([":memory:", "-cmd", ".mode csv", "-cmd"])
            .arg(format!(".import {} c", file.display()))
            .arg("select count(*), sum(bytes_sent) from c where close_reason = 'remote_fin'")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "40,40",
            "{}",
            said(&output)
        );
    } else {
        skip("other_programs_can_read_it", "no sqlite3");
    }
}

#[test]
fn a_recording_can_be_added_to_and_not_overwritten() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let port = server.port().to_string();
    let recorder = Recorder::start(&namespace, &path, &["--port", &port]);
    visits(1, 10, server.address);
    recorder.finish();
    let again = run(&["record", "--out", text(&path), "--duration", "1s"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("already exists"), "{}", said(&again));
    let recorder = Recorder::start(&namespace, &path, &["--port", &port, "--append"]);
    visits(1, 7, server.address);
    recorder.finish();
    assert_eq!(rows(&path, "connections.csv").len(), 17);
    assert_eq!(manifest(&path)["earlier"].as_array().unwrap().len(), 1);
    verified(&path);
    let output = run(&["diagnose", "--from", text(&path), "--format", "json"]);
    let diagnosis = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(diagnosis["accounting"]["opened"], 7);
    assert!(said(&output).contains("holds 2 recordings"));
    // The window reaches back over the end of the first one, as after a reboot.
    let output = run(&[
        "diagnose",
        "--from",
        text(&path),
        "--window",
        "1h",
        "--format",
        "json",
    ]);
    let diagnosis = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(diagnosis["accounting"]["opened"], 17, "{}", said(&output));
    assert_eq!(figure(&diagnosis["peers"][0], "opens"), 17);
    let chosen = |number| {
        run(&[
            "diagnose",
            "--from",
            text(&path),
            "--recording",
            number,
            "--format",
            "json",
        ])
    };
    let output = chosen("1");
    let diagnosis = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(diagnosis["accounting"]["opened"], 10);
    let output = chosen("3");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("there is no recording 3"),
        "{}",
        said(&output)
    );
}

#[test]
fn rotation_keeps_it_small() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let port = server.port().to_string();
    let args = ["--port", &port, "--interval", "100ms", "--max-size", "1M"];
    let recorder = Recorder::start(&namespace, &path, &[&args[..], &["--rotate"]].concat());
    visits(4, 2500, server.address);
    recorder.finish();
    let size: u64 = fs::read_dir(&path)
        .unwrap()
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|ending| ending != "json"))
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(size < 2 << 20, "{size}");
    let manifest = manifest(&path);
    let (removed, files) = (&manifest["removed"], manifest["files"].as_object().unwrap());
    let kept: u64 = files
        .iter()
        .filter(|(name, _)| name.starts_with("connections"))
        .map(|(_, file)| file["rows"].as_u64().unwrap())
        .sum();
    assert!(removed["segments"].as_u64().unwrap() > 0, "{removed}");
    assert_eq!(removed["connections_rows"].as_u64().unwrap() + kept, 10_000);
    verified(&path);
    // Without `--rotate` recording ends at that size.
    let (_parent, path) = place();
    let output = Command::new(binary())
        .args([
            "record",
            "--netns",
            &namespace.inode.to_string(),
            "--out",
            text(&path),
        ])
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    tcpreuse_tests::eventually("the first interval", || path.join("state.json").exists());
    visits(4, 2500, server.address);
    let output = output.wait_with_output().unwrap();
    assert!(
        output.status.success() && said(&output).contains("have reached --max-size"),
        "{}",
        said(&output)
    );
    verified(&path);
}

#[test]
fn sigterm_ends_it_and_under_nohup_sighup_does_not() {
    need_root!();
    let namespace = Namespace::new();
    let (_parent, path) = place();
    let mut command = Command::new("nohup");
    command.arg(binary()).arg("record");
    let recorder = Recorder::spawn(command, &namespace, &path, &["--interval", "100ms"]);
    recorder.signal(Signal::HUP);
    let intervals = || rows(&path, "intervals.jsonl").len();
    let before = intervals();
    tcpreuse_tests::eventually("more intervals", || intervals() > before + 3);
    let (code, _, errors) = recorder.end(Signal::TERM);
    assert_eq!(code, Some(0), "{errors}");
    assert!(verified(&path).contains("stopped properly"));
}
