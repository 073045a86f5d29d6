//! `record`, `verify` and `diagnose --from`, on real traffic and failing disks.

mod disk;
mod from;
mod kill;
mod pipes;
mod whole;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    program::{binary, run},
    traffic::{source, visit},
};

/// A `record` in the background.
pub(crate) struct Recorder {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Recorder {
    pub(crate) fn start(namespace: &Namespace, out: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("record");
        Self::spawn(command, namespace, out, args)
    }

    pub(crate) fn spawn(mut command: Command, namespace: &Namespace, out: &Path, args: &[&str]) -> Self {
        let mut child = command
            .args(["--netns", &namespace.inode.to_string(), "--out"])
            .arg(out)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("recording,") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "ended at once: {said}");
        }
        let errors = thread::spawn(move || {
            stderr.read_to_string(&mut said).unwrap();
            said
        });
        Self {
            child,
            errors: Some(errors),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it; exit code, stdout, stderr.
    pub(crate) fn end(mut self, signal: Signal) -> (Option<i32>, String, String) {
        self.signal(signal);
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), out, self.errors.take().unwrap().join().unwrap())
    }

    /// Ends it as Ctrl-C does, and wants that to go well.
    pub(crate) fn finish(self) -> String {
        let (code, out, errors) = self.end(Signal::INT);
        assert_eq!(code, Some(0), "{errors}");
        out
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A place for an evidence directory.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    (parent, path)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Checks a directory, and gives what `verify` says.
fn verified(path: &Path) -> String {
    let output = run(&["verify", text(path)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The rows of a file, without the header.
fn rows(path: &Path, name: &str) -> Vec<String> {
    let content = fs::read_to_string(path.join(name)).unwrap();
    content.lines().skip(1).map(str::to_owned).collect()
}

/// A cell of a row: no cell of these tests needs quotes.
fn cell(row: &str, column: usize) -> &str {
    row.split(',').nth(column).unwrap()
}

/// Column of `close_reason` in `connections.csv`.
const CLOSE_REASON: usize = 10;

pub(crate) fn visits(threads: u16, each: u32, server: SocketAddr) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (0..each).for_each(|_| visit(source(thread), server)));
        }
    });
}
