use std::fs;

use super::*;
use crate::evidence::testing::{recorded, unfinished};

fn found<'a>(report: &'a Report, name: &str) -> &'a Found {
    report.files.iter().find(|found| found.name == name).unwrap()
}

#[test]
fn one_altered_byte_is_found_with_its_interval_and_rows() {
    let (_parent, path, _) = recorded();
    let name = "connections.csv";
    let text = fs::read_to_string(path.join(name)).unwrap();
    // Ten rows per interval: with the header, row 25 is in the third.
    let altered: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(n, line)| match n {
            24 => line.replace(",200,300,", ",200,301,"),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(path.join(name), altered.join("\n") + "\n").unwrap();
    let report = verify(&path).unwrap();
    assert!(!report.is_whole());
    let connections = found(&report, name);
    assert_eq!(connections.condition, Condition::Altered);
    assert!(
        connections.details.contains("20 rows are intact") && connections.details.contains("rows 22 to 31"),
        "{connections:?}"
    );
    assert_eq!(report.up_to.clone().unwrap().0, 2);
    assert_eq!(found(&report, "peers.csv").condition, Condition::Whole);
    // An invalid row is named.
    fs::write(path.join(name), text.replacen("inbound", "upwards", 1)).unwrap();
    let report = verify(&path).unwrap();
    assert!(
        found(&report, name).details.contains("row 2: direction"),
        "{report:?}"
    );
}

#[test]
fn what_is_missing_cut_added_or_swapped_is_found() {
    for (name, damage, wanted) in [
        ("peers.csv", None, Condition::Missing),
        ("state.json", None, Condition::Missing),
        ("diagnosis.json", None, Condition::Missing),
        ("intervals.jsonl", None, Condition::Missing),
        ("listeners.csv", Some(""), Condition::Cut),
        ("state.json", Some("{}"), Condition::Cut),
    ] {
        let (_parent, path, _) = recorded();
        match damage {
            None => fs::remove_file(path.join(name)).unwrap(),
            Some(content) => fs::write(path.join(name), content).unwrap(),
        }
        let report = verify(&path).unwrap();
        assert_eq!(found(&report, name).condition, wanted, "{name}: {report:?}");
    }
    for name in [
        "connections.csv",
        "peers.csv",
        "intervals.jsonl",
        "state.json",
        "diagnosis.json",
    ] {
        let (_parent, path, _) = recorded();
        let mut bytes = fs::read(path.join(name)).unwrap();
        bytes.extend_from_slice(b"x\n");
        fs::write(path.join(name), bytes).unwrap();
        let report = verify(&path).unwrap();
        assert_eq!(
            found(&report, name).condition,
            Condition::Altered,
            "{name}: {report:?}"
        );
    }
}

/// Altered rows are found by the manifest even if their journal was made to agree.
#[test]
fn a_journal_that_was_made_to_agree_is_found() {
    let (_parent, path, _) = recorded();
    let text = fs::read_to_string(path.join("intervals.jsonl")).unwrap();
    let first = text.lines().next().unwrap();
    fs::write(
        path.join("intervals.jsonl"),
        text.replacen(first, &first.replace("\"rows\":10", "\"rows\":11"), 1),
    )
    .unwrap();
    let report = verify(&path).unwrap();
    let journal = found(&report, "intervals.jsonl");
    assert_eq!(journal.condition, Condition::Altered);
    assert!(journal.details.contains("row 2"), "{journal:?}");
}

#[test]
fn a_running_recording_is_whole_up_to_now() {
    let (_parent, path, _recording) = unfinished(None, 3, 5);
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let report = verify(&path).unwrap();
    assert!(report.is_whole() && !report.stopped, "{report:?}");
    assert_eq!(report.up_to.clone().unwrap().0, 3);
    assert!(
        report.notes.iter().any(|note| note.contains("notes.txt")),
        "{:?}",
        report.notes
    );
}

#[test]
fn links_pipes_and_strange_manifests_are_told() {
    let (_parent, path, _) = recorded();
    fs::remove_file(path.join("peers.csv")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path.join("peers.csv")).unwrap();
    let report = verify(&path).unwrap();
    assert!(
        found(&report, "peers.csv").details.contains("symbolic link"),
        "{report:?}"
    );
    let deep = format!("{{\"schema\":{}", "[".repeat(1 << 20));
    for (manifest, wanted) in [
        ("", "is not a manifest"),
        ("[1]", "is not a manifest"),
        (r#"{"schema":"tcpreuse.evidence/2"}"#, "has the schema"),
        (r#"{"schema":7}"#, "is not a manifest"),
        (deep.as_str(), "is not a manifest"),
    ] {
        fs::write(path.join("manifest.json"), manifest).unwrap();
        let error = verify(&path).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.lines().count() == 1, "{error}");
    }
    fs::remove_file(path.join("manifest.json")).unwrap();
    let error = verify(&path).unwrap_err().to_string();
    assert!(error.contains("is not an evidence directory"), "{error}");
}

/// The last line of the journal with one of its numbers replaced; no line contains its own digest.
fn tamper_with_the_journal(path: &Path, field: &str, value: &str) {
    let journal = path.join("intervals.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let mut line: serde_json::Value = serde_json::from_str(last).unwrap();
    *line.pointer_mut(field).unwrap() = serde_json::from_str(value).unwrap();
    fs::write(&journal, format!("{before}\n{line}\n")).unwrap();
}

#[test]
fn numbers_at_their_limit_do_not_run_over() {
    const MOST: &str = "18446744073709551615";
    for (field, value) in [
        ("/interval", MOST),
        ("/connections/rows", MOST),
        ("/connections/bytes", MOST),
        ("/monotonic_ns", MOST),
        ("/accounting/drift", "-9223372036854775808"),
    ] {
        let (_parent, path, _) = recorded();
        tamper_with_the_journal(&path, field, value);
        fs::write(path.join("connections.csv"), "").unwrap();
        assert!(!verify(&path).unwrap().is_whole(), "{field}");
    }
    // The next segment does not follow from such an interval.
    let (_parent, path, _) = recorded();
    tamper_with_the_journal(&path, "/interval", MOST);
    fs::copy(path.join("intervals.jsonl"), path.join("intervals-000001.jsonl")).unwrap();
    assert!(!verify(&path).unwrap().is_whole());
}

#[test]
fn losses_at_their_limit_do_not_run_over() {
    let (_parent, path, _) = recorded();
    fs::remove_file(path.join("state.json")).unwrap();
    let most = format!(
        "{{\"records_lost\":{0},\"programs_skipped\":{0},\"peers_dropped\":{0}}}",
        u64::MAX
    );
    let journal = path.join("intervals.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let last = last.replacen('{', &format!("{{\"losses\":{most},"), 1);
    fs::write(&journal, format!("{before}\n{last}\n")).unwrap();
    let loaded = crate::evidence::load::load(&path).unwrap();
    let diagnosis = loaded.judge.again(&loaded.sample, &loaded.options);
    let mut report = Vec::new();
    crate::report::json::write(&mut report, &diagnosis, &loaded.origin).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["accounting"]["events_lost"], u64::MAX);
}

#[test]
fn a_manifest_leads_to_no_file_elsewhere() {
    let (_parent, path, _) = recorded();
    let outside = path.join("../outside");
    fs::write(&outside, "secret").unwrap();
    let manifest = fs::read_to_string(path.join("manifest.json")).unwrap();
    for name in [
        "../outside",
        outside.to_str().unwrap(),
        "/proc/kcore",
        "/dev/zero",
    ] {
        let listed = format!("\"files\": {{\n    \"{name}\": {{\"bytes\": 7, \"sha256\": \"x\"}},");
        fs::write(
            path.join("manifest.json"),
            manifest.replacen("\"files\": {", &listed, 1),
        )
        .unwrap();
        let report = verify(&path).unwrap();
        let told = found(&report, name);
        assert!(
            told.details.contains("is not in the evidence directory"),
            "{told:?}"
        );
    }
}
