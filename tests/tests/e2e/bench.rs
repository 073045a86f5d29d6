//! The benchmarks produce measurements.

use std::process::Command;

use serde_json::Value;
use tcpreuse_tests::{need_root, program::sibling};

/// Only the short parts: listing sockets, recordings, and a report.
#[test]
fn a_quick_run_has_figures_and_judges_no_budget_that_it_did_not_measure() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let output = Command::new(sibling("tcpreuse-bench"))
        .args(["--quick", "sockets", "recordings", "report", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(report["schema"], "tcpreuse.bench/1");
    assert!(
        report["sockets"][0]["tcpreuse_ms"].as_f64().unwrap() > 0.0,
        "{report:#}"
    );
    assert!(report["recording"]["rows"].as_u64().unwrap() > 0, "{report:#}");
    assert!(report["day"]["kept_bytes"].as_u64().unwrap() > 0, "{report:#}");
    assert!(report["report"]["page_bytes"].as_u64().unwrap() > 0, "{report:#}");
    assert!(report["overhead"].is_null());
    for budget in report["budgets"].as_array().unwrap() {
        assert_eq!(budget["verdict"], "not-measured", "{budget:#}");
    }
}

/// Few peers and a short load, so no budget can be judged.
#[test]
fn the_agent_has_figures() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let output = Command::new(sibling("tcpreuse-bench"))
        .args(["--quick", "serve", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    for figure in ["fresh_scrape_cpu_ms", "scrape_cpu_ms", "scrapes_per_second"] {
        assert!(report["serve"][figure].as_f64().unwrap() > 0.0, "{report:#}");
    }
    assert!(report["serve"]["memory_after"].is_object(), "{report:#}");
}

/// Without the empty program, so no budget can be judged; a busy machine does not matter.
#[test]
fn reads_have_figures() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let output = Command::new(sibling("tcpreuse-bench"))
        .args(["--quick", "--peers", "20", "reads", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let traced = report["reads"]["traced"].as_array().unwrap();
    // No object was given.
    let (compared, ours) = traced.split_at(2);
    assert!(
        compared.iter().all(|subject| subject["obstacle"].is_string()),
        "{report:#}"
    );
    for subject in ours {
        for figure in ["http_ns", "http_ns_one_connection", "tls_ns"] {
            assert!(subject[figure]["median"].as_f64().unwrap() > 0.0, "{report:#}");
        }
    }
}

#[test]
fn what_is_no_part_is_refused() {
    let output = Command::new(sibling("tcpreuse-bench"))
        .arg("everything")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("tcpreuse-bench: there is no part everything"),
        "{said}"
    );
}
