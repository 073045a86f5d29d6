//! A virtual machine on an emulated CPU, which takes no privileges and no hardware support.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{commands::machine::Machine, process};

/// More than one, for what happens on several at once; not more than most machines have.
const CPUS: &str = "2";

const MEMORY: &str = "2G";

/// A process that does not outlive us. Its output is a report.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How a report ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With all that was to be said.
    Told,
    /// Before that.
    Broke,
    /// Not within the time it had.
    Late,
}

/// Boots a kernel with this file system. The console goes to the log, the report to the pipe. The
/// environment of the first process is given as `NAME=VALUE`, apart by spaces.
pub(super) fn boot(
    machine: &Machine,
    image: &Path,
    root: &Path,
    log: &Path,
    environment: &str,
) -> Result<Running> {
    let errors = log.with_extension("qemu.log");
    let errors = File::create(&errors).with_context(|| format!("cannot write {}", errors.display()))?;
    let mut console = std::ffi::OsString::from("file:");
    console.push(log);
    let mut command = Command::new(machine.emulator);
    command
        .args(machine.board)
        // With a thread per CPU, one may run into a breakpoint by which the kernel changes its own code (a
        // tracepoint is switched on) after the kernel is done with it, and panics.
        .args(["-accel", "tcg,thread=single", "-smp", CPUS, "-m", MEMORY])
        .args(["-nodefaults", "-display", "none", "-no-reboot"])
        .arg("-serial")
        .arg(console)
        .args(["-chardev", "stdio,id=report"])
        .args(machine.port)
        .arg("-append")
        // A kernel that panics ends the machine at once.
        .arg(format!(
            "console={} loglevel=5 panic=-1 oops=panic TCPREUSE_TEST_REPORT={} {environment}",
            machine.console, machine.report
        ))
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(root)
        .stderr(errors);
    start(&mut command)
}

/// Starts a process that reports on its output.
pub(super) fn start(command: &mut Command) -> Result<Running> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("cannot start `{}`", process::line(command)))?;
    Ok(Running(child))
}

impl Running {
    /// Hands over each line as it comes; `take` says whether it was the last.
    pub(super) fn follow(mut self, limit: Duration, mut take: impl FnMut(&str) -> bool) -> Result<End> {
        let output = self.0.stdout.take().context("it has no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let deadline = Instant::now() + limit;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if take(&line) => return Ok(End::Told),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(End::Broke),
                Err(RecvTimeoutError::Timeout) => return Ok(End::Late),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Running {
        start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_report_ends_in_one_of_three_ways() {
        let mut seen = Vec::new();
        let mut take = |line: &str| {
            seen.push(line.trim_end().to_owned());
            line == "done\n"
        };
        let limit = Duration::from_secs(60);
        assert_eq!(
            shell("echo one; echo done; exec sleep 60")
                .follow(limit, &mut take)
                .unwrap(),
            End::Told
        );
        assert_eq!(shell("echo two").follow(limit, &mut take).unwrap(), End::Broke);
        let begun = Instant::now();
        let late = shell("exec sleep 60").follow(Duration::from_millis(50), &mut take);
        assert_eq!(late.unwrap(), End::Late);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(seen, ["one", "done", "two"]);
    }
}
