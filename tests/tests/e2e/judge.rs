//! `judge` as other programs use it, and several hosts as one service. Nothing is traced.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::{Value, json};
use tcpreuse_tests::program::{binary, run};

fn judge(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(binary())
        .arg("judge")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // Answers come while lines go in; neither pipe may fill up.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().unwrap()
    })
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn thin(key: u64) -> Value {
    json!({
        "key": key, "peer": "192.0.2.7", "port": 443, "seconds": 600,
        "figures": {
            "open_now": 0, "opens_by_held": [10], "closes": {"remote_fin": 10},
            "turns": {"sum": 10, "max": 1, "buckets": [0, 10]},
            "idle": {"buckets": [10]}, "lifetime": {"buckets": [[14, 10]]},
        },
    })
}

#[test]
fn each_line_gets_its_verdict_in_its_place() {
    let mut input = String::new();
    for key in 0..20_000 {
        input.push_str(&thin(key).to_string());
        input.push('\n');
    }
    let output = judge(&[], input.as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let answers = lines(&output);
    assert_eq!(answers.len(), 20_000);
    for (key, answer) in answers.iter().enumerate() {
        assert_eq!(
            (&answer["key"], &answer["verdict"]),
            (&json!(key), &json!("fresh-per-request"))
        );
    }
}

#[test]
fn lines_that_are_invalid_are_named_and_the_others_judged() {
    let input = format!("{}\nnonsense\n{{\"key\":3}}\n{}", thin(1), thin(4));
    let output = judge(&[], input.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let answers = lines(&output);
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["verdict"], answers[3]["verdict"]);
    assert!(answers[1]["error"].as_str().unwrap().contains("no JSON object"));
    assert_eq!(answers[2]["key"], 3);
    let said = said(&output);
    assert!(
        said.contains("line 2: is no JSON object") && said.contains("line 3: has no object `figures`"),
        "{said}"
    );
    assert!(said.contains("2 of 4 lines could not be judged"), "{said}");
}

#[test]
fn nothing_in_is_nothing_out() {
    for args in [&[][..], &["--learn"]] {
        let output = judge(args, b"");
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{}",
            said(&output)
        );
    }
}

/// Copies of one recording, as if of several hosts.
pub(crate) fn hosts(parent: &Path, names: &[&str]) -> Vec<PathBuf> {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/recording");
    let copy = |name: &&str| {
        let to = parent.join(name);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&recording).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        // It was recorded on loopback, whose addresses mean somebody else on each host.
        let state = to.join("state.json");
        let text = fs::read_to_string(&state).unwrap();
        assert!(text.contains("\"127.1.0."));
        fs::write(state, text.replace("\"127.1.0.", "\"192.0.2.")).unwrap();
        let manifest = to.join("manifest.json");
        let mut changed: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
        let fields = changed.as_object_mut().unwrap();
        fields.insert("host".to_owned(), json!(name));
        fs::write(manifest, changed.to_string()).unwrap();
        to
    };
    names.iter().map(copy).collect()
}

#[test]
fn hosts_are_one_service_and_its_lines_give_the_same_verdicts() {
    let parent = tempfile::tempdir().unwrap();
    hosts(parent.path(), &["web1", "web2", "web3"]);
    fs::create_dir(parent.path().join("web4")).unwrap();
    let pattern = parent.path().join("web*");
    let pattern = pattern.to_str().unwrap();
    let output = run(&[
        "diagnose",
        "--service",
        "shop",
        "--format",
        "json",
        "--from",
        pattern,
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["hosts"].as_array().unwrap().len(), 3);
    let peers = answer["peers"].as_array().unwrap();
    let joined = peers
        .iter()
        .find(|peer| peer["hosts"].as_array().is_some_and(|hosts| hosts.len() == 3));
    let joined = joined.unwrap_or_else(|| panic!("{peers:?}"));
    assert_eq!(
        (&joined["service"], &joined["netns"]),
        (&json!("shop"), &Value::Null)
    );
    let said_of_hosts = said(&output);
    for wanted in [
        "3 hosts are judged as the service shop",
        "LEFT OUT",
        "web4: ",
        "clocks of 3 hosts",
    ] {
        assert!(said_of_hosts.contains(wanted), "{wanted} in {said_of_hosts}");
    }
    let output = run(&[
        "diagnose",
        "--service",
        "shop",
        "--format",
        "figures",
        "--from",
        pattern,
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let judged = judge(&[], &output.stdout);
    assert!(judged.status.success(), "{}", said(&judged));
    let judged = lines(&judged);
    assert!(!judged.is_empty());
    for line in judged {
        let peer = peers.iter().find(|peer| peer["peer"] == line["peer"]).unwrap();
        assert_eq!(line["verdict"], peer["verdict"], "{line}");
        assert_eq!(line["service"], "shop");
    }
    let output = run(&["diagnose", "--format", "html", "--from", pattern]);
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && page.contains("on 3 of 3 hosts"),
        "{}",
        said(&output)
    );
    assert!(page.contains("3 hosts are judged as one service"));
}

#[test]
fn a_single_host_beside_what_cannot_be_read_is_answered_as_if_alone() {
    let parent = tempfile::tempdir().unwrap();
    let host = hosts(parent.path(), &["web1"]).remove(0);
    let missing = parent.path().join("missing");
    let (host, missing) = (host.to_str().unwrap(), missing.to_str().unwrap());
    let alone = run(&["diagnose", "--format", "json", "--from", host]);
    let beside = run(&["diagnose", "--format", "json", "--from", host, missing]);
    assert_eq!(beside.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&beside.stdout),
        String::from_utf8_lossy(&alone.stdout)
    );
    assert!(
        said(&beside).contains("LEFT OUT") && said(&beside).contains("missing"),
        "{}",
        said(&beside)
    );
    let none = run(&["diagnose", "--from", missing, "/nonexistent/*"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none).contains("missing"), "{}", said(&none));
}
