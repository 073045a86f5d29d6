//! Rows of CSV files: the first byte chooses the file, the rest is its text without the header.

use tcpreuse::evidence::{fuzzing::rewritten, rows::Kind};

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
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(once.as_slice());
    for row in rows.records() {
        for cell in &row.expect("rows in UTF-8") {
            crate::assert_harmless(cell);
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
}
