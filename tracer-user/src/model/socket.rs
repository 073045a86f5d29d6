//! Live sockets, as the kernel's socket list shows them.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{backlog::Backlog, owner::Owner, peer::Direction, sample::Moment};

/// Connections of a sample that is read from a file; each takes a quarter of a KiB.
const MAX_READ_CONNECTIONS: usize = 1 << 20;

/// A TCP state of a full socket that counts as open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// ESTABLISHED
    Established,
    /// FIN_WAIT1
    FinWait1,
    /// FIN_WAIT2
    FinWait2,
    /// CLOSE_WAIT
    CloseWait,
    /// LAST_ACK
    LastAck,
    /// CLOSING
    Closing,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::LastAck,
        Self::Closing,
    ];

    /// As the kernel calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Closing => "CLOSING",
        }
    }
}

/// When a connection began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Since {
    /// At this monotonic time, ns.
    Opened(u64),
    /// It was there already when the tracer looked first, at this monotonic time, ns: its age is
    /// "at least".
    Seeded(u64),
    /// The tracer does not know the connection.
    Unknown,
}

/// One live connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Slot of its peer's counters; `None` when the connection is not counted.
    pub slot: Option<u32>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Who connected.
    pub direction: Direction,
    /// Local end.
    pub local: (IpAddr, u16),
    /// Remote end.
    pub remote: (IpAddr, u16),
    /// TCP state.
    pub state: State,
    /// When it began.
    pub since: Since,
    /// When it entered CLOSE_WAIT or, if seeded, was found there; monotonic, ns.
    pub close_wait_since_ns: Option<u64>,
    /// A process has accepted or created it. False in the accept queue and after close().
    pub has_file: bool,
    /// The process has closed it and the kernel finishes alone.
    pub orphan: bool,
    /// Received and not yet read by the process, bytes.
    pub unread: u32,
    /// Time since the last data segment in either direction, ns.
    pub idle_ns: u64,
    /// Payload received, bytes.
    pub bytes_received: u64,
    /// Payload sent, bytes.
    pub bytes_sent: u64,
    /// Data segments received.
    pub data_segs_in: u32,
    /// Data segments sent.
    pub data_segs_out: u32,
    /// Segments sent again.
    pub retransmits: u32,
    /// Connections the peer held when this one opened.
    pub held: u32,
    /// Request turns so far; of a seeded connection, at most so many over its whole life.
    pub turns: u32,
    /// Time since anything was received, data or acknowledgement, ns; of meaning when
    /// [`super::sample::Known::heard`] says so.
    pub heard_ns: u64,
    /// How often what is being sent has been sent again in vain.
    pub retries: u8,
    /// Probes of an idle connection or a closed window that have no answer.
    pub probes: u8,
    /// Its request had no answer yet when the client ended it.
    pub unanswered: bool,
    /// The last request has no answer yet: a poll is being held.
    pub holding: bool,
    /// Process that holds it, else the one that connected it or read from it first, by its thread
    /// group id.
    pub owner: Option<u32>,
    /// Inode number of the socket's file.
    pub inode: Option<u64>,
}

impl Connection {
    /// An established connection of which nothing is known: no ends, and every count 0.
    #[must_use]
    pub fn unknown(netns: u32, direction: Direction) -> Self {
        let nowhere: (IpAddr, u16) = (Ipv4Addr::UNSPECIFIED.into(), 0);
        Self {
            slot: None,
            netns,
            direction,
            local: nowhere,
            remote: nowhere,
            state: State::Established,
            since: Since::Unknown,
            close_wait_since_ns: None,
            has_file: true,
            orphan: false,
            unread: 0,
            idle_ns: 0,
            bytes_received: 0,
            bytes_sent: 0,
            data_segs_in: 0,
            data_segs_out: 0,
            retransmits: 0,
            held: 0,
            turns: 0,
            heard_ns: 0,
            retries: 0,
            probes: 0,
            unanswered: false,
            holding: false,
            owner: None,
            inode: None,
        }
    }

    /// Waits in an accept queue: no process has it yet. After close() there is no file either,
    /// but such a socket is an orphan, and it has left the two states.
    pub fn never_accepted(&self) -> bool {
        !self.has_file && !self.orphan && matches!(self.state, State::Established | State::CloseWait)
    }

    /// How long it has been open, ns, and whether that is only "at least"; `None`: unknown.
    pub fn age_ns(&self, now: Moment) -> Option<(u64, bool)> {
        let ns = |since: u64| now.monotonic_ns.saturating_sub(since);
        match self.since {
            Since::Opened(since) => Some((ns(since), false)),
            Since::Seeded(since) => Some((ns(since), true)),
            Since::Unknown => None,
        }
    }

    /// How long it has been in CLOSE_WAIT, ns, at least if it was seeded.
    pub fn close_wait_ns(&self, now: Moment) -> Option<u64> {
        let since = self.close_wait_since_ns?;
        Some(now.monotonic_ns.saturating_sub(since))
    }
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Address it is bound to.
    pub address: IpAddr,
    /// Port it listens on.
    pub port: u16,
    /// What the kernel says of it.
    #[serde(flatten)]
    pub backlog: Backlog,
    /// Inode number of the socket's file.
    pub inode: Option<u64>,
    /// Who listens.
    pub owner: Owner,
}

/// All live sockets at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Connections the filters admit.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_READ_CONNECTIONS>")]
    pub connections: Vec<Connection>,
    /// Listeners the filters admit.
    pub listeners: Vec<Listener>,
    /// Network namespaces that were walked, by inode number.
    pub namespaces: Vec<u32>,
    /// Namespaces that could not be walked.
    pub namespaces_skipped: u32,
    /// How often the kernel broke off a walk and was asked to go on.
    pub walks_resumed: u64,
    /// Connections it showed twice, listed once here.
    pub walk_repeats: u64,
}
