//! A network namespace for one test.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Child, Command},
};

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The namespace the calling thread has moved into. It goes when its last thread and socket do.
#[derive(Debug)]
pub struct Namespace {
    /// Its inode number, for `--netns`.
    pub inode: u32,
}

impl Namespace {
    /// Moves the calling thread into a new namespace with a loopback device that is up. Threads
    /// and processes it starts from then on are in it too.
    ///
    /// # Panics
    /// Without root.
    pub fn new() -> Self {
        // SAFETY: only the network namespace is unshared, which no memory or file depends on.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("a new network namespace");
        let namespace = Self::current();
        namespace.run("ip link set lo up");
        namespace
    }

    /// The namespace the calling thread is in.
    ///
    /// # Panics
    /// Without `/proc`.
    pub fn current() -> Self {
        let inode = fs::metadata("/proc/thread-self/ns/net")
            .expect("a network namespace")
            .ino();
        Self {
            inode: u32::try_from(inode).expect("an inode number of the namespace file system"),
        }
    }

    /// A process in the namespace, for as long as the result lives: a namespace that only a thread
    /// is in cannot be found by others.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn resident(&self) -> Resident {
        Resident(Command::new("sleep").arg("600").spawn().expect("sleep"))
    }

    /// Runs a command line in the namespace; words are separated by spaces.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = Command::new(words[0])
            .args(&words[1..])
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Sets a network setting of the namespace, as `sysctl -w` does.
    ///
    /// # Panics
    /// When there is no such setting.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// A process that does nothing but be in a namespace.
#[derive(Debug)]
pub struct Resident(Child);

impl Drop for Resident {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}
