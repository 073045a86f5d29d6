//! Fuzz targets for everything that reads foreign input. A target feeds bytes to the program and checks more
//! than the absence of panics: values survive writing and rereading, text cannot move the cursor, damage is
//! detected, and no arithmetic overflows (the engine's build checks every operation).
//!
//! `cargo xtask fuzz` runs the targets with libFuzzer. Inputs worth keeping are in `corpus`, one folder per
//! target; those that once failed are in `regressions`. `cargo test` replays both.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "any failure must stop the fuzzer"
)]

mod scratch;
mod targets;

pub use self::targets::{TARGETS, Target};

/// Asserts that text is a single line that is safe to print on a terminal or in a log.
pub(crate) fn assert_harmless(text: &str) {
    let bad = text
        .chars()
        .find(|c| c.is_control() || tcpreuse::testing::text::is_invisible(*c));
    assert_eq!(bad, None, "{text:?}");
}

/// Asserts that no spreadsheet takes a cell for a formula, in either character width.
pub(crate) fn assert_no_formula(cell: &str) {
    let formula = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    assert!(!cell.starts_with(formula), "{cell}");
}

/// The rows of a CSV text without a header, as read by a common CSV reader.
pub(crate) fn rows(text: &[u8]) -> impl Iterator<Item = csv::StringRecord> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text)
        .into_records()
        .map(|row| row.expect("rows in UTF-8"))
}
