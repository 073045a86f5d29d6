//! `tcpreuse-storm` as a process: connections by the batch, in ways to end that it counts.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{eventually, namespace::Namespace, program::sibling, traffic::connections};

/// Ways to end, by their names in an answer, in the order in which the storm prints its own.
pub const REASONS: [&str; 3] = ["local_fin", "remote_rst", "remote_fin"];

/// A storm that has its port and waits to be told to begin.
pub struct Storm {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// The port that its servers listen on.
    pub port: String,
}

impl Storm {
    /// Gets one ready that takes this many seconds, in the calling thread's namespace.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn ready(namespace: &Namespace, seconds: &str) -> Self {
        // Otherwise connections in TIME_WAIT would use up the ports of a client's address.
        namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "20000");
        let mut child = Command::new(sibling("tcpreuse-storm"))
            .arg(seconds)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a storm");
        let input = child.stdin.take().expect("its input");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = lines.next().expect("its port").expect("a line");
        Self {
            child,
            input,
            lines,
            port,
        }
    }

    /// Lets it storm until all of its connections have ended, and returns how many ended in each of the
    /// [`REASONS`].
    ///
    /// # Panics
    /// If it does not say so.
    pub fn rage(&mut self) -> Vec<u64> {
        writeln!(self.input).expect("a storm that listens");
        let counts = (&mut self.lines).take(REASONS.len()).map(|line| {
            let line = line.expect("a line");
            let (_, count) = line.split_once(' ').expect("a way to end and a number");
            count.parse().expect("a number")
        });
        let counts = counts.collect();
        eventually("all connections to end", || connections().is_empty());
        counts
    }

    /// Ends it.
    ///
    /// # Panics
    /// If it failed.
    pub fn finish(mut self) {
        drop(self.input);
        assert!(self.child.wait().expect("its end").success());
    }
}
