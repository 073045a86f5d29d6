//! A recording gives the same answer as live tracing did.

use std::{fs, net::Ipv4Addr, os::unix::process::CommandExt, path::Path, process::Command};

use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, run},
    traffic::{EchoServer, connect, source, turn},
};

use super::{Recorder, json, place, said, text, visits};

/// Records traffic of several kinds; returns what `record` printed.
fn recorded(path: &Path) -> String {
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut old = connect(source(7), server.address).unwrap();
    turn(&mut old);
    let port = server.port().to_string();
    let args = [
        "--port",
        &port,
        "--interval",
        "200ms",
        "--format",
        "json",
        "--hold",
        "30s",
        "--max-workers",
        "150",
    ];
    let recorder = Recorder::start(&namespace, path, &args);
    visits(3, 30, server.address);
    let pile: Vec<_> = (0..10)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(400));
            let mut one = connect(source(8), server.address).unwrap();
            turn(&mut one);
            one
        })
        .collect();
    // A verdict requires several samples, and the rows have no further sample at the end.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let live = recorder.finish();
    drop(pile);
    live
}

fn verdicts(diagnosis: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let peers = diagnosis["peers"].as_array().unwrap();
    peers
        .iter()
        .map(|peer| (text(&peer["peer"]), text(&peer["verdict"])))
        .collect()
}

#[test]
fn from_a_recording_the_answer_is_the_same_and_needs_no_root() {
    need_root!();
    const NOBODY: u32 = 65534;
    let (parent, path) = place();
    let live = recorded(&path);
    let out = |args: &[&str]| {
        let output = run(&[&["diagnose", "--from", text(&path), "--format", "json"], args].concat());
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(out(&[]), live);
    assert_eq!(fs::read_to_string(path.join("diagnosis.json")).unwrap(), live);
    // Another user needs nothing but the files.
    for place in [parent.path(), &path] {
        std::os::unix::fs::chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    for file in fs::read_dir(&path).unwrap().flatten() {
        std::os::unix::fs::chown(file.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let copy = parent.path().join("tcpreuse");
    fs::copy(binary(), &copy).unwrap();
    let output = Command::new(&copy)
        .args(["diagnose", "--format", "json", "--from", text(&path)])
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), live, "{}", said(&output));
    // Filters work as in live tracing.
    let one = json(&out(&["--peer", &source(8).to_string()]));
    let piles_up = (source(8).to_string(), "piling-up".to_owned());
    assert!(verdicts(&json(&live)).contains(&piles_up));
    assert_eq!(verdicts(&one), [piles_up]);
    // Rows alone give the same verdicts.
    fs::remove_file(path.join("state.json")).unwrap();
    let rebuilt = json(&out(&[]));
    assert_eq!(verdicts(&rebuilt), verdicts(&json(&live)));
    for figure in ["seeded", "opened", "closed", "open_now", "drift", "events_lost"] {
        assert_eq!(
            rebuilt["accounting"][figure],
            json(&live)["accounting"][figure],
            "{figure}"
        );
    }
}

#[test]
fn peers_of_several_hosts_stay_apart_and_those_of_one_come_together() {
    need_root!();
    let (parent, path) = place();
    let live = json(&recorded(&path));
    let other = parent.path().join("other");
    let copied = Command::new("cp")
        .arg("-r")
        .args([&path, &other])
        .status()
        .unwrap();
    assert!(copied.success());
    let both = || {
        let output = run(&[
            "diagnose",
            "--format",
            "json",
            "--from",
            text(&path),
            text(&other),
        ]);
        assert!(output.status.success(), "{}", said(&output));
        (json(&String::from_utf8_lossy(&output.stdout)), said(&output))
    };
    // Two recordings of the same host: peers with the same name are merged.
    let (merged, words) = both();
    assert!(words.contains("overlap in time"), "{words}");
    assert_eq!(
        merged["peers"].as_array().unwrap().len(),
        live["peers"].as_array().unwrap().len()
    );
    assert!(merged["peers"][0].get("host").is_none());
    let manifest = other.join("manifest.json");
    let mut changed = json(&fs::read_to_string(&manifest).unwrap());
    changed["host"] = "web2".into();
    fs::write(&manifest, changed.to_string()).unwrap();
    let (apart, _) = both();
    assert_eq!(
        apart["peers"].as_array().unwrap().len(),
        2 * live["peers"].as_array().unwrap().len()
    );
    let of_web2 = apart["peers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|peer| peer["host"] == "web2");
    assert_eq!(of_web2.count(), live["peers"].as_array().unwrap().len());
    assert!(apart["host"].as_str().unwrap().contains("web2"));
    let output = run(&["diagnose", "--from", text(&path), text(&other)]);
    assert!(said(&output).contains(" on web2"), "{}", said(&output));
}

#[test]
fn what_is_no_evidence_is_an_error_of_one_line() {
    let (_parent, path) = place();
    fs::create_dir(&path).unwrap();
    for (args, wanted) in [
        (
            &["diagnose", "--from", text(&path)][..],
            "not an evidence directory",
        ),
        (&["verify", text(&path)], "not an evidence directory"),
        (&["verify", "/nonexistent"], "No such file"),
        (&["diagnose", "--from"], "a value is required"),
        (
            &["diagnose", "--from", text(&path), "--duration", "5s"],
            "cannot be used with",
        ),
        (&["record", "--out", "-", "--append"], "are for a directory"),
        (
            &["record", "--out", "-", "--owner", "no-such-user"],
            "there is no such user",
        ),
        (&["record", "--out", "-", "--owner", "1000:"], "like 1000:1000"),
        (
            &["record", "--out", text(&path), "--format", "csv"],
            "are for --out -",
        ),
        (&["record", "--out", text(&path), "--rotate"], "--max-size"),
        (&["record"], "--out"),
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

/// The page as a whole is tested in the program; here that it comes from a recording and gets where it
/// should.
#[test]
fn a_report_is_one_page() {
    need_root!();
    let (parent, path) = place();
    recorded(&path);
    let page = parent.path().join("report.html");
    let report = |to: &str| run(&["report", text(&path), "--out", to]);
    let output = report(text(&page));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("wrote "), "{}", said(&output));
    let written = fs::read_to_string(&page).unwrap();
    for part in [
        "</html>",
        "127.1.0.9",
        "Proof",
        "<svg",
        "piling-up",
        "manifest.json",
    ] {
        assert!(written.contains(part), "{part}");
    }
    let printed = report("-");
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), written);
    let diagnosed = run(&["diagnose", "--from", text(&path), "--format", "html"]);
    assert_eq!(String::from_utf8(diagnosed.stdout).unwrap(), written);
    // The same once more, but not over what is something else.
    assert!(report(text(&page)).status.success());
    fs::write(&page, "notes").unwrap();
    let refused = report(text(&page));
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_eq!(fs::read_to_string(&page).unwrap(), "notes");
}
