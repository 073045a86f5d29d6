//! The subjects compared: an empty program, tcpreuse in several modes, and other tools.

mod empty;
mod ours;
mod tool;

use std::path::PathBuf;

use tracer_ebpf::hooks::{READ, STATE};

use self::{
    empty::{EMPTY, Empty, LOOK},
    ours::Ours,
    tool::Tool,
};

/// The environment that a subject traces in.
#[derive(Debug)]
pub struct Stage {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The listener's port.
    pub port: u16,
    /// Path of the object with the empty program, if it was built.
    pub empty: Option<PathBuf>,
    /// Folder for recordings.
    pub scratch: PathBuf,
}

/// A tracer to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An empty program on the tracepoint of state changes.
    Empty,
    /// An empty program on the tracepoint of reads.
    EmptyRead,
    /// A program there that only looks at what was read.
    Look,
    /// `tcpreuse diagnose` with a filter that excludes both ends.
    Untraced,
    /// `tcpreuse diagnose --no-peek`, both ends.
    Turns,
    /// `tcpreuse diagnose`, both ends of each connection traced.
    Counting,
    /// The same with a filter that excludes the client's end.
    OneEnd,
    /// `tcpreuse record`, both ends.
    Recording,
    /// The same, only the server's end.
    RecordingServer,
    /// `tcplife` of libbpf-tools.
    Tcplife,
    /// `tcpstates` of libbpf-tools.
    Tcpstates,
}

impl Subject {
    /// The subjects of state changes, in the order in which tables list them.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::OneEnd,
        Self::Counting,
        Self::Recording,
        Self::Tcplife,
        Self::Tcpstates,
    ];

    /// The subjects of reads.
    pub const READS: [Self; 5] = [
        Self::EmptyRead,
        Self::Look,
        Self::Untraced,
        Self::Turns,
        Self::Counting,
    ];

    /// The name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty | Self::EmptyRead => "empty program",
            Self::Look => "a program that only looks",
            Self::Untraced => "tcpreuse, neither end by filter",
            Self::Turns => "tcpreuse, counting, `--no-peek`",
            Self::OneEnd => "tcpreuse, one end by filter",
            Self::Counting => "tcpreuse, counting",
            Self::Recording => "tcpreuse, recording",
            Self::RecordingServer => "tcpreuse, recording the server's end",
            Self::Tcplife => "tcplife",
            Self::Tcpstates => "tcpstates",
        }
    }

    /// Whether the subject is tcpreuse.
    pub fn is_ours(self) -> bool {
        !matches!(
            self,
            Self::Empty | Self::EmptyRead | Self::Look | Self::Tcplife | Self::Tcpstates
        )
    }

    /// The program that runs at each read.
    pub(super) fn read_program(self) -> &'static str {
        match self {
            Self::Look => LOOK,
            _ if self.is_ours() => READ.program,
            _ => EMPTY,
        }
    }

    /// Starts the subject, and returns once it traces.
    ///
    /// # Errors
    /// Why the subject cannot be measured here.
    pub fn start(self, stage: &Stage) -> Result<Running, String> {
        Ok(match self {
            Self::Empty => Running::Empty(Empty::start(stage, EMPTY, STATE)?),
            Self::EmptyRead => Running::Empty(Empty::start(stage, EMPTY, READ)?),
            Self::Look => Running::Empty(Empty::start(stage, LOOK, READ)?),
            Self::Untraced => Running::Ours(Ours::start(stage, ours::What::Nothing)?),
            Self::Turns => Running::Ours(Ours::start(stage, ours::What::Turns)?),
            Self::OneEnd => Running::Ours(Ours::start(stage, ours::What::OneEnd)?),
            Self::Counting => Running::Ours(Ours::start(stage, ours::What::BothEnds)?),
            Self::Recording => Running::Ours(Ours::start(stage, ours::What::Record)?),
            Self::RecordingServer => Running::Ours(Ours::start(stage, ours::What::RecordServer)?),
            Self::Tcplife => Running::Tool(Tool::start(stage, &tool::TCPLIFE)?),
            Self::Tcpstates => Running::Tool(Tool::start(stage, &tool::TCPSTATES)?),
        })
    }
}

/// A running subject; dropping it ends it.
pub enum Running {
    /// Runs in this process.
    Empty(Empty),
    /// tcpreuse.
    Ours(Ours),
    /// Another tool.
    Tool(Tool),
}

/// What a subject reports about a known number of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Number of events to report: ends of connections, or state changes.
    pub expected: u64,
    /// Number of events not reported.
    pub lost: u64,
    /// Difference between its counts and the kernel's list of sockets; `None` if it does not count.
    pub drift: Option<i64>,
}

impl Running {
    /// The process that holds its BPF programs.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Empty(_) => std::process::id(),
            Self::Ours(ours) => ours.pid(),
            Self::Tool(tool) => tool.pid(),
        }
    }

    /// Ends the subject and compares its report with the number of connections made since it started. `None`
    /// if the subject reports nothing.
    ///
    /// # Errors
    /// If it fails, or if its output cannot be read.
    pub fn stop(self, connections: u64) -> Result<Option<Seen>, String> {
        match self {
            Self::Empty(_) => Ok(None),
            Self::Ours(ours) => ours.stop(connections).map(Some),
            Self::Tool(tool) => tool.stop(connections).map(Some),
        }
    }
}
