//! Which process holds a socket: from the inode numbers of socket files to processes.
//!
//! The kernel's socket list gives the inode number; which processes have that file open only
//! `/proc` tells. One search ([`find`]) answers for any number of sockets, and [`Owners`] keeps
//! the answers from one interval to the next.

mod search;

use std::fmt;

use hashbrown::{HashMap, HashSet, hash_map::Entry};
use rustix::fs::CWD;

pub use search::{Search, find};

/// Sockets that were looked for in vain bring about a search on their own only after this many
/// times the pace of [`Owners::refresh`]: some, such as those io_uring holds, are never found.
const PATIENCE: u64 = 10;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// Its thread group id.
    pub pid: u32,
    /// Its name as the kernel has it, at most 15 bytes, without control and bidi characters.
    pub comm: String,
}

/// Who holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One process.
    Process(Process),
    /// Several, as with servers that fork after listen().
    Shared {
        /// The one the others come from: the first of the ancestors of the lowest pid that holds
        /// the socket too, else the lowest pid.
        first: Process,
        /// How many processes hold it.
        holders: u32,
    },
    /// No process was found.
    Unknown(Reason),
}

impl Owner {
    /// The process to name.
    pub fn process(&self) -> Option<&Process> {
        match self {
            Self::Process(process) | Self::Shared { first: process, .. } => Some(process),
            Self::Unknown(_) => None,
        }
    }
}

/// Why no process is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nobody has looked yet.
    NotYet,
    /// The socket has no file: it waits in an accept queue, or close() was called.
    NoFile,
    /// No process has it among its open files: it was closed since, is in flight between two
    /// processes, or is held by io_uring.
    Gone,
    /// As [`Reason::Gone`], but in this PID namespace not all processes can be seen.
    OtherPidNamespace,
    /// Not found, but the files of some processes could not be read.
    NotPermitted,
    /// Not found before the search came to its limit.
    TooManyFiles,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotYet => "not looked for yet",
            Self::NoFile => "no process has accepted it, or it has been closed",
            Self::Gone => "no process has it open any more",
            Self::OtherPidNamespace => "its process may be outside this PID namespace",
            Self::NotPermitted => "the open files of some processes could not be read; run as root",
            Self::TooManyFiles => "too many open files to look at all of them",
        })
    }
}

/// The process with this thread group id; `None` when it has ended.
///
/// The kernel half reports pids of the initial PID namespace: in another one they name no process
/// here, or the wrong one.
pub fn process(pid: u32) -> Option<Process> {
    let comm = search::comm(CWD, &format!("/proc/{pid}/comm")).ok()?;
    Some(Process { pid, comm })
}

/// What is known of the owners of the sockets that are wanted now.
#[derive(Debug, Default)]
pub struct Owners {
    search: Search,
    known: HashMap<u64, Owner>,
    searched_ns: Option<u64>,
}

impl Owners {
    /// Nothing known yet.
    pub fn new(search: Search) -> Self {
        Self {
            search,
            ..Self::default()
        }
    }

    /// Forgets what is not wanted any more, and searches when a wanted socket has no owner yet,
    /// but only `pace_ns` or more after the last search. Times are monotonic, ns.
    ///
    /// A search renews all answers, so they are as old as it is. One that does not find a socket
    /// again leaves the owner found before: the last holder says most about a socket that is just
    /// being closed.
    pub fn refresh(&mut self, wanted: &HashSet<u64>, now_ns: u64, pace_ns: u64) {
        self.known.retain(|inode, _| wanted.contains(inode));
        let wait_ns = if self.known.len() < wanted.len() {
            pace_ns
        } else if self.known.values().any(|owner| owner.process().is_none()) {
            pace_ns.saturating_mul(PATIENCE)
        } else {
            return;
        };
        if self
            .searched_ns
            .is_some_and(|then| now_ns.saturating_sub(then) < wait_ns)
        {
            return;
        }
        self.searched_ns = Some(now_ns);
        for (inode, owner) in find(wanted, &self.search) {
            match self.known.entry(inode) {
                Entry::Occupied(known) if owner.process().is_none() && known.get().process().is_some() => {}
                entry => {
                    entry.insert(owner);
                }
            }
        }
    }

    /// Who holds the socket with this inode number; without one, it has no file.
    pub fn of(&self, inode: Option<u64>) -> &Owner {
        static NO_FILE: Owner = Owner::Unknown(Reason::NoFile);
        static NOT_YET: Owner = Owner::Unknown(Reason::NotYet);
        inode.map_or(&NO_FILE, |inode| self.known.get(&inode).unwrap_or(&NOT_YET))
    }
}

#[cfg(test)]
mod tests;
