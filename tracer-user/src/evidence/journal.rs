//! `intervals.jsonl`: one line per interval, written once its rows are on disk.

use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::block::Extent;
use super::{Folder, block::hex, error::EvidenceError, rows::PerKind, segments::Source};
use crate::{
    diagnosis::words,
    model::{
        accounting::{Accounting, Losses},
        sample::Moment,
    },
    report::utc_ns,
};

/// Maximum length of a line, bytes.
const MAX_LINE: u64 = 64 << 10;

/// The state of the files at the end of an interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interval {
    /// Counts from 1 over all recordings in the directory.
    pub interval: u64,
    /// The recording it belongs to.
    pub session: u64,
    /// The segment of the files.
    pub segment: u64,
    /// When the sample was taken, RFC 3339.
    pub at: String,
    /// The same on the monotonic clock, ns.
    pub monotonic_ns: u64,
    /// Whether it is the last of its recording, with rows for open connections.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// Whether `peers.csv` and `listeners.csv` have only the rows that changed since the interval before.
    /// Otherwise it is a key frame, with all of them, as in older recordings.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// By how much UTC was set, or how long the machine was suspended, since the interval before, ms.
    /// Negative if UTC was set back.
    #[serde(skip_serializing_if = "is_default")]
    pub clock_stepped_ms: i64,
    /// SHA-256 of the `state.delta` written after this line, if one was to be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_sha256: Option<String>,
    /// The accounting identity and its check.
    pub accounting: Accounting,
    /// Losses since the recording began; omitted while there are none.
    #[serde(skip_serializing_if = "is_default")]
    pub losses: Losses,
    /// Rows that could not be written so far.
    #[serde(skip_serializing_if = "is_default")]
    pub rows_not_written: u64,
    /// The extent of each file of rows.
    #[serde(flatten)]
    pub rows: PerKind<Extent>,
    /// SHA-256 of the preceding lines of this journal.
    pub before: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Interval {
    /// What happened to the clock since the interval before, in words.
    pub fn clock_stepped(&self) -> Option<String> {
        let by = words::duration(self.clock_stepped_ms.unsigned_abs().saturating_mul(1_000_000));
        match self.clock_stepped_ms {
            0 => None,
            1.. => Some(format!("the clock was set forward by {by}, or the machine slept")),
            _ => Some(format!("the clock was set back by {by}")),
        }
    }

    /// When the sample was taken; `None` if the time is invalid.
    pub fn moment(&self) -> Option<Moment> {
        Some(Moment {
            monotonic_ns: self.monotonic_ns.min(1 << 62),
            utc_ns: utc_ns(&self.at)?,
        })
    }
}

/// The end of a journal.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The last complete line.
    pub last: Option<Interval>,
    /// Length, rows and digest of the complete lines.
    pub whole: Extent,
    /// Length of an incomplete line, bytes.
    pub torn: u64,
}

/// Reads the lines of a journal in order.
///
/// # Errors
/// If the file cannot be read, or a line other than an incomplete last one is invalid or does not follow from
/// those before it.
pub fn scan(
    folder: &Folder,
    name: &str,
    mut each: impl FnMut(&Interval) -> Result<(), EvidenceError>,
) -> Result<Ending, EvidenceError> {
    let path = folder.path_of(name);
    let mut file = BufReader::new(Source::open(folder, name)?);
    let (mut digest, mut ending) = (Sha256::new(), Ending::default());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = Read::by_ref(&mut file)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| EvidenceError::io(&path, "cannot read it", error))?;
        let row = ending.whole.rows + 1;
        if read == 0 || line.last() != Some(&b'\n') {
            if read as u64 == MAX_LINE {
                return Err(EvidenceError::row(
                    &path,
                    row,
                    "exceeds the maximum length of a line",
                ));
            }
            ending.torn = read as u64;
            ending.whole.sha256 = hex(&digest.finalize());
            return Ok(ending);
        }
        let interval: Interval = serde_json::from_slice(&line).map_err(|error| {
            EvidenceError::row(&path, row, format!("is not a valid journal line: {error}"))
        })?;
        if interval.before != hex(&digest.clone().finalize()) {
            return Err(EvidenceError::row(
                &path,
                row,
                "the lines before it have been altered",
            ));
        }
        each(&interval)?;
        digest.update(&line);
        ending.whole.bytes += read as u64;
        ending.whole.rows = row;
        ending.last = Some(interval);
    }
}
