//! Processes, and which of them hold a socket.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::workload::Workload;
use crate::text::sanitise;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its thread group id.
    pub pid: u32,
    /// Its name in the kernel, at most 15 bytes, without control and bidi characters.
    pub comm: String,
    /// What it belongs to, if that is known.
    #[serde(default)]
    pub workload: Option<Box<Workload>>,
}

/// A process's name as part of a peer's identity, sanitised and truncated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comm([u8; Comm::BYTES]);

impl Comm {
    /// One more than the kernel keeps.
    const BYTES: usize = 16;

    /// Takes as much of the name as fits.
    pub fn new(name: &str) -> Self {
        let name = sanitise(name);
        let mut bytes = [0; Self::BYTES];
        let name = name
            .get(..name.floor_char_boundary(Self::BYTES))
            .unwrap_or_default();
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // The zeros after the name are padding.
        str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Comm {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Comm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(from)?))
    }
}

/// A name for several processes shown as one. [`one_of_several`] removes the number again.
pub fn several(comm: &str, processes: usize) -> String {
    format!("{comm} ({processes} processes)")
}

/// The name of a single process, from a name that may be that of [`several`].
pub fn one_of_several(name: &str) -> &str {
    let without = || {
        let (comm, number) = name.strip_suffix(" processes)")?.rsplit_once(" (")?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(comm)
    };
    without().unwrap_or(name)
}

/// The holder of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A single process.
    Process(Process),
    /// Several processes, as with servers that fork after listen().
    Shared {
        /// The parent of the others: the first ancestor of the lowest pid that also holds the socket, else
        /// the lowest pid itself.
        first: Process,
        /// Number of processes that hold it.
        holders: u32,
    },
    /// No process was found.
    Unknown(Reason),
}

impl Owner {
    /// The process to display.
    pub fn process(&self) -> Option<&Process> {
        match self {
            Self::Process(process) | Self::Shared { first: process, .. } => Some(process),
            Self::Unknown(_) => None,
        }
    }

    /// The process to display, to add what was found out about it.
    pub fn process_mut(&mut self) -> Option<&mut Process> {
        match self {
            Self::Process(process) | Self::Shared { first: process, .. } => Some(process),
            Self::Unknown(_) => None,
        }
    }

    /// Sanitises the names, after reading from a file.
    pub fn sanitise(&mut self) {
        if let Self::Process(process) | Self::Shared { first: process, .. } = self {
            process.comm = sanitise(&process.comm);
            if let Some(workload) = &mut process.workload {
                workload.sanitise();
            }
        }
    }

    /// Number of processes that hold it; `None` if unknown.
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
    /// Not looked up yet.
    NotYet,
    /// The socket has no file: it is in an accept queue, or close() was called.
    NoFile,
    /// No process has it open: it was closed meanwhile, is in transit between two processes, or is held by
    /// io_uring.
    Gone,
    /// As [`Reason::Gone`], but not all processes are visible from this PID namespace.
    OtherPidNamespace,
    /// Not found, and the open files of some processes could not be read.
    NotPermitted,
    /// Not found before the search reached its limit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_far_as_they_fit() {
        assert_eq!(Comm::new("java").as_str(), "java");
        assert_eq!(Comm::new("").as_str(), "");
        assert_eq!(Comm::new("\u{1b}[2Jx\0y").as_str(), "[2Jxy");
        assert_eq!(Comm::new("0123456789abcdefgh").as_str(), "0123456789abcdef");
        assert_eq!(
            Comm::new("0123456789abcdeé").as_str(),
            "0123456789abcde",
            "é would be cut in two"
        );
        let java = Comm::new("java");
        let text = serde_json::to_string(&java).unwrap();
        assert_eq!(text, "\"java\"");
        assert_eq!(serde_json::from_str::<Comm>(&text).unwrap(), java);
    }

    #[test]
    fn the_number_of_processes_is_taken_away_again() {
        assert_eq!(several("curl", 30), "curl (30 processes)");
        assert_eq!(one_of_several("curl (30 processes)"), "curl");
        for name in ["curl", "curl (a processes)", "(3 processes)", "processes)"] {
            assert_eq!(one_of_several(name), name);
        }
    }
}
