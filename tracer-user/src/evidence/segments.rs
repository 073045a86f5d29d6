//! The names of the files that grow: plain for the current segment, with a number for older ones.

use super::{Folder, JOURNAL, error::EvidenceError, rows::Kind};

/// Name of a file of rows of an older segment.
pub(super) fn rows_name(kind: Kind, segment: u64) -> String {
    format!("{}-{segment:06}.csv", kind.stem())
}

/// Name of a file of rows of the current segment.
pub(super) fn current_rows_name(kind: Kind) -> String {
    format!("{}.csv", kind.stem())
}

/// Name of the journal of an older segment.
pub(super) fn journal_name(segment: u64) -> String {
    format!("{JOURNAL}-{segment:06}.jsonl")
}

/// Name of the current journal.
pub(super) fn current_journal_name() -> String {
    format!("{JOURNAL}.jsonl")
}

/// The older segments that have a journal, in order.
pub(super) fn older(folder: &Folder) -> Result<Vec<u64>, EvidenceError> {
    let mut found: Vec<u64> = folder
        .names()?
        .iter()
        .filter_map(|name| {
            let number = name
                .strip_prefix(JOURNAL)?
                .strip_prefix('-')?
                .strip_suffix(".jsonl")?;
            number.parse().ok()
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// Where a segment's rows are: a recorder killed while it numbered a segment may have renamed some of its
/// files but not the journal.
pub(super) fn find(folder: &Folder, kind: Kind, segment: Option<u64>) -> String {
    let numbered = segment.map(|segment| rows_name(kind, segment));
    numbered
        .filter(|name| folder.open_file(name).is_ok())
        .unwrap_or_else(|| current_rows_name(kind))
}
