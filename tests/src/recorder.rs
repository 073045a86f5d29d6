//! `tcpreuse record` in the background.

use std::{
    io::Read,
    path::Path,
    process::{Child, ChildStdout, Command},
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    namespace::Namespace,
    program::{begun, binary},
};

/// A `record` in the background; killed on drop.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Recorder {
    /// Starts it in a namespace, and returns once the programs are attached.
    ///
    /// # Panics
    /// If recording does not begin.
    pub fn start(namespace: &Namespace, out: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("record");
        Self::spawn(command, namespace, out, args)
    }

    /// Starts it through a command that ends in `record`, for example `nohup PROGRAM record`. Further
    /// arguments are appended.
    ///
    /// # Panics
    /// If recording does not begin.
    pub fn spawn(mut command: Command, namespace: &Namespace, out: &Path, args: &[&str]) -> Self {
        command
            .args(["--netns", &namespace.inode.to_string(), "--out"])
            .arg(out)
            .args(args);
        let (child, errors) = begun(command, "recording,");
        Self {
            child,
            errors: Some(errors),
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the recorder");
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes its stdout, to be read while it runs. [`Recorder::end`] cannot be used afterwards.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("its stdout")
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// If its status cannot be read.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the recorder").is_some()
    }

    /// Waits for it to end; returns exit code and stderr.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("the recorder");
        let errors = self.errors.take().expect("its stderr").join();
        (status.code(), errors.expect("its stderr"))
    }

    /// Ends it with a signal; returns exit code, stdout and stderr.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn end(mut self, signal: Signal) -> (Option<i32>, String, String) {
        self.signal(signal);
        let mut out = String::new();
        self.stdout().read_to_string(&mut out).expect("its stdout");
        let (code, errors) = self.wait();
        (code, out, errors)
    }

    /// Interrupts it as Ctrl-C does and returns what it printed.
    ///
    /// # Panics
    /// If it does not exit successfully.
    pub fn finish(self) -> String {
        let (code, out, errors) = self.end(Signal::INT);
        assert_eq!(code, Some(0), "{errors}");
        out
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A failed test must not leave the process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
