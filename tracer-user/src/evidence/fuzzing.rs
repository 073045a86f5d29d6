//! Gives `tests/fuzz` access to the rows, which are otherwise private. The program itself does not use it.

pub use super::extract::page as report;
use super::{
    block::write_row,
    cells::{Fields, Texts},
    rows::{ConnectionRow, EventRow, Kind, ListenerRow, PeerRow, Row},
};

/// Reads the text of a file of rows as far as possible, and writes what was read.
pub fn rewritten(kind: Kind, text: &[u8]) -> Vec<u8> {
    match kind {
        Kind::Connections => rewrite::<ConnectionRow>(text),
        Kind::Peers => rewrite::<PeerRow>(text),
        Kind::Listeners => rewrite::<ListenerRow>(text),
        Kind::Events => rewrite::<EventRow>(text),
    }
}

fn rewrite<R: Row>(text: &[u8]) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let (mut record, mut texts) = (csv::ByteRecord::new(), Texts::default());
    let mut writer = csv::Writer::from_writer(Vec::new());
    while let Ok(true) = reader.read_byte_record(&mut record) {
        let Ok(row) = R::read(&mut Fields::new(&record, R::COLUMNS)) else {
            break;
        };
        // Writing to memory cannot fail.
        let _ = write_row(&mut writer, &mut texts, &row);
    }
    writer.into_inner().unwrap_or_default()
}

/// A row as `record` writes it.
pub fn row(row: &ConnectionRow) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Likewise.
    let _ = write_row(&mut writer, &mut Texts::default(), row);
    writer.into_inner().unwrap_or_default()
}
