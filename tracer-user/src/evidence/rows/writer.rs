//! Writes rows to a stream, for pipes.

use std::io::{self, Write};

use super::{ConnectionRow, Row};
use crate::evidence::{block::write_row, cells::Texts};

/// The format of rows in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// As in the file, with a header.
    Csv,
    /// One JSON object per line; unknown is `null`.
    Jsonl,
}

/// Writes rows of connections to a stream.
#[derive(Debug)]
pub struct RowWriter<W: Write> {
    csv: csv::Writer<Vec<u8>>,
    to: W,
    format: RowFormat,
    texts: Texts,
}

impl<W: Write> RowWriter<W> {
    /// Writes to `to`.
    pub fn new(to: W, format: RowFormat) -> Self {
        Self {
            csv: csv::Writer::from_writer(Vec::new()),
            to,
            format,
            texts: Texts::default(),
        }
    }

    /// The header, if the format has one.
    ///
    /// # Errors
    /// If the stream cannot be written.
    pub fn header(&mut self) -> io::Result<()> {
        match self.format {
            RowFormat::Csv => Ok(self.csv.write_record(ConnectionRow::COLUMNS)?),
            RowFormat::Jsonl => Ok(()),
        }
    }

    /// One row.
    ///
    /// # Errors
    /// If the stream cannot be written.
    pub fn row(&mut self, row: &ConnectionRow) -> io::Result<()> {
        match self.format {
            RowFormat::Csv => Ok(write_row(&mut self.csv, &mut self.texts, row)?),
            RowFormat::Jsonl => {
                let mut object = serde_json::Map::new();
                let mut columns = ConnectionRow::COLUMNS.iter();
                row.cells(&mut |cell| {
                    if let Some(column) = columns.next() {
                        object.insert((*column).to_owned(), self.texts.json(cell));
                    }
                });
                serde_json::to_writer(&mut self.to, &object)?;
                self.to.write_all(b"\n")
            }
        }
    }

    /// Flushes the stream.
    ///
    /// # Errors
    /// If the stream cannot be written: the system's error, such as a closed pipe.
    pub fn flush(&mut self) -> io::Result<()> {
        let fresh = csv::Writer::from_writer(Vec::new());
        let bytes = std::mem::replace(&mut self.csv, fresh)
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.to.write_all(&bytes)?;
        self.to.flush()
    }
}
