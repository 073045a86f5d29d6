//! The HTML report of a long recording with many peers.

pub(in crate::bench) mod hour;

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

/// How many steps back are taken.
const STEPS: usize = 30;

/// The report of a recording, and what it takes.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Number of peers in the recording.
    pub peers: u32,
    /// Length of the recording, s.
    pub seconds: u32,
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
    /// The longest time of one of several steps back from its middle in `replay`, ms.
    pub back_ms: f64,
}

impl Reported {
    /// Length of the recording, h.
    pub fn hours(&self) -> f64 {
        f64::from(self.seconds) / f64::from(hour::HOUR)
    }

    /// Size of the recording, GB.
    pub fn recording_gb(&self) -> f64 {
        number(self.recording_bytes) / 1e9
    }

    /// Size of the page, MB.
    pub fn page_mb(&self) -> f64 {
        number(self.page_bytes) / 1e6
    }
}

/// Makes a recording of so many seconds with this many peers, and its report.
///
/// # Errors
/// If it cannot be recorded or reported.
pub fn measure(peers: u32, seconds: u32, intervals: u32, scratch: &Path) -> Result<Reported, String> {
    let folder = scratch.join("hour");
    let rows = hour::record(peers, seconds, intervals, &folder)?;
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
        seconds,
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

/// Steps back from the middle as the player does: to the interval before the one that is wanted, and to that
/// one. Returns the longest time, ms.
fn back(folder: &Path) -> Result<f64, String> {
    let said = |error: tcpreuse::testing::evidence::EvidenceError| error.to_string();
    let mut replay = Replay::open(folder, None).map_err(said)?;
    let middle = replay.intervals() / 2;
    replay.go_to(middle).map_err(said)?;
    let mut times = Vec::new();
    for step in 1..=STEPS.min(middle - 1) {
        let (moved, took) = timed(|| {
            replay.go_to(middle - step - 1)?;
            replay.go_to(middle - step)
        });
        moved.map_err(said)?;
        times.push(took);
    }
    Ok(times.into_iter().fold(f64::NAN, f64::max))
}
