//! Processes, and which of them holds a socket.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::sanitise;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its thread group id.
    pub pid: u32,
    /// Its name as the kernel has it, at most 15 bytes, without control and bidi characters.
    pub comm: String,
}

/// Who holds a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// Makes the names harmless, where they were read from a file.
    pub fn sanitise(&mut self) {
        if let Self::Process(process) | Self::Shared { first: process, .. } = self {
            process.comm = sanitise(&process.comm);
        }
    }

    /// How many processes hold it; `None` when that is not known.
    pub fn holders(&self) -> Option<u32> {
        match self {
            Self::Process(_) => Some(1),
            Self::Shared { holders, .. } => Some(*holders),
            Self::Unknown(_) => None,
        }
    }
}

/// Why no process is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
            Self::NotPermitted => "not permitted to see the open files of every process",
            Self::TooManyFiles => "the search came to its limit of files or time",
        })
    }
}
