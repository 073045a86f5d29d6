//! The demo, as a newcomer runs it.

use tcpreuse_tests::{
    need_root,
    program::{Diagnosis, run},
};

#[test]
fn every_client_gets_the_verdict_it_earned() {
    need_root!();
    let parent = tempfile::tempdir().unwrap();
    let report = parent.path().join("report.html");
    let output = run(&["demo", "--format", "json", "--report", report.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("checked: all 24 verdicts"), "{said}");
    let diagnosis = Diagnosis(serde_json::from_slice(&output.stdout).unwrap());
    diagnosis.assert_sound();
    assert_eq!(diagnosis.0["schema"], "tcpreuse.diagnosis/1");
    assert_eq!(diagnosis.0["answer"], "yes");
    for verdict in [
        "reusing",
        "fresh-per-request",
        "piling-up",
        "close-wait-leak",
        "insufficient-data",
    ] {
        assert!(
            diagnosis.peers().iter().any(|peer| peer["verdict"] == verdict),
            "{verdict}"
        );
    }
    // The course, each cause and single connections are those of the live run.
    let report = std::fs::read_to_string(report).unwrap();
    for part in [
        "opened a second",
        "close-wait-leak",
        "still open",
        "remote FIN",
        "</html>",
    ] {
        assert!(report.contains(part), "{part}");
    }
    // The server closes only after the last sample, which the report is about.
    assert!(!report.contains("local FIN"));
}
