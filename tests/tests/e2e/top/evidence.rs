//! The evidence that the key `e` writes.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, run},
    terminal::OnTerminal,
};

use super::clients::Clients;

#[test]
fn a_key_writes_evidence_that_is_whole_and_gives_the_same_answer() {
    need_root!();
    let namespace = Namespace::new();
    let _clients = Clients::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command
        .args([
            "top",
            "--netns",
            &namespace.inode.to_string(),
            "--interval",
            "300ms",
        ])
        .current_dir(folder.path());
    let mut top = OnTerminal::start(command, (160, 30));
    top.wait_for("fresh-per-request");
    top.type_in("e");
    top.wait_for("written to ");
    top.type_in("q");
    assert!(top.end().success());

    let found: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [path] = found.as_slice() else {
        panic!("one directory, not {found:?}");
    };
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o700);
    let text = path.to_str().unwrap();
    let verified = run(&["verify", text]);
    assert!(verified.status.success(), "{verified:?}");
    let again = run(&["diagnose", "--from", text, "--format", "json"]);
    assert!(again.status.success(), "{again:?}");
    let written = fs::read_to_string(path.join("diagnosis.json")).unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), written);
    let diagnosis: Value = serde_json::from_str(&written).unwrap();
    let manifest: Value =
        serde_json::from_str(&fs::read_to_string(path.join("manifest.json")).unwrap()).unwrap();
    let from = &manifest["from_view"];
    assert_eq!(from["connections_ended"], diagnosis["accounting"]["closed"]);
    let csv = fs::read_to_string(path.join("connections.csv")).unwrap();
    let ended = csv
        .lines()
        .skip(1)
        .filter(|line| !line.contains(",none,"))
        .count() as u64;
    assert_eq!(from["connections_ended_rows"], ended, "{csv}");
    let replayed = run(&["replay", text]);
    assert!(replayed.status.success(), "{replayed:?}");
    let rows = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(rows.contains("fresh-per-request"), "{rows}");
}
