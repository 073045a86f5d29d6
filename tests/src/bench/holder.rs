//! Connections that stay open, more of them than one process may have: held by processes of their own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::churn::Churn;
use crate::namespace::Namespace;

/// Connections of one process, both ends of each: most machines allow so many files.
const PER_PROCESS: u32 = 8000;

/// What such a process says when its connections are open.
const READY: &str = "ready";

/// The argument that makes this program such a process; the number of its first client and how many
/// connections it holds follow.
pub const ARGUMENT: &str = "--hold";

/// Connections that are held for as long as this lives.
#[derive(Debug)]
pub struct Held(Vec<(Child, Option<ChildStdin>)>);

/// Opens so many connections in the calling thread's namespace, of one client address each.
///
/// # Panics
/// When they cannot be opened.
pub fn hold(connections: u32) -> Held {
    let binary = std::env::current_exe().expect("this program's path");
    let mut held = Held(Vec::new());
    let mut said = Vec::new();
    for first in (0..connections).step_by(PER_PROCESS as usize) {
        let count = PER_PROCESS.min(connections - first);
        let mut child = Command::new(&binary)
            .args([ARGUMENT, &first.to_string(), &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process that holds connections");
        said.push(BufReader::new(child.stdout.take().expect("its stdout")));
        let stdin = child.stdin.take();
        held.0.push((child, stdin));
    }
    for mut said in said {
        let mut line = String::new();
        said.read_line(&mut line).expect("its word");
        assert_eq!(line.trim_end(), READY, "connections are held");
    }
    held
}

impl Drop for Held {
    fn drop(&mut self) {
        // All at once, then each to its end: when this returns, all connections are closed.
        for (_, stdin) in &mut self.0 {
            drop(stdin.take());
        }
        for (child, _) in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// What such a process does: holds its connections until its stdin is closed.
///
/// # Panics
/// When they cannot be opened.
pub fn serve(first: u32, connections: u32) {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, most).expect("more open files");
    let mut churn = Churn::new(&Namespace::current());
    let pairs: Vec<_> = (first..first + connections)
        .map(|client| churn.turn(client))
        .collect();
    let _ = writeln!(std::io::stdout(), "{READY}");
    let _ = std::io::stdin().read(&mut [0]);
    drop(pairs);
}
