//! The flight recorder: what happens around something that matters is kept.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;
use tcpreuse_tests::{
    agent::{ADDRESS, Agent, ask},
    eventually,
    namespace::Namespace,
    need_root,
    program::run,
    traffic::{EchoServer, connect, source},
};

use crate::record::{said, text};

/// The directories that are kept, each with its manifest.
pub(crate) fn kept(place: &Path) -> Vec<(PathBuf, Value)> {
    let folder = fs::read_dir(place.join("evidence-kept")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let manifest = |path: PathBuf| {
        let manifest = serde_json::from_slice(&fs::read(path.join("manifest.json")).ok()?).unwrap();
        Some((path, manifest))
    };
    paths.filter_map(manifest).collect()
}

fn reasons(manifest: &Value) -> Vec<&str> {
    let reasons = manifest.pointer("/kept/reasons").and_then(Value::as_array);
    let reasons = reasons.into_iter().flatten();
    reasons
        .map(|why| why.get("reason").and_then(Value::as_str).unwrap())
        .collect()
}

/// The directory that is kept for this reason, once it is complete.
fn complete(place: &Path, reason: &str) -> PathBuf {
    let mut found = None;
    eventually("complete evidence", || {
        found = kept(place)
            .into_iter()
            .find(|(_, manifest)| manifest["stopped"].is_string() && reasons(manifest).contains(&reason))
            .map(|(path, _)| path);
        found.is_some()
    });
    found.unwrap()
}

fn verified(path: &Path) -> String {
    let output = run(&["verify", text(path)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn diagnosed(path: &Path) -> Value {
    let output = run(&["diagnose", "--from", text(path), "--format", "json"]);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The events that an agent has printed, after its end.
fn events(mut agent: Agent) -> Vec<Value> {
    let mut stdout = agent.stdout();
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
    let mut lines = String::new();
    stdout.read_to_string(&mut lines).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    events
        .filter(|event: &Value| event["event"] == "evidence-kept")
        .collect()
}

#[test]
fn a_surge_is_kept_and_can_be_diagnosed() {
    need_root!();
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let held = |clients: std::ops::Range<u16>| -> Vec<TcpStream> {
        clients
            .map(|n| connect(source(n % 5), server.address).unwrap())
            .collect()
    };
    let before = held(0..12);
    let port = server.port().to_string();
    let args = [
        "--interval",
        "100ms",
        "--port",
        &port,
        "--evidence",
        text(place.path()),
    ];
    let agent = Agent::start(
        &namespace,
        &[&args[..], &["--keep-before", "5s", "--keep-after", "2s"]].concat(),
    );
    let surge = held(0..100);
    let path = complete(place.path(), "surge");
    verified(&path);
    let diagnosis = diagnosed(&path);
    assert_eq!(diagnosis["surge"]["detected"], true, "{:#}", diagnosis["surge"]);
    assert!(
        diagnosis["surge"]["from"].as_u64().unwrap() < 60,
        "{:#}",
        diagnosis["surge"]
    );
    let told = events(agent);
    let directory = text(&path);
    assert!(
        told.iter().any(|event| event["directory"] == directory),
        "{told:#?}"
    );
    drop((before, surge));
}

#[test]
fn what_is_asked_for_twice_is_kept_once() {
    need_root!();
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let token = place.path().join("token");
    fs::write(&token, "a long enough token\n").unwrap();
    let evidence = place.path().join("evidence");
    let args = [
        "--interval",
        "100ms",
        "--evidence",
        text(&evidence),
        "--token-file",
        text(&token),
    ];
    let agent = Agent::start(&namespace, &[&args[..], &["--keep-after", "2s"]].concat());
    let post = |headers: &str| {
        ask(&format!(
            "POST /api/keep HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n{headers}\r\n"
        ))
    };
    let refused = post("");
    assert!(refused.0.starts_with("HTTP/1.1 401 "), "{refused:?}");
    assert_eq!(kept(&evidence).len(), 0);
    let bearer = "Authorization: Bearer a long enough token\r\n";
    let foreign = post(&format!("{bearer}Origin: https://attacker.example\r\n"));
    assert!(foreign.0.starts_with("HTTP/1.1 403 "), "{foreign:?}");
    let (head, promise) = post(bearer);
    assert!(head.starts_with("HTTP/1.1 202 "), "{head}");
    agent.signal(Signal::USR1);
    let path = complete(&evidence, "signal");
    let promise: Value = serde_json::from_str(&promise).unwrap();
    assert_eq!(promise["directory"], text(&path));
    let all = kept(&evidence);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(reasons(&all[0].1), ["request", "signal"]);
    verified(&path);
    assert_eq!(events(agent).len(), 1);
}

#[test]
fn without_a_place_or_a_token_nothing_is_kept() {
    need_root!();
    let namespace = Namespace::new();
    let agent = Agent::start(&namespace, &["--interval", "100ms"]);
    let (head, words) = ask(&format!(
        "POST /api/keep HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n"
    ));
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(words.contains("--token-file"), "{words}");
    agent.signal(Signal::USR1);
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

#[test]
fn killed_while_it_keeps_it_leaves_whole_evidence_that_the_next_one_names() {
    need_root!();
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let args = ["--interval", "100ms", "--evidence", text(place.path())];
    let agent = Agent::start(&namespace, &args);
    agent.signal(Signal::USR1);
    let has_rows = |path: &Path| fs::metadata(path.join("intervals.jsonl")).is_ok_and(|file| file.len() > 0);
    eventually("evidence", || {
        kept(place.path()).iter().any(|(path, _)| has_rows(path))
    });
    agent.signal(Signal::KILL);
    drop(agent);
    let [(path, _)] = &*kept(place.path()) else {
        panic!("one directory")
    };
    let words = verified(path);
    assert!(words.contains("not stopped properly"), "{words}");
    diagnosed(path);
    let told = events(Agent::start(&namespace, &args));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["directory"], text(path));
    assert!(told[0]["incomplete"].is_string(), "{told:#?}");
    verified(path);
}
