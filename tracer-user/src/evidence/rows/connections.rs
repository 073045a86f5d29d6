//! `connections.csv`: one row per ended connection and, at stop, one per connection still open.

use std::{net::IpAddr, sync::Arc};

use super::{
    Kind,
    columns::{self, Bytes, Count, Flag, Local, Ms, Number, Outside, Reason, Remote, Time, Word},
};
use crate::{
    filter::Prefixes,
    model::{
        ended::{Ended, LastState},
        interface::Interface,
        peer::{CloseReason, Closer, Direction, PeerId},
        protocol::Protocol,
        sample::{Known, Moment},
        socket::{Connection, Ends, Since},
    },
};

const NS_PER_MS: u64 = 1_000_000;

columns::row! {
    /// One row.
    #[derive(Clone, Debug, PartialEq, Eq)]
    ConnectionRow of Kind::Connections;
    /// When it opened, UTC, ns; unknown if it was open before tracing began.
    opened_at: Option<i128> as Time,
    /// When it ended, UTC, ns; unknown while it is open.
    closed_at: Option<i128> as Time,
    /// How long it was open.
    duration_ms: Option<u64> as Ms,
    /// Which side connected.
    direction: Direction as Word,
    /// Inode number of the network namespace.
    netns: u32 as Number,
    /// Local end.
    local: (IpAddr, u16) as Local,
    /// Remote end.
    remote: (IpAddr, u16) as Remote,
    /// The state before CLOSE or, if it is still open, its current state.
    state: LastState as Word,
    /// What ended it first; `None` if it is still open.
    close_reason: Option<CloseReason> as Reason,
    /// Which side ended it first.
    closer: Closer as Word,
    /// Whether it was open before tracing began.
    seeded: bool as Flag,
    /// Whether a process accepted or opened it.
    accepted: Option<bool> as Flag,
    /// Whether the peer already held as many as expected when it opened.
    overlap: Option<bool> as Flag,
    /// How long the peer had held no connection.
    reopen_gap_ms: Option<u64> as Ms,
    /// Request turns.
    turns: Option<u64> as Count,
    /// Payload received.
    bytes_received: Option<u64> as Bytes,
    /// Payload sent.
    bytes_sent: Option<u64> as Bytes,
    /// Segments with payload received.
    segs_in: Option<u64> as Count,
    /// Segments with payload sent.
    segs_out: Option<u64> as Count,
    /// Segments retransmitted after the handshake.
    retransmits: Option<u64> as Count,
    /// From the last data segment to the first FIN or RST; unknown if that was noticed late, or if a goodbye
    /// hides the last answer.
    idle_before_close_ms: Option<u64> as Ms,
    /// Time in CLOSE_WAIT, up to now if it is still open; a lower bound if seeded.
    close_wait_ms: Option<u64> as Ms,
    /// Process, by its thread group id.
    owner_pid: Option<u32> as Number,
    /// Its name.
    owner_comm: Option<String> as Outside,
    /// Error the socket ended with.
    errno: Option<u16> as Number,
    added:
    /// What it spoke.
    protocol: Option<Protocol> as Word,
    /// Requests.
    requests: Option<u64> as Count,
    /// Whether that is their exact number; else it is a bound.
    requests_exact: Option<bool> as Flag,
    /// What the user calls the peer.
    name: Option<Arc<str>> as Outside,
    /// The service or scope of systemd of the process.
    unit: Option<Arc<str>> as Outside,
    /// The container of the process, as its tools print it.
    container: Option<Arc<str>> as Outside,
    /// The network interface that it is bound to, such as a VRF, by its number.
    interface: Option<Interface> as Number,
}

/// What a row needs beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Both clocks at one moment.
    pub clock: Moment,
    /// The figures this kernel provides.
    pub known: Known,
    /// Connections this peer may hold.
    pub expected: u32,
}

impl Context {
    /// Converts a monotonic time to UTC.
    fn utc(&self, monotonic_ns: u64) -> i128 {
        self.clock.utc_ns + i128::from(monotonic_ns) - i128::from(self.clock.monotonic_ns)
    }
}

impl ConnectionRow {
    /// The peer whose connection it is.
    pub fn peer(&self, prefixes: Prefixes) -> PeerId {
        let place = (self.netns, self.interface);
        prefixes.peer(place, self.direction, self.local.1, self.remote, self.owner_pid)
    }

    /// What tells the connection apart from others of the same moment.
    pub fn ends(&self) -> Ends {
        (self.netns, self.interface, self.local, self.remote)
    }

