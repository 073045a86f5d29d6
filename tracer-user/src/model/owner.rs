//! Processes, and which of them holds a socket.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::sanitise;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its thread group id.
    pub pid: u32,
    /// Its name as the kernel has it, at most 15 bytes, without control and bidi characters.
    pub comm: String,
}

/// The name of a process as a part of what identifies a peer: made harmless, and of no more bytes than fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comm([u8; Comm::BYTES]);

impl Comm {
    /// One more than the kernel keeps of a name.
    const BYTES: usize = 16;

    /// As much of a name as fits.
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

    /// As text.
    pub fn as_str(&self) -> &str {
        // Control characters, the zeros behind a name among them, are none of it.
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

/// The name of so many processes that are shown as one. [`one_of_several`] takes the number away again.
pub fn several(comm: &str, processes: usize) -> String {
    format!("{comm} ({processes} processes)")
}

/// The name of each of the processes that may be shown as one.
pub fn one_of_several(name: &str) -> &str {
    let without = || {
        let (comm, number) = name.strip_suffix(" processes)")?.rsplit_once(" (")?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(comm)
    };
    without().unwrap_or(name)
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
