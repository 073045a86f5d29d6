//! The demo, as a newcomer runs it.

use std::path::Path;

use serde_json::json;
use tcpreuse_tests::{
    browser::{Browser, PROGRAM},
    namespace::Namespace,
    need_root,
    program::{Diagnosis, run},
};

use crate::real_servers::are_installed;

/// What lies beside the screen, charts that are wider than it, and labels that lie on each other.
const MISPLACED: &str = "(() => {
    const wide = document.documentElement.clientWidth;
    const bad = [];
    if (document.documentElement.scrollWidth > wide) bad.push('the page scrolls sideways');
    const name = (chart) => chart.getAttribute('aria-label').slice(0, 40);
    for (const chart of document.querySelectorAll('.chart')) {
        const box = (part) => part.getBoundingClientRect();
        const { left, right } = box(chart);
        if (left < 0 || right > wide || right - left < 100) bad.push(name(chart) + ': ' + left + ' to ' + right);
        const texts = [...chart.querySelectorAll('text')].filter((text) => box(text).width > 0);
        for (const [n, text] of texts.entries()) {
            const one = box(text);
            const is_small = one.height < 10;
            const is_beside = one.left < 0 || one.right > wide;
            if (is_small || is_beside) bad.push(name(chart) + ': ' + text.textContent + ' at ' + one.left);
            for (const other of texts.slice(n + 1)) {
                const two = box(other);
                const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
                const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
                // Lines of bars are closer than their letters are high.
                if (across > 1 && down > 5) bad.push(name(chart) + ': ' + text.textContent + '/' + other.textContent);
            }
        }
    }
    return bad;
})()";

/// The report on a telephone, a tablet and a desk, by day and night, and on paper. Pictures of it are kept.
fn looks_well(report: &Path) {
    if !are_installed(&[PROGRAM]) {
        return;
    }
    let _namespace = Namespace::new();
    let url = format!("file://{}", report.display());
    let mut browser = Browser::open(&url);
    for width in [390, 768, 1280] {
        for scheme in ["light", "dark"] {
            browser.resize(width, scheme);
            assert_eq!(browser.value(MISPLACED), json!([]), "{width} px");
            browser.picture(&format!("report-{width}-{scheme}"));
        }
    }
    browser.print("report");
    assert_eq!(browser.asked(), [url]);
    assert!(browser.faults().is_empty(), "{:?}", browser.faults());
}

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
    let path = report;
    let report = std::fs::read_to_string(&path).unwrap();
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
    looks_well(&path);
}
