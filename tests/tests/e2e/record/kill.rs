//! A recorder that is killed leaves every interval intact up to the last complete one.

use std::{env, net::Ipv4Addr, path::Path, thread, time::Duration};

use rustix::process::Signal;
use tcpreuse_tests::{namespace::Namespace, need_root, program::run, random::Random, traffic::EchoServer};

use super::{Recorder, cell, json, place, rows, said, text, verified, visits};

/// The last verdict on each peer, as of the last whole interval.
fn last_verdicts(path: &Path) -> Vec<(String, String)> {
    let journal = std::fs::read_to_string(path.join("intervals.jsonl")).unwrap_or_default();
    let whole = journal.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let Some(last) = whole.lines().last() else {
        return Vec::new();
    };
    let last = json(last);
    let count = last.pointer("/peers/rows").and_then(serde_json::Value::as_u64);
    let count = usize::try_from(count.unwrap()).unwrap();
    let mut said = std::collections::BTreeMap::new();
    for row in rows(path, "peers.csv").iter().take(count) {
        said.insert(cell(row, 4).to_owned(), cell(row, 21).to_owned());
    }
    said.into_iter().collect()
}

#[test]
fn killed_at_any_moment_it_is_whole_up_to_its_last_interval() {
    need_root!();
    let times: u32 = env::var("TCPREUSE_KILLS").map_or(10, |text| text.parse().unwrap());
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let mut random = Random::new(7);
    let args = [
        "--port",
        &port,
        "--interval",
        "100ms",
        "--max-size",
        "1M",
        "--rotate",
    ];
    for round in 0..times {
        let (_parent, path) = place();
        let recorder = Recorder::start(&namespace, &path, &args);
        let wait = Duration::from_millis(random.below(900));
        thread::scope(|scope| {
            scope.spawn(|| visits(2, 400, server.address));
            thread::sleep(wait);
            recorder.signal(Signal::KILL);
        });
        drop(recorder);
        let said_of_it = verified(&path);
        assert!(
            said_of_it.contains("not stopped properly"),
            "{round}: {said_of_it}"
        );
        let journal = std::fs::read_to_string(path.join("intervals.jsonl")).unwrap_or_default();
        if let Some(last) = journal
            .rsplit_once('\n')
            .and_then(|(whole, _)| whole.lines().last())
        {
            let last = json(last);
            let wanted = format!("intact up to interval {},", last["interval"]);
            assert!(said_of_it.contains(&wanted), "{round}: {wanted} in {said_of_it}");
            assert!(
                rows(&path, "connections.csv").len() as u64 >= last["connections"]["rows"].as_u64().unwrap()
            );
        }
        let output = run(&["diagnose", "--from", text(&path), "--format", "json"]);
        assert!(output.status.success(), "{round}: {}", said(&output));
        let diagnosis = json(&String::from_utf8_lossy(&output.stdout));
        let count = |name: &str| diagnosis["accounting"][name].as_i64().unwrap();
        assert_eq!(
            count("seeded") + count("opened") - count("closed"),
            count("open_now"),
            "{round}"
        );
        // The verdicts are those of the last interval, as the rows have them.
        let peers = diagnosis["peers"].as_array().unwrap();
        let said: Vec<(String, String)> = last_verdicts(&path);
        for (peer, verdict) in &said {
            let now = peers.iter().find(|now| now["peer"] == **peer);
            let now = now.map_or("", |now| now["verdict"].as_str().unwrap());
            assert_eq!(now, verdict, "{round}: {peer}");
        }
        // The recording can be continued.
        if round % 5 == 0 {
            Recorder::start(&namespace, &path, &["--port", &port, "--append"]).finish();
            verified(&path);
        }
    }
}
