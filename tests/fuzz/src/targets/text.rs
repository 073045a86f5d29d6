//! Text from outside, and names of processes in files of rows.

use tcpreuse::{
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
    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
}

/// A name goes into a row and comes back, however it looks.
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
    let read = String::from_utf8(read).expect("rows in UTF-8");
    let unquoted = read
        .trim_end_matches('\n')
        .splitn(13, ',')
        .last()
        .unwrap_or_default();
    let unquoted = match unquoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => unquoted.to_owned(),
    };
    assert_eq!(unquoted, defused(&name), "{read}");
}
