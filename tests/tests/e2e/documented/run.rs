//! One line of a page, from its start to what it leaves behind.

use std::{fs, io::Read, os::unix::process::CommandExt, path::Path, process::Stdio, thread, time::Duration};

use procfs::process::all_processes;
use rustix::process::{Pid, Signal, kill_process};
use tcpreuse_tests::{
    agent::{ADDRESS, Agent},
    documented::{commands, words},
    namespace::Namespace,
    program::begun,
    terminal::OnTerminal,
};

use super::stage::shell;

/// For how long a command that traces until it is interrupted is left at work.
const AT_WORK: Duration = Duration::from_millis(500);

/// What a reader does with a line.
#[derive(Debug, PartialEq, Eq)]
enum How {
    /// Waits for its end.
    ToItsEnd,
    /// Presses Ctrl-C some time after it has said this.
    Interrupted(&'static str),
    /// Looks at the screen, and presses `q`.
    Viewed,
}

fn how(line: &str) -> How {
    let commands = commands(line);
    let Some(arguments) = commands.first() else {
        return How::ToItsEnd;
    };
    let has = |flags: &[&str]| arguments.iter().any(|word| flags.contains(&word.as_str()));
    if has(&["--help", "--version", "--from", "-b"]) {
        return How::ToItsEnd;
    }
    match arguments.get(1).map(String::as_str) {
        Some("diagnose") => How::Interrupted("tracing,"),
        Some("record") => How::Interrupted("recording,"),
        Some("serve") => How::Interrupted("listening on "),
        Some("top" | "replay") | None => How::Viewed,
        Some(flag) if flag.starts_with('-') => How::Viewed,
        Some(_) => How::ToItsEnd,
    }
}

/// The files and folders that a line makes.
pub(super) fn made(line: &str) -> Vec<String> {
    let words = words(line);
    let pairs = words.iter().zip(words.iter().skip(1));
    let to = pairs.filter(|(word, _)| matches!(word.as_str(), ">" | "--out" | "--evidence" | "--parquet"));
    to.map(|(_, path)| path.clone())
        .filter(|path| path != "-")
        .collect()
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

fn is_empty(path: &Path) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().next().is_none();
    }
    fs::metadata(path).is_ok_and(|file| file.len() == 0)
}

/// Runs a line in the folder of a stage.
///
/// # Errors
/// What it has said, if it fails, or which file it did not make.
pub(super) fn run(line: &str, folder: &Path) -> Result<(), String> {
    let made = made(line);
    for path in &made {
        remove(&folder.join(path));
    }
    let _agent = line
        .contains(ADDRESS)
        .then(|| Agent::start(&Namespace::current(), &[]));
    let (is_success, said) = match how(line) {
        How::ToItsEnd => {
            let output = shell(line, folder).stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said)
        }
        How::Interrupted(at_work) => interrupted(line, folder, at_work),
        How::Viewed => viewed(line, folder),
    };
    if !is_success || said.contains("panicked") {
        return Err(said);
    }
    let missing = |path: &&String| !folder.join(path).exists() || is_empty(&folder.join(path));
    match made.iter().find(missing) {
        Some(path) => Err(format!("{path} is empty or was not made: {said}")),
        None => Ok(()),
    }
}

/// Whether it succeeds, and its stderr.
fn interrupted(line: &str, folder: &Path, at_work: &str) -> (bool, String) {
    let mut command = shell(line, folder);
    command.process_group(0);
    let (mut child, errors) = begun(command, at_work);
    thread::sleep(AT_WORK);
    let group = Pid::from_child(&child).as_raw_nonzero().get();
    // Not the whole group: what it writes to, such as jq, is to see its end.
    for process in all_processes().unwrap().flatten() {
        if process
            .stat()
            .is_ok_and(|stat| stat.pgrp == group && stat.comm == "tcpreuse")
        {
            kill_process(Pid::from_raw(process.pid).unwrap(), Signal::INT).unwrap();
        }
    }
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let status = child.wait().unwrap();
    (status.success(), errors.join().unwrap())
}

/// Whether it succeeds, and what is on the screen.
fn viewed(line: &str, folder: &Path) -> (bool, String) {
    let mut terminal = OnTerminal::start(shell(line, folder), (120, 40));
    terminal.wait_within(Duration::from_secs(20), "the view", |screen| {
        screen.contains("PEER")
    });
    terminal.type_in("q");
    let status = terminal.end();
    (status.success(), terminal.text())
}

#[test]
fn lines_are_ended_as_readers_end_them() {
    for (line, wanted) in [
        ("tcpreuse -p 443", How::Viewed),
        ("tcpreuse top -b -n 5", How::ToItsEnd),
        ("./tcpreuse replay DIR", How::Viewed),
        ("tcpreuse top --help", How::ToItsEnd),
        ("tcpreuse diagnose --netns web", How::Interrupted("tracing,")),
        ("tcpreuse diagnose --from DIR", How::ToItsEnd),
        ("jq . verdicts", How::ToItsEnd),
    ] {
        assert_eq!(how(line), wanted, "{line}");
    }
    assert_eq!(made("tcpreuse record --out - | jq . > a b"), ["a"]);
}
