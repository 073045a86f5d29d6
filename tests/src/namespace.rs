//! A network namespace for one test.

use std::{
    fs::{self, File},
    os::{fd::AsFd, unix::fs::MetadataExt},
    process::{Child, Command},
};

use rustix::{
    mount::{MountPropagationFlags, mount_change},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe},
};

/// The namespace that the calling thread has entered. The kernel removes it with its last thread and socket.
#[derive(Debug)]
pub struct Namespace {
    /// Its inode number, for `--netns`.
    pub inode: u32,
}

impl Namespace {
    /// Moves the calling thread into a new namespace whose loopback device is up. Threads and processes
    /// started from then on are in it too.
    ///
    /// # Panics
    /// If not root.
    pub fn new() -> Self {
        // SAFETY: this unshares only the network namespace, on which no memory or open file depends.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("a new network namespace");
        let namespace = Self::current();
        namespace.run("ip link set lo up");
        namespace
    }

    /// The namespace of the calling thread.
    ///
    /// # Panics
    /// If `/proc` is not mounted.
    pub fn current() -> Self {
        let inode = fs::metadata("/proc/thread-self/ns/net")
            .expect("a network namespace")
            .ino();
        Self {
            inode: u32::try_from(inode).expect("an inode number of the namespace file system"),
        }
    }

    /// Starts a process that keeps the namespace visible: other processes cannot find a namespace that only a
    /// thread is in.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn resident(&self) -> Resident {
        Resident(Command::new("sleep").arg("600").spawn().expect("sleep"))
    }

    /// Runs a command line in the namespace. It is split at spaces; there is no quoting.
    ///
    /// # Panics
    /// If it fails.
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

    /// Sets a sysctl of the namespace, as `sysctl -w` does.
    ///
    /// # Panics
    /// If there is no such sysctl.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// Gives the calling thread, and what it starts from then on, mounts of its own: nobody else sees what is
/// mounted there, and the kernel removes it with the last of them.
///
/// # Panics
/// If not root.
pub fn own_mounts() {
    // SAFETY: this unshares only the mounts and the working directory, on which no memory or open file
    // depends.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.expect("a new mount namespace");
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", flags).expect("mounts that nobody shares");
}

/// A process that only keeps a namespace visible; killed on drop.
#[derive(Debug)]
pub struct Resident(Child);

impl Resident {
    /// Its process ID, by which `ip link … netns PID` finds the namespace.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Moves the calling thread into its namespace.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn enter(&self) {
        let file = File::open(format!("/proc/{}/ns/net", self.pid())).expect("its namespace");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root's rights");
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}
