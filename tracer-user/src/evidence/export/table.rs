//! A Parquet file that is being written: rows wait in memory, column by column, until there are enough for a
//! row group.

use std::{io, net::IpAddr, path::PathBuf, sync::Arc};

use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{
        BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
    },
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesPtr},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::TypePtr},
};

use crate::{
    evidence::{
        EvidenceError,
        cells::{Cell, CellType},
        dir::Unfinished,
    },
    text::sanitise,
};

/// A row group has at most this many rows ...
const MAX_ROWS: usize = 1 << 16;

/// ... and at most this many values, each of which takes some 12 bytes while it waits.
const MAX_VALUES: usize = 1 << 21;

/// Level of compression.
const LEVEL: i32 = 3;

/// What follows the name of a column with an address in the name of the one with its bytes.
const BYTES: &str = "_bytes";

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Like the cells of a row. An address takes two columns: text and 16 bytes.
    Like(CellType),
    /// Numbers, as many in each row.
    Numbers,
}

/// A column that is known before there are rows.
pub(super) type Named = (String, Type);

/// How a schema names the types.
fn line((name, kind): &Named) -> String {
    let plain = |kind: &str, name: &str, note: &str| format!("optional {kind} {name}{note};");
    match kind {
        Type::Like(CellType::Number) => plain("int64", name, ""),
        Type::Like(CellType::Flag) => plain("boolean", name, ""),
        Type::Like(CellType::Share) => plain("double", name, ""),
        Type::Like(CellType::Time) => plain("int64", name, " (TIMESTAMP(NANOS,true))"),
        Type::Like(CellType::Text) => plain("binary", name, " (STRING)"),
        Type::Like(CellType::Address) => {
            let text = plain("binary", name, " (STRING)");
            let bytes = plain("fixed_len_byte_array(16)", &format!("{name}{BYTES}"), "");
            format!("{text} {bytes}")
        }
        Type::Numbers => {
            format!("optional group {name} (LIST) {{ repeated group list {{ required int64 element; }} }}")
        }
    }
}

/// The schema of a file with these columns.
///
/// # Errors
/// Never, unless a name is none.
pub(super) fn schema(columns: &[Named]) -> Result<TypePtr, ParquetError> {
    let lines: Vec<String> = columns.iter().map(line).collect();
    let message = format!("message tcpreuse {{ {} }}", lines.join(" "));
    parse_message_type(&message).map(Arc::new)
}

/// The values that wait of one column.
#[derive(Debug)]
enum Values {
    Numbers(Vec<i64>),
    Flags(Vec<bool>),
    Shares(Vec<f64>),
    Texts(Vec<ByteArray>),
    Addresses(Vec<FixedLenByteArray>),
    Lists(Vec<i64>, Vec<i16>),
}

#[derive(Debug)]
struct Column {
    values: Values,
    /// Whether there is a value, for each row; for lists, for each of its numbers.
    levels: Vec<i16>,
}

/// Adds a value, if there is one. Returns whether there is.
fn add<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let is_known = value.is_some();
    values.extend(value);
    is_known
}

const UNKNOWN: i16 = 0;
const KNOWN: i16 = 1;
const IN_LIST: i16 = 2;

impl Column {
    fn of(kind: Type) -> impl Iterator<Item = Self> {
        let (first, second) = match kind {
            Type::Like(CellType::Number | CellType::Time) => (Values::Numbers(Vec::new()), None),
            Type::Like(CellType::Flag) => (Values::Flags(Vec::new()), None),
            Type::Like(CellType::Share) => (Values::Shares(Vec::new()), None),
            Type::Like(CellType::Text) => (Values::Texts(Vec::new()), None),
            Type::Like(CellType::Address) => (Values::Texts(Vec::new()), Some(Values::Addresses(Vec::new()))),
            Type::Numbers => (Values::Lists(Vec::new(), Vec::new()), None),
        };
        [Some(first), second].into_iter().flatten().map(|values| Self {
            values,
            levels: Vec::new(),
        })
    }

    fn push(&mut self, cell: Cell<'_>) {
        let number = |n: u64| i64::try_from(n).ok();
        let text = |text: &str| Some(ByteArray::from(text.as_bytes().to_vec()));
        let is_known = match &mut self.values {
            Values::Numbers(values) => add(
                values,
                match cell {
                    Cell::Number(n) => number(n),
                    Cell::Time(ns) => i64::try_from(ns).ok(),
                    _ => None,
                },
            ),
            Values::Flags(values) => add(
                values,
                match cell {
                    Cell::Flag(flag) => Some(flag),
                    _ => None,
                },
            ),
            Values::Shares(values) => add(
                values,
                match cell {
                    Cell::Share(share) => Some(f64::from(share) / 1000.0),
                    _ => None,
                },
            ),
            Values::Texts(values) => add(
                values,
                match cell {
                    Cell::Word(word) => text(word),
                    Cell::Plain(plain) => text(plain),
                    Cell::Outside(outside) => text(&sanitise(outside)),
                    Cell::Address(address) => text(&address.to_string()),
                    _ => None,
                },
            ),
            Values::Addresses(_) | Values::Lists(..) => false,
        };
        match is_known {
            true => self.levels.push(KNOWN),
            false => self.unknown(),
        }
    }

    fn unknown(&mut self) {
        self.levels.push(UNKNOWN);
        if let Values::Lists(_, repetitions) = &mut self.values {
            repetitions.push(0);
        }
    }

