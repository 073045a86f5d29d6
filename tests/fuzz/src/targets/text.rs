//! Untrusted text, and process names in rows.

use tcpreuse::testing::{
    evidence::{fuzzing::rewritten, rows::Kind},
    text::{defused, sanitise},
    view::fit::visible,
};

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let clean = sanitise(&text);
    crate::assert_harmless(&clean);
    assert!(clean.len() <= text.len());
    assert_eq!(sanitise(&clean), clean);
    let shown = visible(&text);
    crate::assert_harmless(&shown);
    assert_eq!(visible(&shown), shown);
    let cell = defused(&text);
    crate::assert_harmless(&cell);
    crate::assert_no_formula(&cell);
}

/// Any name can be written into a row and read back.
pub(super) fn names(input: &[u8]) {
    let name: String = sanitise(&String::from_utf8_lossy(input))
        .chars()
        .take(64)
        .collect();
    if name.is_empty() {
        return;
    }
    let quoted = defused(&name).replace('"', "\"\"");
    let row = format!("2026-01-01T00:00:00.000000000Z,1,127.0.0.1,80,0,0,0,0,0,,,7,\"{quoted}\"\n");
    let read = rewritten(Kind::Listeners, row.as_bytes());
    let rows: Vec<_> = crate::rows(&read).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].get(12), Some(defused(&name).as_str()), "{rows:?}");
}
