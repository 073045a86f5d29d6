//! The program under test, run as a user runs it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{namespace::Namespace, pace::pace};

/// The binary.
pub fn binary() -> PathBuf {
    sibling("tcpreuse-under-test")
}

/// A binary of this package.
///
/// # Panics
/// When the test does not know where it is itself.
pub fn sibling(name: &str) -> PathBuf {
    // Beside the test's own folder, where cargo puts the binaries of this package.
    let mut path = std::env::current_exe().expect("the test's own path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(name)
}

/// A copy of the binary that anyone may run, for as long as the folder lives.
///
/// # Panics
/// When it cannot be copied.
pub fn for_everyone() -> (tempfile::TempDir, PathBuf) {
    let everyone = fs::Permissions::from_mode(0o755);
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), everyone.clone()).expect("a folder for everyone");
    let copy = folder.path().join("tcpreuse");
    // By another process: what this one has open for writing, a child of another test may hold on to
    // for a moment, and such a file cannot be run.
    let copied = Command::new("cp").arg(binary()).arg(&copy).status().expect("cp");
    assert!(copied.success(), "a copy");
    fs::set_permissions(&copy, everyone).expect("a copy for everyone");
    (folder, copy)
}

/// Runs it to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program under test")
}

/// Starts a tracer, and returns when it has said these words on stderr: the programs are attached then. The
/// thread gives all that it says there.
///
/// # Panics
/// When it ends before that.
pub(crate) fn begun(mut command: Command, words: &str) -> (Child, JoinHandle<String>) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program under test");
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains(words) {
        assert_ne!(
            stderr.read_line(&mut said).expect("its stderr"),
            0,
            "ended before tracing began: {said}"
        );
    }
    let errors = thread::spawn(move || {
        stderr.read_to_string(&mut said).expect("its stderr");
        said
    });
    (child, errors)
}

/// A `diagnose --format json` in the background. Everything until [`Trace::finish`] is traced.
#[derive(Debug)]
pub struct Trace {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Trace {
    /// Starts it in a namespace, and returns when the programs are attached and what was open
    /// already has been counted.
    ///
    /// # Panics
    /// When tracing does not begin.
    pub fn start(namespace: &Namespace, args: &[&str]) -> Self {
        Self::start_for(namespace, Duration::from_secs(120 * u64::from(pace())), args)
    }

    /// The same, for as long as that at most.
    ///
    /// # Panics
    /// When tracing does not begin.
    pub fn start_for(namespace: &Namespace, time: Duration, args: &[&str]) -> Self {
        Self::spawn_for(Command::new(binary()), namespace, time, args)
    }

    /// Starts it by a command whose last words, those of the program, are still to come.
    ///
    /// # Panics
    /// When tracing does not begin.
    pub fn spawn(command: Command, namespace: &Namespace, args: &[&str]) -> Self {
        Self::spawn_for(
            command,
            namespace,
            Duration::from_secs(120 * u64::from(pace())),
            args,
        )
    }

    fn spawn_for(mut command: Command, namespace: &Namespace, time: Duration, args: &[&str]) -> Self {
        command
            .args([
                "diagnose",
                "--format",
                "json",
                "--duration",
                &format!("{}s", time.as_secs()),
                "--netns",
                &namespace.inode.to_string(),
            ])
            .args(args);
        let (child, errors) = begun(command, "tracing,");
        Self {
            child,
            errors: Some(errors),
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running tracer");
    }

    /// Ends it as Ctrl-C does and gives its answer.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn finish(self) -> Diagnosis {
        self.end(Signal::INT)
    }

    /// Ends it with another signal.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn end(self, signal: Signal) -> Diagnosis {
        self.end_saying(signal).0
    }

    /// The same, with what it said on stderr.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn end_saying(mut self, signal: Signal) -> (Diagnosis, String) {
        self.signal(signal);
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .expect("its stdout")
            .read_to_string(&mut out)
            .expect("its answer");
        let status = self.child.wait().expect("its end");
        let errors = self
            .errors
            .take()
            .expect("its errors")
            .join()
            .expect("its errors");
        assert!(status.success(), "{status}: {errors}");
        let answer = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"));
        (Diagnosis(answer), errors)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // A test that failed must not leave it behind; one that has ended does not mind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A parsed answer.
#[derive(Clone, Debug)]
pub struct Diagnosis(pub Value);

impl Diagnosis {
    /// All peers.
    ///
    /// # Panics
    /// When the answer has none of the promised shape.
    pub fn peers(&self) -> &[Value] {
        self.0["peers"].as_array().expect("peers")
    }

    /// The one peer with this name and direction.
    ///
    /// # Panics
    /// When there is none, or are two.
    pub fn peer(&self, name: &str, direction: &str) -> &Value {
        let mut found = self
            .peers()
            .iter()
            .filter(|peer| peer["peer"] == name && peer["direction"] == direction);
        let peer = found
            .next()
            .unwrap_or_else(|| panic!("no {direction} peer {name} in {:#}", self.0));
        assert!(found.next().is_none(), "{name} is there twice");
        peer
    }

    /// A number of the accounting block.
    ///
    /// # Panics
    /// When it is unknown.
    pub fn accounting(&self, name: &str) -> i64 {
        self.0["accounting"][name]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} in {:#}", self.0["accounting"]))
    }

    /// Wants the identity to hold, the socket list to agree, and nothing to be lost.
    ///
    /// # Panics
    /// When it is otherwise.
    pub fn assert_sound(&self) {
        let of = |name| self.accounting(name);
        assert_eq!(
            of("seeded") + of("opened") - of("closed"),
            of("open_now"),
            "{:#}",
            self.0["accounting"]
        );
        for lost in ["drift", "events_lost", "peers_dropped", "connections_dropped"] {
            assert_eq!(of(lost), 0, "{lost} in {:#}", self.0["accounting"]);
        }
    }
}

/// A figure of a peer.
///
/// # Panics
/// When it is unknown.
pub fn figure(peer: &Value, name: &str) -> u64 {
    peer["figures"][name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {peer:#}"))
}

/// `Seccomp` in `/proc/PID/status` of a process with a filter.
pub const SECCOMP_FILTER: u64 = 2;

/// A set of capabilities in `/proc/PID/status`, or a flag.
///
/// # Panics
/// When there is no such process or field.
pub fn status_of(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .expect("a field");
    u64::from_str_radix(value.trim(), 16).expect("a number")
}
