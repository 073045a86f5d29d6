//! Live sockets, from the kernel's socket list.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{
    backlog::Backlog, interface::Interface, owner::Owner, peer::Direction, protocol::Protocol, sample::Moment,
};

/// Maximum number of connections in a sample read from a file. Each takes a quarter of a KiB.
const MAX_READ_CONNECTIONS: usize = 1 << 20;

/// A TCP state of a full socket, of the kind counted as open.
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
    /// All states.
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
    /// It opened at this monotonic time, ns.
    Opened(u64),
    /// It was already open when the tracer first looked, at this monotonic time, ns. Its age is a lower
    /// bound.
    Seeded(u64),
    /// The connection is not in the connection table.
    Unknown,
}

/// A live connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Slot of its peer's counters; `None` if the connection is not counted.
    pub slot: Option<u32>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The interface that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    /// Which side connected.
    pub direction: Direction,
    /// Local end.
    pub local: (IpAddr, u16),
    /// Remote end.
    pub remote: (IpAddr, u16),
    /// TCP state.
    pub state: State,
    /// When it began.
    pub since: Since,
    /// When it entered CLOSE_WAIT or, if seeded, was found in it; monotonic, ns.
    pub close_wait_since_ns: Option<u64>,
    /// Whether the socket has a file: a process has accepted or created it, and close() was not called.
    pub has_file: bool,
    /// The process has closed it, and the kernel completes the close.
    pub orphan: bool,
    /// Bytes received and not yet read by the process.
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
    /// Retransmitted segments after the handshake.
    pub retransmits: u32,
    /// Connections the peer held when this one opened; `None` if the peer is not counted apart.
    pub held: Option<u32>,
    /// Request turns so far. An upper bound for a seeded connection.
    pub turns: u32,
    /// What it speaks, if that was told.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Whether each of its turns is a request, and none is missing.
    #[serde(default)]
    pub requests_exact: bool,
    /// Time since anything was received, data or acknowledgement, ns. Valid only if
    /// [`super::sample::Known::heard`] is set.
    pub heard_ns: u64,
    /// How often the oldest unacknowledged data has been retransmitted.
    pub retries: u8,
    /// Unanswered probes of an idle connection or a closed window.
    pub probes: u8,
    /// Whether the client ended it before its request was answered.
    pub unanswered: bool,
    /// Whether the last request is still unanswered: a poll is being held.
    pub holding: bool,
    /// Thread group id of the process that holds it, else of the one that connected it or read from it first.
    pub owner: Option<u32>,
    /// Inode number of the socket's file.
    pub inode: Option<u64>,
    /// What the clock of the other side's TCP timestamps said at monotonic time 0, ms, within a second; it
    /// wraps. `None`: it sends none, or the kernel does not say.
    #[serde(default)]
    pub clock_ms: Option<u32>,
}

/// What tells connections apart at one moment: namespace, interface, local and remote end.
pub type Ends = (u32, Option<Interface>, (IpAddr, u16), (IpAddr, u16));

impl Connection {
    /// What tells it apart from others of the same moment.
    pub fn ends(&self) -> Ends {
        (self.netns, self.interface, self.local, self.remote)
    }

    /// An established connection without any details: no addresses, and all counts 0.
    #[must_use]
    pub fn unknown(netns: u32, direction: Direction) -> Self {
        let nowhere: (IpAddr, u16) = (Ipv4Addr::UNSPECIFIED.into(), 0);
        Self {
            slot: None,
            netns,
            interface: None,
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
            held: Some(0),
            turns: 0,
            protocol: None,
            requests_exact: false,
            heard_ns: 0,
            retries: 0,
            probes: 0,
            unanswered: false,
            holding: false,
            owner: None,
            inode: None,
            clock_ms: None,
        }
    }

    /// Whether it waits in an accept queue. A closed socket has no file either, but it is an orphan and has
    /// left these two states.
    pub fn never_accepted(&self) -> bool {
        !self.has_file && !self.orphan && matches!(self.state, State::Established | State::CloseWait)
    }

    /// Its age, ns, and whether that is a lower bound; `None` if unknown.
    pub fn age_ns(&self, now: Moment) -> Option<(u64, bool)> {
        let ns = |since: u64| now.monotonic_ns.saturating_sub(since);
        match self.since {
            Since::Opened(since) => Some((ns(since), false)),
            Since::Seeded(since) => Some((ns(since), true)),
            Since::Unknown => None,
        }
    }

    /// Time in CLOSE_WAIT, ns. A lower bound for seeded connections.
    pub fn close_wait_ns(&self, now: Moment) -> Option<u64> {
        let since = self.close_wait_since_ns?;
        Some(now.monotonic_ns.saturating_sub(since))
    }
}

/// A listening socket.
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
    /// The process that listens.
    pub owner: Owner,
}

/// All live sockets at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Connections that pass the filters.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_READ_CONNECTIONS>")]
    pub connections: Vec<Connection>,
    /// Listeners that pass the filters.
    pub listeners: Vec<Listener>,
    /// Network namespaces listed, by inode number.
    pub namespaces: Vec<u32>,
    /// Network namespaces that could not be listed.
    pub namespaces_skipped: u32,
    /// How often the kernel interrupted a walk, which was then resumed.
    pub walks_resumed: u64,
    /// Connections shown twice by a walk, and listed once here.
    pub walk_repeats: u64,
}