    /// The row of an ended connection.
    pub fn of_ended(ended: &Ended, context: &Context, owner_comm: Option<String>) -> Self {
        let known = context.known;
        let failed = ended.reason == CloseReason::ConnectFailed;
        let opened = match ended.since {
            Since::Opened(ns) => Some(ns),
            Since::Seeded(_) | Since::Unknown => None,
        };
        let seeded = matches!(ended.since, Since::Seeded(_));
        // This host's own process connects; whether the other side accepts a connection that fails is
        // unknown. Without a read, nothing shows whether a connection was accepted before it ended.
        let accepted = match ended.direction {
            Direction::Outbound => (!failed).then_some(true),
            Direction::Inbound => (ended.owner.is_some() || (known.turns && ended.turns > 0)).then_some(true),
        };
        let carried = |known: bool, value: u64| (known && !failed).then_some(value);
        Self {
            opened_at: opened.map(|ns| context.utc(ns)),
            closed_at: Some(context.utc(ended.closed_ns)),
            duration_ms: opened.map(|ns| ended.closed_ns.saturating_sub(ns) / NS_PER_MS),
            direction: ended.direction,
            netns: ended.netns,
            local: ended.local,
            remote: ended.remote,
            state: ended.last_state,
            close_reason: Some(ended.reason),
            closer: ended.closer(),
            seeded,
            accepted,
            overlap: ended
                .held
                .filter(|_| !seeded)
                .map(|held| !failed && held >= context.expected),
            reopen_gap_ms: ended.gap_ns.map(|ns| ns / NS_PER_MS),
            // For a seeded connection there is only an upper bound.
            turns: carried(known.turns && !seeded, u64::from(ended.turns)),
            bytes_received: carried(known.bytes_received, ended.bytes_received),
            bytes_sent: carried(known.bytes_sent, ended.bytes_sent),
            segs_in: carried(true, u64::from(ended.data_segs_in)),
            segs_out: carried(true, u64::from(ended.data_segs_out)),
            retransmits: carried(known.retransmits, u64::from(ended.retransmits)),
            idle_before_close_ms: ended.idle_ns.and_then(|ns| carried(known.idle, ns / NS_PER_MS)),
            close_wait_ms: ended.close_wait_ns.map(|ns| ns / NS_PER_MS),
            owner_pid: ended.owner,
            owner_comm,
            errno: ended.errno,
            protocol: ended.protocol,
            requests: carried(known.requests && !seeded, u64::from(ended.turns)),
            requests_exact: (known.requests && !seeded && !failed).then_some(ended.requests_exact),
            name: None,
            unit: None,
            container: None,
            interface: ended.interface,
        }
    }

    /// The row of a connection that is open at stop.
    pub fn of_open(
        connection: &Connection,
        now: Moment,
        context: &Context,
        owner_comm: Option<String>,
    ) -> Self {
        let known = context.known;
        let opened = match connection.since {
            Since::Opened(ns) => Some(ns),
            Since::Seeded(_) | Since::Unknown => None,
        };
        let since = |ns: u64| now.monotonic_ns.saturating_sub(ns) / NS_PER_MS;
        Self {
            opened_at: opened.map(|ns| context.utc(ns)),
            closed_at: None,
            duration_ms: opened.map(since),
            direction: connection.direction,
            netns: connection.netns,
            local: connection.local,
            remote: connection.remote,
            state: LastState::Open(connection.state),
            close_reason: None,
            closer: Closer::None,
            seeded: opened.is_none(),
            accepted: Some(!connection.never_accepted()),
            overlap: opened.and(connection.held).map(|held| held >= context.expected),
            reopen_gap_ms: None,
            turns: opened
                .filter(|_| known.turns)
                .map(|_| u64::from(connection.turns)),
            bytes_received: known.bytes_received.then_some(connection.bytes_received),
            bytes_sent: known.bytes_sent.then_some(connection.bytes_sent),
            segs_in: Some(u64::from(connection.data_segs_in)),
            segs_out: Some(u64::from(connection.data_segs_out)),
            retransmits: known.retransmits.then(|| u64::from(connection.retransmits)),
            idle_before_close_ms: None,
            close_wait_ms: connection.close_wait_since_ns.map(since),
            owner_pid: connection.owner,
            owner_comm,
            errno: None,
            protocol: connection.protocol,
            requests: opened
                .filter(|_| known.requests)
                .map(|_| u64::from(connection.turns)),
            requests_exact: opened
                .filter(|_| known.requests)
                .map(|_| connection.requests_exact),
            name: None,
            unit: None,
            container: None,
            interface: connection.interface,
        }
    }
}
