//! The tools in use today, which print a line per connection or per state change.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Seen, Stage};
use crate::programs;

/// A tool of Debian's package `libbpf-tools`.
#[derive(Debug)]
pub(super) struct Kind {
    name: &'static str,
    /// Lines printed for each connection between two sockets of this host.
    lines: u64,
    /// Positions of the ports in a line, counted from its end, because process names can contain spaces.
    ports_from_end: [usize; 2],
}

/// Prints a line for each end of a connection.
pub(super) const TCPLIFE: Kind = Kind {
    name: "tcplife",
    lines: 2,
    // LPORT RADDR RPORT TX_KB RX_KB MS
    ports_from_end: [5, 3],
};

/// Prints a line for each state change.
pub(super) const TCPSTATES: Kind = Kind {
    name: "tcpstates",
    lines: 10,
    // LPORT RADDR RPORT OLDSTATE -> NEWSTATE MS
    ports_from_end: [6, 4],
};

/// The Debian package that contains the tools.
pub(super) const PACKAGE: &str = "libbpf-tools";

/// Time limit for attaching, and for writing the remaining output.
const PATIENCE: Duration = Duration::from_secs(10);

/// Output that has not grown for this long is taken to be complete.
const SETTLED: Duration = Duration::from_millis(300);

/// The tools need tracefs. If it is not mounted, it is mounted in their own mount namespace.
const WITH_TRACEFS: &str = "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing; \
    exec \"$0\"";

/// A running tool, which writes to files.
pub struct Tool {
    kind: &'static Kind,
    child: Child,
    port: u16,
    out: PathBuf,
    errors: PathBuf,
}

impl Tool {
    pub(super) fn start(stage: &Stage, kind: &'static Kind) -> Result<Self, String> {
        let binary =
            find(kind.name).ok_or_else(|| format!("{} is not installed (package {PACKAGE})", kind.name))?;
        let (out, errors) = (stage.scratch.join("lines"), stage.scratch.join("errors"));
        let file =
            |path: &PathBuf| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", WITH_TRACEFS])
            .arg(binary)
            .stdin(Stdio::null())
            .stdout(file(&out)?)
            .stderr(file(&errors)?)
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let mut tool = Self {
            kind,
            child,
            port: stage.port,
            out,
            errors,
        };
        tool.wait_for_tracing()?;
        Ok(tool)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_tracing(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while !programs::is_attached(self.pid()) {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(&self.errors).unwrap_or_default();
                let last = said.lines().last().unwrap_or("it says nothing").to_owned();
                return Err(format!("does not trace here: {last}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(super) fn stop(mut self, connections: u64) -> Result<Seen, String> {
        self.settle();
        kill_process(Pid::from_child(&self.child), Signal::INT).map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())?;
        let text = fs::read(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        let port = self.port.to_string();
        let told = String::from_utf8_lossy(&text)
            .lines()
            .filter(|line| is_about(line, &port, self.kind.ports_from_end))
            .count() as u64;
        let expected = self.kind.lines * connections;
        Ok(Seen {
            expected,
            lost: expected.saturating_sub(told),
            drift: None,
        })
    }

    /// Waits until the output has stopped growing, or until the time limit.
    fn settle(&self) {
        let size = || fs::metadata(&self.out).map_or(0, |file| file.len());
        let begun = Instant::now();
        let (mut last, mut since) = (size(), Instant::now());
        while since.elapsed() < SETTLED && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
            let now = size();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.out);
        let _ = fs::remove_file(&self.errors);
    }
}

fn find(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin"]
        .iter()
        .map(|directory| PathBuf::from(directory).join(name))
        .find(|path| path.is_file())
}

/// Whether a line is about a socket with this port at either end.
fn is_about(line: &str, port: &str, ports_from_end: [usize; 2]) -> bool {
    let words: Vec<&str> = line.split_whitespace().rev().collect();
    ports_from_end
        .iter()
        .any(|place| words.get(*place) == Some(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_are_left_out() {
        let life = "22798   tmux: server     127.1.0.1       60688 127.0.0.1       33579 0.00   0.00   0.04";
        assert!(is_about(life, "33579", TCPLIFE.ports_from_end));
        assert!(is_about(life, "60688", TCPLIFE.ports_from_end));
        assert!(!is_about(life, "22798", TCPLIFE.ports_from_end));
        let state = "ffff8881cf3ed340 23265   churn      127.1.0.1       0     127.0.0.1       40649 \
                     CLOSE       -> SYN_SENT    0.000";
        assert!(is_about(state, "40649", TCPSTATES.ports_from_end));
        assert!(!is_about(state, "23265", TCPSTATES.ports_from_end));
        assert!(!is_about("SKADDR PID", "PID", TCPSTATES.ports_from_end));
    }
}
