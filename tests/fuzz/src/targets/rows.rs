//! Rows of CSV files: the first byte of an input selects the file, the rest is its text without the header.

use tcpreuse::testing::evidence::{fuzzing::rewritten, rows::Kind};

pub(super) fn run(input: &[u8]) {
    let Some((which, text)) = input.split_first() else {
        return;
    };
    let kind = Kind::ALL[usize::from(*which) % Kind::ALL.len()];
    let once = rewritten(kind, text);
    let twice = rewritten(kind, &once);
    assert_eq!(
        String::from_utf8_lossy(&twice),
        String::from_utf8_lossy(&once),
        "from {:?}",
        String::from_utf8_lossy(text)
    );
    for row in crate::rows(&once) {
        for cell in &row {
            crate::assert_harmless(cell);
            crate::assert_no_formula(cell);
        }
    }
}
