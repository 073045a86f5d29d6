//! Fuzz targets: everything that reads what others wrote. A target takes bytes, makes the program read them,
//! and wants more than that nothing panics: what was read is written and read the same, text has lost what could
//! move a cursor, damage is noticed, no sum runs over (the engine's build checks each).
//!
//! `cargo xtask fuzz` runs them with libFuzzer; inputs worth keeping are in `corpus`, a folder a target, and
//! those that once broke something in `regressions`. `cargo test` replays both.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a surprise has to stop the fuzzer"
)]

mod scratch;
mod targets;

pub use self::targets::{TARGETS, Target};

/// Wants text that may go to a terminal or into a log as one line.
pub(crate) fn assert_harmless(text: &str) {
    let bad = text
        .chars()
        .find(|c| c.is_control() || tcpreuse::testing::text::is_invisible(*c));
    assert_eq!(bad, None, "{text:?}");
}

/// Wants a cell of a table that no spreadsheet takes for a formula, in either width.
pub(crate) fn assert_no_formula(cell: &str) {
    let formula = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    assert!(!cell.starts_with(formula), "{cell}");
}

/// Rows of CSV without a header, as whoever opens the file sees them.
pub(crate) fn rows(text: &[u8]) -> impl Iterator<Item = csv::StringRecord> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text)
        .into_records()
        .map(|row| row.expect("rows in UTF-8"))
}
