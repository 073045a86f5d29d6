//! Running other programs, and saying how far they are.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Between signs of life of a command whose output goes to a file.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often such a command is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Lines of the log that are shown when such a command fails.
const TAIL: usize = 15;

/// Writes to stderr. That it may be closed is no reason to stop.
pub(crate) fn complain(text: &str) {
    writeln!(io::stderr(), "{}", text.trim_end()).ok();
}

/// Runs a command with its output shown as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` failed ({status}), see its messages above", line(command));
    }
    Ok(())
}

/// Runs a command with its output shown as it comes, and leaves the judgement to the caller.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .with_context(|| format!("cannot start `{}`; is it installed?", line(command)))
}

/// Runs a command that takes long and says much: its output goes to the log, and only its end is shown
/// when it fails. `say` gets a sign of life now and then.
pub(crate) fn run_logged(command: &mut Command, log: &Path, say: impl Fn(&str)) -> Result<()> {
    let status = status_logged(command, log, say)?;
    if !status.success() {
        complain(&tail(&fs::read_to_string(log).unwrap_or_default(), TAIL));
        bail!(
            "`{}` failed ({status}), its whole output is in {}",
            line(command),
            log.display()
        );
    }
    Ok(())
}

/// The same, with the judgement left to the caller.
pub(crate) fn status_logged(command: &mut Command, log: &Path, say: impl Fn(&str)) -> Result<ExitStatus> {
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{}`; is it installed?", line(command)))?;

    let start = Instant::now();
    let mut next = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(POLL);
        if start.elapsed() >= next {
            say(&format!("… {} s", next.as_secs()));
            next += HEARTBEAT;
        }
    }
}

/// Runs a command and gives what it wrote to stdout; its messages are shown.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`; is it installed?", line(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", line(command), output.status);
    }
    Ok(output.stdout)
}

/// Whether a command succeeds; nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A child's exit code as our own; the shell's convention for one that a signal ended.
pub(crate) fn pass_on(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The command as one would type it: nobody types the path of the cargo that is running us.
pub(crate) fn line(command: &Command) -> String {
    let program = command.get_program();
    let name = Path::new(program)
        .file_name()
        .filter(|name| *name == "cargo")
        .unwrap_or(program);
    let words = [name].into_iter().chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last lines of a text, indented to stand apart.
fn tail(text: &str, count: usize) -> String {
    let mut lines: Vec<_> = text.lines().rev().take(count).collect();
    lines.reverse();
    lines.iter().map(|line| format!("  | {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_order() {
        assert_eq!(tail("1\n2\n3\n", 2), "  | 2\n  | 3\n");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn a_failure_names_the_command_and_the_log() {
        let log = std::env::temp_dir().join(format!("xtask-run-logged-{}", std::process::id()));
        let error = run_logged(Command::new("sh").args(["-c", "exit 7"]), &log, |_| ()).unwrap_err();
        fs::remove_file(&log).unwrap();
        let text = error.to_string();
        assert!(
            text.starts_with("`sh -c exit 7` failed (exit status: 7)"),
            "{text}"
        );
        assert!(text.contains(log.to_str().unwrap()), "{text}");
    }
}
