//! A network namespace for one test.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

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

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}
