//! The speed of diagnosing a recording, and what a day of recording leaves on disk.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tcpreuse::testing::evidence::recording::day::{self, Day, Host};

use super::timed;
use crate::{
    bench::{
        churn::Churn,
        math::{number, share},
    },
    namespace::Namespace,
    program::binary,
};

/// Number of clients in the recording.
const PEERS: u32 = 1000;

/// Time limit for making the recording; a slow machine makes a smaller one.
const PATIENCE: Duration = Duration::from_secs(60);

/// The recording and the time its diagnosis takes.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Number of rows of ended connections.
    pub rows: u64,
    /// `diagnose --from` with `state.json`, ms.
    pub from_state_ms: f64,
    /// The same without `state.json`, so that every row is counted again, ms.
    pub from_rows_ms: f64,
}

impl Recorded {
    /// Rows per second when every row is counted again.
    pub fn rows_per_second(&self) -> Option<f64> {
        share(number(self.rows), self.from_rows_ms / 1e3)
    }
}

/// Records both ends of `connections` connections and diagnoses the recording.
///
/// # Errors
/// If it cannot be recorded or diagnosed.
///
/// # Panics
/// If not root.
pub fn measure(connections: u64, scratch: &Path) -> Result<Recorded, String> {
    let folder = scratch.join("recording");
    record(connections, &folder)?;
    let recorded = diagnosed_twice(&folder);
    let _ = fs::remove_dir_all(&folder);
    recorded
}

/// What a day leaves on disk of a host with this many known peers, some of which open and close a connection
/// each second.
///
/// # Errors
/// If it cannot be recorded.
pub fn day(peers: u32, moving: u32, scratch: &Path) -> Result<Day, String> {
    let folder = scratch.join("day");
    let host = Host {
        peers,
        moving,
        every: 1,
    };
    let day = day::of(host, &folder);
    let _ = fs::remove_dir_all(&folder);
    day
}

fn record(connections: u64, folder: &Path) -> Result<(), String> {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut churn = Churn::new(&namespace);
    let mut child = Command::new(binary())
        .args(["record", "--direction", "both", "--netns"])
        .arg(namespace.inode.to_string())
        .arg("--out")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains("recording,") {
        if !matches!(stderr.read_line(&mut said), Ok(1..)) {
            return Err(format!("ended before tracing began: {}", said.trim_end()));
        }
    }
    churn.until(PEERS, |made, begun| {
        made >= connections || begun.elapsed() > PATIENCE
    });
    kill_process(Pid::from_child(&child), Signal::INT).map_err(|error| error.to_string())?;
    let _ = stderr.read_to_string(&mut said);
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("record: {status}: {}", said.trim_end()))
    }
}

fn diagnosed_twice(folder: &Path) -> Result<Recorded, String> {
    let rows = fs::read(folder.join("connections.csv")).map_err(|error| error.to_string())?;
    let rows = rows.split(|byte| *byte == b'\n').count().saturating_sub(2) as u64;
    let from_state_ms = diagnose(folder)?;
    fs::remove_file(folder.join("state.json")).map_err(|error| format!("state.json: {error}"))?;
    let from_rows_ms = diagnose(folder)?;
    Ok(Recorded {
        rows,
        from_state_ms,
        from_rows_ms,
    })
}

/// The time of `diagnose --from`, ms.
pub(super) fn diagnose(folder: &Path) -> Result<f64, String> {
    let mut command = Command::new(binary());
    command.arg("diagnose").arg("--from").arg(folder);
    let (output, took) = timed(|| command.stdin(Stdio::null()).output());
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(took)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("diagnose --from: {}", said.trim_end()))
    }
}
