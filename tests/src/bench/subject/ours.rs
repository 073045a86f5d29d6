//! tcpreuse itself, run as a user runs it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Seen, Stage};
use crate::program::binary;

/// A port on which nothing listens.
const NOBODY: u16 = 1;

/// How tcpreuse is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    BothEnds,
    /// Without a look at what is read.
    Turns,
    OneEnd,
    /// Nothing that is measured: a port of nobody's.
    Nothing,
    Record,
    /// The server's end alone.
    RecordServer,
}

/// A running tcpreuse.
pub struct Ours {
    child: Child,
    said: Option<JoinHandle<String>>,
    what: What,
    /// The recording.
    folder: Option<PathBuf>,
}

impl Ours {
    pub(super) fn start(stage: &Stage, what: What) -> Result<Self, String> {
        let mut command = Command::new(binary());
        let mut folder = None;
        match what {
            What::Record | What::RecordServer => {
                command.args(["record", "--out"]);
                command.arg(folder.insert(stage.scratch.join("recording")));
            }
            _ => {
                command.args(["diagnose", "--duration", "10m"]);
            }
        }
        let port = match what {
            What::BothEnds | What::Turns | What::Record => None,
            What::OneEnd | What::RecordServer => Some(stage.port),
            What::Nothing => Some(NOBODY),
        };
        match port {
            None => command.args(["--direction", "both"]),
            Some(port) => command.args(["--direction", "inbound", "--port", &port.to_string()]),
        };
        if what == What::Turns {
            command.arg("--no-peek");
        }
        command.args(["--format", "json", "--netns", &stage.netns.to_string()]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", binary().display()))?;
        let mut ours = Self {
            child,
            said: None,
            what,
            folder,
        };
        ours.wait_for_tracing()?;
        Ok(ours)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first progress line, which follows the first sample.
    fn wait_for_tracing(&mut self) -> Result<(), String> {
        let mut stderr = BufReader::new(self.child.stderr.take().expect("its stderr"));
        let mut said = String::new();
        while !said.contains("tracing,") && !said.contains("recording,") {
            match stderr.read_line(&mut said) {
                Ok(1..) => {}
                _ => return Err(format!("ended before tracing began: {}", said.trim_end())),
            }
        }
        self.said = Some(thread::spawn(move || {
            let mut rest = String::new();
            let _ = stderr.read_to_string(&mut rest);
            rest
        }));
        Ok(())
    }

    pub(super) fn stop(mut self, connections: u64) -> Result<Seen, String> {
        kill_process(Pid::from_child(&self.child), Signal::INT).map_err(|error| error.to_string())?;
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .expect("its stdout")
            .read_to_string(&mut out)
            .map_err(|error| error.to_string())?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let said = self.said.take().and_then(|said| said.join().ok());
        if !status.success() {
            return Err(format!("{status}: {}", said.unwrap_or_default().trim_end()));
        }
        let answer: Value = serde_json::from_str(&out).map_err(|error| error.to_string())?;
        let rows = match &self.folder {
            Some(folder) => Some(rows(&folder.join("connections.csv"))?),
            None => None,
        };
        let ends = match self.what {
            What::OneEnd | What::RecordServer => connections,
            What::BothEnds | What::Turns | What::Record => 2 * connections,
            What::Nothing => 0,
        };
        seen(&answer, rows, ends)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Compares an answer, and the number of rows in a recording, with the number of ends.
fn seen(answer: &Value, rows: Option<u64>, ends: u64) -> Result<Seen, String> {
    let accounting = &answer["accounting"];
    let count = |name: &str| {
        accounting[name]
            .as_u64()
            .ok_or_else(|| format!("its answer has no number `{name}`"))
    };
    let counted = count("opened")?.min(count("closed")?);
    let told = rows.map_or(counted, |rows| rows.min(counted));
    let admitted = count("events_lost")? + count("peers_dropped")? + count("connections_dropped")?;
    Ok(Seen {
        expected: ends,
        // Counts missing or surplus ends, or the losses that tcpreuse reports, whichever is greater: a
        // loss must not be hidden, and none may be invented.
        lost: ends.abs_diff(told).max(admitted),
        drift: accounting["drift"].as_i64(),
    })
}

/// Number of rows in a CSV file without its header. No cell may contain a line break.
fn rows(path: &std::path::Path) -> Result<u64, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = BufReader::new(file).lines().map_while(Result::ok).count();
    Ok((lines as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(opened: u64, closed: u64, lost: u64) -> Value {
        json!({"accounting": {"opened": opened, "closed": closed, "drift": 0, "events_lost": lost,
            "peers_dropped": 0, "connections_dropped": 0}})
    }

    #[test]
    fn what_is_missing_in_counts_or_rows_is_lost() {
        let lost = |opened, closed, lost, rows| seen(&answer(opened, closed, lost), rows, 200).unwrap().lost;
        assert_eq!(lost(200, 200, 0, None), 0);
        assert_eq!(lost(200, 199, 0, None), 1);
        assert_eq!(lost(202, 202, 0, None), 2);
        assert_eq!(lost(200, 200, 3, None), 3);
        assert_eq!(lost(200, 200, 0, Some(195)), 5);
    }

    #[test]
    fn an_answer_without_numbers_is_not_one_without_losses() {
        assert!(seen(&json!({"accounting": {"opened": 1}}), None, 1).is_err());
    }
}
