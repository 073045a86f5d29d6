//! Who traces while connections are made: nothing but an empty program, tcpreuse in several ways, others.

mod empty;
mod ours;
mod tool;

use std::path::PathBuf;

use self::{empty::Empty, ours::Ours, tool::Tool};

/// Where it all takes place.
#[derive(Debug)]
pub struct Stage {
    /// Inode of the network namespace.
    pub netns: u32,
    /// The listener's port.
    pub port: u16,
    /// The object with a program that does nothing, if there is one.
    pub empty: Option<PathBuf>,
    /// For what is recorded.
    pub scratch: PathBuf,
}

/// One who traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program on the same tracepoint that does nothing.
    Empty,
    /// `tcpreuse diagnose`, both ends of each connection traced.
    Counting,
    /// The same with a filter that leaves the server's end.
    OneEnd,
    /// `tcpreuse record`, both ends.
    Recording,
    /// `tcplife` of libbpf-tools.
    Tcplife,
    /// `tcpstates` of libbpf-tools.
    Tcpstates,
}

impl Subject {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::OneEnd,
        Self::Counting,
        Self::Recording,
        Self::Tcplife,
        Self::Tcpstates,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty program",
            Self::OneEnd => "tcpreuse, one end by filter",
            Self::Counting => "tcpreuse, counting",
            Self::Recording => "tcpreuse, recording",
            Self::Tcplife => "tcplife",
            Self::Tcpstates => "tcpstates",
        }
    }

    /// Whether it is tcpreuse.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::OneEnd | Self::Counting | Self::Recording)
    }

    /// Starts it, and returns when it traces.
    ///
    /// # Errors
    /// Why it cannot be measured here.
    pub fn start(self, stage: &Stage) -> Result<Running, String> {
        Ok(match self {
            Self::Empty => Running::Empty(Empty::start(stage)?),
            Self::OneEnd => Running::Ours(Ours::start(stage, ours::What::OneEnd)?),
            Self::Counting => Running::Ours(Ours::start(stage, ours::What::BothEnds)?),
            Self::Recording => Running::Ours(Ours::start(stage, ours::What::Record)?),
            Self::Tcplife => Running::Tool(Tool::start(stage, &tool::TCPLIFE)?),
            Self::Tcpstates => Running::Tool(Tool::start(stage, &tool::TCPSTATES)?),
        })
    }
}

/// One at work. Dropping it ends it.
pub enum Running {
    /// In this process.
    Empty(Empty),
    /// The program.
    Ours(Ours),
    /// A tool of others.
    Tool(Tool),
}

/// What one has seen of connections whose number is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How much there was to see: ends of connections, or state changes.
    pub expected: u64,
    /// How much of that it did not see or did not tell.
    pub lost: u64,
    /// How far its counts are from the kernel's list of sockets; `None`: it does not count.
    pub drift: Option<i64>,
}

impl Running {
    /// The process that holds its programs.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Empty(_) => std::process::id(),
            Self::Ours(ours) => ours.pid(),
            Self::Tool(tool) => tool.pid(),
        }
    }

    /// Ends it, and compares what it saw with the connections that were made since it started. `None`
    /// for one that tells nothing.
    ///
    /// # Errors
    /// When it does not end well, or what it tells cannot be read.
    pub fn stop(self, connections: u64) -> Result<Option<Seen>, String> {
        match self {
            Self::Empty(_) => Ok(None),
            Self::Ours(ours) => ours.stop(connections).map(Some),
            Self::Tool(tool) => tool.stop(connections).map(Some),
        }
    }
}
