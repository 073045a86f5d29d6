//! Connections that stay open. Several processes hold them, because one process cannot open that many.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::churn::Churn;
use crate::namespace::Namespace;

/// Connections per process, which holds both ends; most machines allow twice as many open files.
const PER_PROCESS: u32 = 8000;

/// The number of the first client: those before it make connections of their own.
const FIRST: u32 = 1 << 14;

/// Printed by a holder process once its connections are open.
const READY: &str = "ready";

/// Command-line option of a holder process, followed by the number of its first client and the number of its
/// connections.
pub const ARGUMENT: &str = "--hold";

/// Open connections; dropping this closes them.
#[derive(Debug)]
pub struct Held(Vec<(Child, Option<ChildStdin>)>);

/// Opens connections in the calling thread's namespace, each from a different client address.
///
/// # Panics
/// If they cannot be opened.
pub fn hold(connections: u32) -> Held {
    let binary = std::env::current_exe().expect("this program's path");
    let mut held = Held(Vec::new());
    let mut said = Vec::new();
    for before in (0..connections).step_by(PER_PROCESS as usize) {
        let (first, count) = (FIRST + before, PER_PROCESS.min(connections - before));
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
        // Tells all processes to end first, then waits for each. All connections are closed afterwards.
        for (_, stdin) in &mut self.0 {
            drop(stdin.take());
        }
        for (child, _) in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// The holder process: keeps its connections open until its stdin is closed.
///
/// # Panics
/// If they cannot be opened.
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
