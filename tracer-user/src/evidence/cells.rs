//! The cells of the CSV files: writing and reading.

use std::{borrow::Cow, io::Write, net::IpAddr};

use jiff::Timestamp;

use crate::text::{defused, restored, sanitise};

/// Larger counts of connections, segments or turns are not plausible.
const MAX_COUNT: u64 = 1 << 40;

/// Larger numbers of bytes are not plausible for a connection or a peer.
const MAX_BYTES: u64 = 1 << 50;

/// Longer times are not plausible: 140 years.
const MAX_MS: u64 = 1 << 42;

/// Longer names are cut; the kernel's have 15 bytes.
const MAX_NAME: usize = 64;

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Unknown, an empty cell.
    Unknown,
    /// A number.
    Number(u64),
    /// `true` or `false`.
    Flag(bool),
    /// One of our own words.
    Word(&'static str),
    /// An address.
    Address(IpAddr),
    /// UTC, ns since 1970.
    Time(i128),
    /// A fraction of 1, in thousandths.
    Share(u16),
    /// Our own text, which needs no defusing.
    Plain(&'a str),
    /// Text from outside.
    Outside(&'a str),
}

/// What a column's cells are, apart from unknown ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellType {
    /// [`Cell::Number`].
    Number,
    /// [`Cell::Flag`].
    Flag,
    /// [`Cell::Share`].
    Share,
    /// [`Cell::Time`].
    Time,
    /// [`Cell::Address`].
    Address,
    /// [`Cell::Word`], [`Cell::Plain`] and [`Cell::Outside`].
    Text,
}

/// Converts cells to text, and caches the last second written, since most times are close together.
#[derive(Debug, Default)]
pub(super) struct Texts {
    second: Option<i128>,
    prefix: String,
    text: Vec<u8>,
}

impl Texts {
    /// The cell as in a CSV file, before quoting.
    pub(super) fn csv(&mut self, cell: Cell<'_>) -> &[u8] {
        self.text.clear();
        // Writing to memory cannot fail.
        let _ = match cell {
            Cell::Unknown => Ok(()),
            Cell::Number(number) => write!(self.text, "{number}"),
            Cell::Flag(flag) => write!(self.text, "{flag}"),
            Cell::Word(word) => self.text.write_all(word.as_bytes()),
            Cell::Plain(text) => self.text.write_all(text.as_bytes()),
            Cell::Address(address) => write!(self.text, "{address}"),
            Cell::Share(share) => write!(self.text, "{}.{:03}", share / 1000, share % 1000),
            Cell::Outside(text) => self.text.write_all(defused(text).as_bytes()),
            Cell::Time(utc_ns) => {
                let (second, nanos) = (utc_ns.div_euclid(1_000_000_000), utc_ns.rem_euclid(1_000_000_000));
                if self.second != Some(second) {
                    self.second = Some(second);
                    self.prefix = Timestamp::from_nanosecond(second * 1_000_000_000)
                        .map(|time| format!("{time:.0}"))
                        .unwrap_or_default();
                }
                match self.prefix.strip_suffix('Z') {
                    Some(prefix) => write!(self.text, "{prefix}.{nanos:09}Z"),
                    None => Ok(()),
                }
            }
        };
        &self.text
    }

    /// The cell as a JSON value.
    pub(super) fn json(&mut self, cell: Cell<'_>) -> serde_json::Value {
        match cell {
            Cell::Unknown => serde_json::Value::Null,
            Cell::Number(number) => number.into(),
            Cell::Flag(flag) => flag.into(),
            Cell::Share(share) => (f64::from(share) / 1000.0).into(),
            Cell::Outside(text) => sanitise(text).into(),
            other => String::from_utf8_lossy(self.csv(other)).into(),
        }
    }
}

/// The cells of one row, read in order.
pub(crate) struct Fields<'a> {
    record: &'a csv::ByteRecord,
    columns: &'static [&'static str],
    at: usize,
}

type Read<T> = Result<T, String>;

