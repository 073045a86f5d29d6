use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
};

use super::*;
use crate::{
    diagnosis::Options,
    report::example::{example, example_called, sample},
};

fn metrics(max_peers: usize) -> Metrics {
    let mut counted = Counted::default();
    counted.look(&sample(), &Options::default());
    Metrics {
        counted: Arc::new(counted),
        diagnosis: Arc::new(example()),
        max_peers,
        sample_took: Some(Duration::from_millis(4)),
        process: None,
    }
}

/// The metrics of the example, for the documentation.
pub(crate) fn of_example() -> String {
    written(metrics(50), Style::OpenMetrics)
}

fn written(metrics: Metrics, style: Style) -> String {
    let mut text = String::new();
    metrics.write(style, &mut text).unwrap();
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn the_example_reads_as_promised() {
    insta::assert_snapshot!(written(metrics(50), Style::OpenMetrics));
}

/// The comments of a page have another form in each style, and so has the order of labels; the series are the
/// same.
#[test]
fn both_styles_have_the_same_series() {
    let series = |style| -> Vec<Vec<String>> {
        let text = written(metrics(50), style);
        let parts = |line: &str| {
            let mut parts: Vec<String> = line.split(['{', ',', '}']).map(str::to_owned).collect();
            parts.sort_unstable();
            parts
        };
        let mut lines: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(parts)
            .collect();
        lines.sort_unstable();
        lines
    };
    for (prometheus, open) in series(Style::Prometheus).iter().zip(&series(Style::OpenMetrics)) {
        assert_eq!(prometheus, open);
    }
    assert_eq!(series(Style::Prometheus).len(), series(Style::OpenMetrics).len());
    assert!(written(metrics(50), Style::OpenMetrics).ends_with("\n# EOF\n"));
}

#[test]
fn peers_beyond_the_bound_are_counted() {
    let text = written(metrics(1), Style::OpenMetrics);
    let peers = text
        .lines()
        .filter(|line| line.starts_with("tcpreuse_peer_connections{"));
    assert_eq!(peers.count(), 1);
    let accused = example().tally.accused;
    assert!(accused > 1, "the example accuses too few");
    assert!(
        text.contains(&format!("\ntcpreuse_peers_not_shown {}\n", accused - 1)),
        "{text}"
    );
}

/// The same peer in two network namespaces, or of two processes, would be the same series twice.
#[test]
fn no_series_appears_twice() {
    let mut metrics = metrics(50);
    let mut diagnosis = example();
    let mut twin = diagnosis.peers[0].clone();
    twin.id.netns += 1;
    diagnosis.peers.insert(0, twin);
    let mut listener = diagnosis.listeners[0].clone();
    listener.netns += 1;
    diagnosis.listeners.push(listener);
    metrics.diagnosis = Arc::new(diagnosis);
    let text = written(metrics, Style::OpenMetrics);
    let mut names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' ').map(|(name, _)| name))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_name_from_outside_cannot_leave_its_label() {
    let mut metrics = metrics(50);
    let mut diagnosis = example();
    let process = crate::model::owner::Process {
        pid: 1,
        comm: "a\"} 1\\".to_owned(),
        workload: None,
    };
    diagnosis.listeners[0].owner = crate::model::owner::Owner::Process(process);
    metrics.diagnosis = Arc::new(diagnosis);
    let text = written(metrics, Style::OpenMetrics);
    assert!(text.contains(r#"{port="8081",process="a\"} 1\\"} "#), "{text}");
}

#[test]
fn a_peer_is_labelled_with_its_name() {
    let mut metrics = metrics(50);
    metrics.diagnosis = Arc::new(example_called("a\"} 1"));
    let text = written(metrics, Style::OpenMetrics);
    let mut peers = text
        .lines()
        .filter(|line| line.starts_with("tcpreuse_peer_connections{"));
    assert!(peers.all(|line| line.contains(r#"name="a\"} 1""#)), "{text}");
}

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/prometheus");

/// What alerts and the dashboard ask for, there is.
#[test]
fn the_series_of_alerts_and_dashboard_exist() {
    let mut all = metrics(50);
    all.process = Some(ProcessFigures::read().unwrap());
    let text = written(all, Style::Prometheus);
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let families: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let asking = [
        include_str!("../../../../packaging/prometheus/tcpreuse.rules.yml"),
        include_str!("../../../../packaging/grafana/tcpreuse.json"),
    ];
    let names = asking.iter().flat_map(|text| text.split(|c| !is_part(c)));
    let mut asked = 0;
    for name in names.filter(|name| name.starts_with("tcpreuse_") || name.starts_with("process_")) {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| name.strip_suffix(part));
        assert!(families.contains(&family.unwrap_or(name)), "{name} is no metric");
        asked += 1;
    }
    assert!(asked > 30, "only {asked} were found");
    let runbook = include_str!("../../../../docs/src/runbook.md");
    for alert in alerts() {
        assert!(
            runbook.contains(&format!("\n## {alert}\n")),
            "the runbook lacks {alert}"
        );
    }
}

/// The names of the alerts that are shipped.
fn alerts() -> BTreeSet<&'static str> {
    let rules = include_str!("../../../../packaging/prometheus/tcpreuse.rules.yml");
    let lines = rules.lines();
    lines
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect()
}

/// An alert that no test raises might never be raised.
#[test]
fn each_alert_is_raised_in_one_test_and_not_in_another() {
    let tests = include_str!("../../../../packaging/prometheus/tcpreuse.rules.test.yml");
    let (mut raised, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for expectation in tests.split("- alertname: ").skip(1) {
        let name = expectation.lines().next().unwrap_or_default();
        match expectation.contains("exp_alerts:") {
            true => raised.insert(name),
            false => silent.insert(name),
        };
    }
    assert!(!raised.is_empty());
    assert_eq!(raised, alerts());
    assert_eq!(silent, alerts());
}

#[test]
fn the_alerts_do_what_their_tests_say() {
    let rules = [
        "check rules tcpreuse.rules.yml",
        "test rules tcpreuse.rules.test.yml",
    ];
    for arguments in rules {
        let ran = Command::new("promtool")
            .args(arguments.split(' '))
            .current_dir(RULES)
            .output();
        // Where promtool is not installed, there is nothing to ask.
        let Ok(ran) = ran else { return };
        let words = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(ran.status.success(), "{words}");
    }
}

/// `promtool` is Prometheus's own judge. Where it is not installed, there is nothing to ask.
#[test]
fn promtool_finds_no_fault() {
    let checking = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checking) = checking else { return };
    let mut metrics = metrics(50);
    metrics.process = Some(ProcessFigures::read().unwrap());
    let mut text = String::new();
    metrics.write(Style::Prometheus, &mut text).unwrap();
    checking.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = checking.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
}
