//! The HTML report of a long recording with many peers.

pub(super) mod hour;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tcpreuse::testing::source::replay::Replay;

use super::{recordings::diagnose, timed};
use crate::{
    bench::math::{median, number},
    program::binary,
};

/// How often the report is made.
const TIMES: u32 = 3;

/// The report of a recording, and what it takes.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Number of peers in the recording.
    pub peers: u32,
    /// Rows of ended connections in it.
    pub rows: u64,
    /// Size of the recording, bytes.
    pub recording_bytes: u64,
    /// Time of `tcpreuse report`, ms.
    pub report_ms: f64,
    /// Size of the page, bytes.
    pub page_bytes: u64,
    /// Time of `diagnose --from`, ms.
    pub from_ms: f64,
    /// Time of one step back from its middle in `replay`, ms.
    pub back_ms: f64,
}

impl Reported {
    /// Size of the page, MB.
    pub fn page_mb(&self) -> f64 {
        number(self.page_bytes) / 1e6
    }
}

/// Makes a recording of an hour with this many peers, and its report.
///
/// # Errors
/// If it cannot be recorded or reported.
pub fn measure(peers: u32, intervals: u32, scratch: &Path) -> Result<Reported, String> {
    let folder = scratch.join("hour");
    let rows = hour::record(peers, intervals, &folder)?;
    let page = scratch.join("hour.html");
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let mut command = Command::new(binary());
        command.arg("report").arg(&folder).arg("--out").arg(&page);
        let (output, took) = timed(|| command.stdin(Stdio::null()).output());
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("report: {}", said.trim_end()));
        }
        times.push(took);
    }
    let from: Result<Vec<f64>, String> = (0..TIMES).map(|_| diagnose(&folder)).collect();
    let from_ms = median(&from?).unwrap_or(f64::NAN);
    let size = |path: &Path| fs::metadata(path).map(|file| file.len());
    let files = fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let sizes = files.flatten().filter_map(|file| size(&file.path()).ok());
    let reported = Reported {
        peers,
        rows,
        recording_bytes: sizes.sum(),
        report_ms: median(&times).unwrap_or(f64::NAN),
        page_bytes: size(&page).map_err(|error| error.to_string())?,
        from_ms,
        back_ms: back(&folder)?,
    };
    let _ = fs::remove_dir_all(&folder);
    Ok(reported)
}

/// Steps back from the middle as the player does: to the interval before the one that is wanted, and to that one.
fn back(folder: &Path) -> Result<f64, String> {
    let said = |error: tcpreuse::testing::evidence::EvidenceError| error.to_string();
    let mut replay = Replay::open(folder, None).map_err(said)?;
    let middle = replay.intervals() / 2;
    replay.go_to(middle).map_err(said)?;
    let mut times = Vec::new();
    for step in 1..=TIMES as usize {
        let (moved, took) = timed(|| {
            replay.go_to(middle - step - 1)?;
            replay.go_to(middle - step)
        });
        moved.map_err(said)?;
        times.push(took);
    }
    Ok(median(&times).unwrap_or(f64::NAN))
}
