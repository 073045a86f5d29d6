//! `tcpreuse serve` in the background.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command},
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    namespace::Namespace,
    program::{begun, binary},
};

/// Where it listens by default. Each test has a namespace of its own, and so an address.
pub const ADDRESS: &str = "127.0.0.1:9779";

/// A `serve` in the background; killed on drop.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Agent {
    /// Starts it in a namespace, and returns once it traces and listens.
    ///
    /// # Panics
    /// If it does not begin.
    pub fn start(namespace: &Namespace, args: &[&str]) -> Self {
        Self::spawn(Command::new(binary()), namespace, args)
    }

    /// Starts it through a command to which the arguments are appended.
    ///
    /// # Panics
    /// If it does not begin.
    pub fn spawn(mut command: Command, namespace: &Namespace, args: &[&str]) -> Self {
        command
            .args(["serve", "--netns", &namespace.inode.to_string()])
            .args(args);
        let (child, errors) = begun(command, "tracing; listening on ");
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
        kill_process(Pid::from_child(&self.child), signal).expect("the agent");
    }

    /// Takes its stdout, to be read while it runs.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("its stdout")
    }

    /// Ends it as systemd does; returns exit code and stderr.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn end(mut self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        let status = self.child.wait().expect("the agent");
        let errors = self.errors.take().expect("its stderr").join();
        (status.code(), errors.expect("its stderr"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // A failed test must not leave the process behind. It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The reply to a GET at the default address: status and headers, and the body.
///
/// # Panics
/// If there is none.
pub fn get(path: &str) -> (String, String) {
    ask(&format!(
        "GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n"
    ))
}

/// The reply to a request at the default address, which ends the connection.
///
/// # Panics
/// If there is none.
pub fn ask(request: &str) -> (String, String) {
    ask_at(ADDRESS.parse().expect("an address"), request)
}

/// The same at another address.
///
/// # Panics
/// If there is no reply.
pub fn ask_at(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.write_all(request.as_bytes()).expect("a request sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}