impl<'a> Fields<'a> {
    pub(super) fn new(record: &'a csv::ByteRecord, columns: &'static [&'static str]) -> Self {
        Self {
            record,
            columns,
            at: 0,
        }
    }

    /// Whether there are more cells.
    pub(super) fn is_more(&self) -> bool {
        self.at < self.record.len()
    }

    /// The next cell; `None` if it is empty.
    fn next(&mut self) -> Read<Option<&'a str>> {
        let bytes = self.record.get(self.at).ok_or("has too few cells")?;
        self.at += 1;
        match str::from_utf8(bytes) {
            Ok("") => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.wrong("is not valid UTF-8", bytes)),
        }
    }

    /// Describes what is wrong with the last cell read.
    fn wrong(&self, what: &str, bytes: &[u8]) -> String {
        let column = self.columns.get(self.at.saturating_sub(1)).unwrap_or(&"?");
        let text: String = String::from_utf8_lossy(bytes).chars().take(MAX_NAME).collect();
        format!("{column} {what}: {text:?}")
    }

    fn parsed<T>(&mut self, what: &str, parse: impl FnOnce(&str) -> Option<T>) -> Read<Option<T>> {
        let Some(text) = self.next()? else {
            return Ok(None);
        };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(what, text.as_bytes())),
        }
    }

    fn below(&mut self, limit: u64) -> Read<Option<u64>> {
        self.parsed("is not a valid number", |text| {
            text.parse().ok().filter(|number| *number <= limit)
        })
    }

    /// A value that must be present.
    pub(super) fn needed<T>(&self, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| self.wrong("must not be empty", b""))
    }

    pub(super) fn count(&mut self) -> Read<Option<u64>> {
        self.below(MAX_COUNT)
    }

    pub(super) fn bytes(&mut self) -> Read<Option<u64>> {
        self.below(MAX_BYTES)
    }

    pub(super) fn ms(&mut self) -> Read<Option<u64>> {
        self.below(MAX_MS)
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Read<Option<T>> {
        self.parsed("is not a valid number", |text| text.parse().ok())
    }

    /// A fraction of 1, in thousandths.
    pub(super) fn share(&mut self) -> Read<Option<u16>> {
        self.parsed("is not a number from 0 to 1", |text| {
            let share: f64 = text.parse().ok().filter(|share| (0.0..=1.0).contains(share))?;
            Some(thousandths(share))
        })
    }

    pub(super) fn flag(&mut self) -> Read<Option<bool>> {
        self.parsed("is neither true nor false", |text| text.parse().ok())
    }

    pub(super) fn address(&mut self) -> Read<Option<IpAddr>> {
        self.parsed("is not an address", |text| {
            text.parse().ok().map(|address: IpAddr| address.to_canonical())
        })
    }

    pub(super) fn time(&mut self) -> Read<Option<i128>> {
        self.parsed("is not a time like 2026-01-01T00:00:00.000000000Z", |text| {
            text.parse().ok().map(Timestamp::as_nanosecond)
        })
    }

    pub(super) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Read<Option<T>> {
        self.parsed("is not one of the allowed words", parse)
    }

    /// Text from outside, without the mark that defuses it.
    pub(super) fn outside(&mut self) -> Read<Option<Cow<'a, str>>> {
        let Some(text) = self.next()? else {
            return Ok(None);
        };
        Ok(Some(sanitise(restored(text)).chars().take(MAX_NAME).collect()))
    }
}

/// A fraction of 1, in thousandths.
pub(super) fn thousandths(share: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1000 after clamping"
    )]
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0).round() as u16;
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(cell: Cell<'_>) -> String {
        String::from_utf8(Texts::default().csv(cell).to_vec()).unwrap()
    }

    #[test]
    fn times_have_nine_digits_before_and_after_a_second() {
        let mut texts = Texts::default();
        for (ns, wanted) in [
            (1_767_225_600_000_000_001, "2026-01-01T00:00:00.000000001Z"),
            (1_767_225_600_999_999_999, "2026-01-01T00:00:00.999999999Z"),
            (1_767_225_601_000_000_000, "2026-01-01T00:00:01.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(texts.csv(Cell::Time(ns)), wanted.as_bytes());
        }
        assert_eq!(csv(Cell::Time(i128::MAX)), "");
    }

    #[test]
    fn formulas_are_defused_and_come_back() {
        for (name, wanted) in [
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@SUM", "'@SUM"),
            ("+1", "'+1"),
            ("java", "java"),
            ("'quoted", "'quoted"),
            ("\t=1", "'=1"),
            ("\u{202e}-1\n", "'-1"),
        ] {
            let cell = csv(Cell::Outside(name));
            assert_eq!(cell, wanted);
            let record = csv::ByteRecord::from(vec![cell.as_bytes()]);
            let read = Fields::new(&record, &["owner_comm"]).outside().unwrap().unwrap();
            assert_eq!(read, sanitise(name));
        }
    }

    #[test]
    fn wrong_cells_name_their_column() {
        let record = csv::ByteRecord::from(vec![&b"many"[..], b"\xff"]);
        let mut fields = Fields::new(&record, &["turns", "owner_comm"]);
        assert_eq!(
            fields.count().unwrap_err(),
            "turns is not a valid number: \"many\""
        );
        assert!(
            fields
                .outside()
                .unwrap_err()
                .starts_with("owner_comm is not valid UTF-8")
        );
    }

    #[test]
    fn shares_have_three_digits_and_come_back() {
        for (share, wanted) in [(0, "0.000"), (7, "0.007"), (970, "0.970"), (1000, "1.000")] {
            let cell = csv(Cell::Share(share));
            assert_eq!(cell, wanted);
            let record = csv::ByteRecord::from(vec![cell.as_bytes()]);
            assert_eq!(Fields::new(&record, &["confidence"]).share(), Ok(Some(share)));
        }
        for wrong in ["1.1", "-0.1", "NaN", "much"] {
            let record = csv::ByteRecord::from(vec![wrong.as_bytes()]);
            assert!(Fields::new(&record, &["confidence"]).share().is_err(), "{wrong}");
        }
    }
}