    /// Writes what waits to a row group.
    fn write(&mut self, to: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        match &self.values {
            Values::Numbers(values) => to.typed::<Int64Type>().write_batch(values, levels, None),
            Values::Flags(values) => to.typed::<BoolType>().write_batch(values, levels, None),
            Values::Shares(values) => to.typed::<DoubleType>().write_batch(values, levels, None),
            Values::Texts(values) => to.typed::<ByteArrayType>().write_batch(values, levels, None),
            Values::Addresses(values) => to
                .typed::<FixedLenByteArrayType>()
                .write_batch(values, levels, None),
            Values::Lists(values, repetitions) => {
                to.typed::<Int64Type>()
                    .write_batch(values, levels, Some(repetitions))
            }
        }?;
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Numbers(values) => values.clear(),
            Values::Flags(values) => values.clear(),
            Values::Shares(values) => values.clear(),
            Values::Texts(values) => values.clear(),
            Values::Addresses(values) => values.clear(),
            Values::Lists(values, repetitions) => {
                values.clear();
                repetitions.clear();
            }
        }
    }
}

/// A file that is being written.
pub(super) struct Table {
    file: SerializedFileWriter<Unfinished>,
    columns: Vec<Column>,
    /// The column of the next value.
    at: usize,
    /// Rows and values that wait.
    waiting: (usize, usize),
    rows: u64,
    path: PathBuf,
}

impl Table {
    /// Begins a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn begin(
        (file, path): (Unfinished, PathBuf),
        columns: &[Named],
        about: Vec<KeyValue>,
    ) -> Result<Self, EvidenceError> {
        let failed = |error| failed(&path, error);
        let file = SerializedFileWriter::new(file, schema(columns).map_err(failed)?, properties(about))
            .map_err(failed)?;
        Ok(Self {
            file,
            columns: columns.iter().flat_map(|(_, kind)| Column::of(*kind)).collect(),
            at: 0,
            waiting: (0, 0),
            rows: 0,
            path,
        })
    }

    fn next(&mut self) -> Option<&mut Column> {
        self.at += 1;
        self.waiting.1 += 1;
        self.columns.get_mut(self.at - 1)
    }

    /// The next value of the row. An address also fills the column after.
    pub(super) fn put(&mut self, cell: Cell<'_>) {
        let Some(column) = self.next() else { return };
        column.push(cell);
        match cell {
            Cell::Address(address) => self.put_bytes(Some(address)),
            _ if self.next_is_bytes() => self.put_bytes(None),
            _ => {}
        }
    }

    /// Whether the next column has the bytes of the address before it.
    fn next_is_bytes(&self) -> bool {
        let next = self.columns.get(self.at);
        next.is_some_and(|column| matches!(column.values, Values::Addresses(_)))
    }

    fn put_bytes(&mut self, address: Option<IpAddr>) {
        let Some(column) = self.next() else { return };
        match (&mut column.values, address) {
            (Values::Addresses(values), Some(address)) => {
                let octets = match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped(),
                    IpAddr::V6(address) => address,
                };
                values.push(octets.octets().to_vec().into());
                column.levels.push(KNOWN);
            }
            _ => column.unknown(),
        }
    }

    /// The next value of the row, which is a list.
    pub(super) fn put_numbers(&mut self, numbers: Option<&[u32]>) {
        let Some(column) = self.next() else { return };
        match (&mut column.values, numbers) {
            (Values::Lists(values, repetitions), Some(numbers)) if !numbers.is_empty() => {
                values.extend(numbers.iter().map(|n| i64::from(*n)));
                column.levels.resize(column.levels.len() + numbers.len(), IN_LIST);
                repetitions.push(0);
                repetitions.resize(repetitions.len() + numbers.len() - 1, 1);
                self.waiting.1 += numbers.len() - 1;
            }
            _ => column.unknown(),
        }
    }

    /// Ends a row. Columns without a value are unknown.
    ///
    /// # Errors
    /// If a row group is complete and cannot be written.
    pub(super) fn end_row(&mut self) -> Result<(), EvidenceError> {
        while let Some(column) = self.columns.get_mut(self.at) {
            column.unknown();
            self.at += 1;
        }
        self.at = 0;
        self.rows += 1;
        self.waiting.0 += 1;
        match self.waiting {
            (rows, values) if rows >= MAX_ROWS || values >= MAX_VALUES => self.flush(),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), EvidenceError> {
        if std::mem::take(&mut self.waiting) == (0, 0) {
            return Ok(());
        }
        let mut write = || {
            let mut group = self.file.next_row_group()?;
            for column in &mut self.columns {
                let Some(mut to) = group.next_column()? else { break };
                column.write(&mut to)?;
                to.close()?;
            }
            group.close().map(drop)
        };
        write().map_err(|error| failed(&self.path, error))
    }

    /// Completes the file. Returns its rows and its length.
    ///
    /// # Errors
    /// If it cannot be written; then it is removed.
    pub(super) fn finish(mut self) -> Result<(u64, u64), EvidenceError> {
        self.flush()?;
        let (rows, path) = (self.rows, self.path);
        let file = self.file.into_inner().map_err(|error| failed(&path, error))?;
        Ok((rows, file.finish()?))
    }
}

fn properties(about: Vec<KeyValue>) -> WriterPropertiesPtr {
    let level = ZstdLevel::try_new(LEVEL).unwrap_or_default();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("tcpreuse ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about));
    Arc::new(properties.build())
}

/// An error of the library, which has that of the system in it.
fn failed(path: &std::path::Path, error: ParquetError) -> EvidenceError {
    let error = match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    };
    EvidenceError::io(path, "cannot write it", error)
}
