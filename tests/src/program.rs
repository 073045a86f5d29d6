//! Runs the program under test as a user would.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::Once,
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use crate::namespace::Namespace;

/// Path of the program under test.
pub fn binary() -> PathBuf {
    hang_up_by_default();
    sibling("tcpreuse-under-test")
}

/// Makes SIGHUP end the program under test even if the tests run under `nohup`: signals that this process
/// handles have their default action in programs it starts.
fn hang_up_by_default() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let _inside = runtime.enter();
        // The handler stays installed; nothing needs to wait for the signal.
        drop(signal(SignalKind::hangup()).expect("a handler"));
    });
}

/// Path of another binary of this package.
///
/// # Panics
/// If the path of the test binary is unknown.
pub fn sibling(name: &str) -> PathBuf {
    // Cargo puts the binaries of this package one level above the test binary.
    let mut path = std::env::current_exe().expect("the test's own path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(name)
}

/// A copy of the binary that every user can run. It is deleted with the folder.
///
/// # Panics
/// If it cannot be copied.
pub fn for_everyone() -> (tempfile::TempDir, PathBuf) {
    let everyone = fs::Permissions::from_mode(0o755);
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), everyone.clone()).expect("a folder for everyone");
    let copy = folder.path().join("tcpreuse");
    // Copied by another process: a child that another test forks meanwhile would inherit a descriptor open
    // for writing, and exec would fail with ETXTBSY.
    let copied = Command::new("cp").arg(binary()).arg(&copy).status().expect("cp");
    assert!(copied.success(), "a copy");
    fs::set_permissions(&copy, everyone).expect("a copy for everyone");
    (folder, copy)
}

/// Runs the program until it ends.
///
/// # Panics
/// If it cannot be started.
pub fn run(args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program under test")
}

/// Starts a tracer and returns once its stderr contains `words`, which means that the programs are attached.
/// The thread returns everything that the tracer writes to stderr.
///
/// # Panics
/// If the tracer ends first.
pub fn begun(mut command: Command, words: &str) -> (Child, JoinHandle<String>) {
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

/// For how long it traces if it is not ended before: longer than any test takes on the busiest machine.
const TIME: &str = "1h";

/// A `diagnose --format json` in the background. It traces everything until [`Trace::finish`].
#[derive(Debug)]
pub struct Trace {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Trace {
    /// Starts it in a namespace, and returns once the programs are attached and existing connections are
    /// seeded.
    ///
    /// # Panics
    /// If tracing does not begin.
    pub fn start(namespace: &Namespace, args: &[&str]) -> Self {
        Self::spawn(Command::new(binary()), namespace, args)
    }

    /// Starts it through a command that ends in the path of the program, for example `setpriv … PROGRAM`. The
    /// arguments are appended.
    ///
    /// # Panics
    /// If tracing does not begin.
    pub fn spawn(mut command: Command, namespace: &Namespace, args: &[&str]) -> Self {
        command
            .args([
                "diagnose",
                "--format",
                "json",
                "--duration",
                TIME,
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

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running tracer");
    }

    /// Interrupts it as Ctrl-C does and returns its answer.
    ///
    /// # Panics
    /// If it does not exit successfully.
    pub fn finish(self) -> Diagnosis {
        self.end(Signal::INT)
    }

    /// Ends it with the given signal and returns its answer.
    ///
    /// # Panics
    /// If it does not exit successfully.
    pub fn end(self, signal: Signal) -> Diagnosis {
        self.end_saying(signal).0
    }

    /// Like [`Trace::end`], and also returns what it wrote to stderr.
    ///
    /// # Panics
    /// If it does not exit successfully.
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
        // A failed test must not leave the process behind. It may have ended already.
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
    /// If the answer has no list of peers.
    pub fn peers(&self) -> &[Value] {
        self.0["peers"].as_array().expect("peers")
    }

    /// The only peer with this name and direction.
    ///
    /// # Panics
    /// If there is none, or more than one.
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
    /// If it is missing or null.
    pub fn accounting(&self, name: &str) -> i64 {
        self.0["accounting"][name]
            .as_i64()
            .unwrap_or_else(|| panic!("{name} in {:#}", self.0["accounting"]))
    }

    /// Asserts that the accounting identity holds, that it agrees with the socket list, and that nothing was
    /// lost.
    ///
    /// # Panics
    /// If any of these is violated.
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
/// If it is missing or null.
pub fn figure(peer: &Value, name: &str) -> u64 {
    peer["figures"][name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} in {peer:#}"))
}

/// Value of `Seccomp` in `/proc/PID/status` for a process with a seccomp filter.
pub const SECCOMP_FILTER: u64 = 2;

/// A capability set or a flag from `/proc/PID/status`, read as hexadecimal.
///
/// # Panics
/// If there is no such process or field.
pub fn status_of(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .expect("a field");
    u64::from_str_radix(value.trim(), 16).expect("a number")
}
