//! `intervals.jsonl`: a line per interval, written when the interval's rows are on the disk.

use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::block::Extent;
use super::{Folder, block::hex, error::EvidenceError, rows::PerKind};
use crate::{
    model::{
        accounting::{Accounting, Losses},
        sample::Moment,
    },
    report::utc_ns,
};

/// A line is never longer than this, bytes.
const MAX_LINE: u64 = 64 << 10;

/// How far the files were at the end of an interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interval {
    /// Counts from 1 through all recordings in the directory.
    pub interval: u64,
    /// Which recording.
    pub session: u64,
    /// Which segment of the files.
    pub segment: u64,
    /// When the sample was taken, RFC 3339.
    pub at: String,
    /// The same on the monotonic clock, ns.
    pub monotonic_ns: u64,
    /// It is the last one of its recording: open connections are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// The identity and its check.
    pub accounting: Accounting,
    /// What was lost since the recording began; left out while nothing was.
    #[serde(skip_serializing_if = "is_default")]
    pub losses: Losses,
    /// Rows that could not be written so far.
    #[serde(skip_serializing_if = "is_default")]
    pub rows_not_written: u64,
    /// How far each file of rows was.
    #[serde(flatten)]
    pub rows: PerKind<Extent>,
    /// SHA-256 of the lines before in this journal.
    pub before: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Interval {
    /// When the sample was taken; `None` when that is no time.
    pub fn moment(&self) -> Option<Moment> {
        Some(Moment {
            monotonic_ns: self.monotonic_ns.min(1 << 62),
            utc_ns: utc_ns(&self.at)?,
        })
    }
}

/// What a journal came to.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The last whole line.
    pub last: Option<Interval>,
    /// Length, rows and digest of the whole lines.
    pub whole: Extent,
    /// Bytes of a line that was not finished.
    pub torn: u64,
}

/// Reads the lines of a journal one after the other.
///
/// # Errors
/// When the file cannot be read, or a line that is not the unfinished last one is no such line or
/// does not follow from those before it.
pub fn scan(
    folder: &Folder,
    name: &str,
    mut each: impl FnMut(&Interval) -> Result<(), EvidenceError>,
) -> Result<Ending, EvidenceError> {
    let path = folder.path_of(name);
    let mut file = BufReader::new(folder.open_file(name)?);
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
                return Err(EvidenceError::row(&path, row, "is longer than a line can be"));
            }
            ending.torn = read as u64;
            ending.whole.sha256 = hex(&digest.finalize());
            return Ok(ending);
        }
        let interval: Interval = serde_json::from_slice(&line)
            .map_err(|error| EvidenceError::row(&path, row, format!("is no line of a journal: {error}")))?;
        if interval.before != hex(&digest.clone().finalize()) {
            return Err(EvidenceError::row(
                &path,
                row,
                "the lines before it are not those that were written",
            ));
        }
        each(&interval)?;
        digest.update(&line);
        ending.whole.bytes += read as u64;
        ending.whole.rows = row;
        ending.last = Some(interval);
    }
}
