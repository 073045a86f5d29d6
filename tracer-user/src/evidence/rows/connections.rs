//! `connections.csv`: a row per ended connection and, at stop, one per connection still open.

use std::net::IpAddr;

use super::{Kind, Row};
use crate::{
    evidence::cells::{Cell, Fields},
    model::{
        ended::{Ended, LastState},
        peer::{CloseReason, Closer, Direction},
        sample::{Known, Moment},
        socket::{Connection, Since, State},
    },
};

const NS_PER_MS: u64 = 1_000_000;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// When it opened, UTC, ns; unknown when it was open before tracing began.
    pub opened_at: Option<i128>,
    /// When it ended likewise.
    pub closed_at: Option<i128>,
    /// How long it was open.
    pub duration_ms: Option<u64>,
    /// Who connected.
    pub direction: Direction,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Local end.
    pub local: (IpAddr, u16),
    /// Remote end.
    pub remote: (IpAddr, u16),
    /// The state it left for CLOSE or, if still open, is in.
    pub state: LastState,
    /// What ended it first; `None`: still open.
    pub close_reason: Option<CloseReason>,
    /// Who ended it first.
    pub closer: Closer,
    /// It was open before tracing began.
    pub seeded: bool,
    /// A process has it or had it.
    pub accepted: Option<bool>,
    /// The peer held as many as expected already when it opened.
    pub overlap: Option<bool>,
    /// How long the peer had held nothing.
    pub reopen_gap_ms: Option<u64>,
    /// Request turns.
    pub turns: Option<u64>,
    /// Payload received.
    pub bytes_received: Option<u64>,
    /// Payload sent.
    pub bytes_sent: Option<u64>,
    /// Segments with payload received.
    pub segs_in: Option<u64>,
    /// Segments with payload sent.
    pub segs_out: Option<u64>,
    /// Segments sent again.
    pub retransmits: Option<u64>,
    /// From the last data segment to the first FIN or RST.
    pub idle_before_close_ms: Option<u64>,
    /// Time in CLOSE_WAIT, so far if still open; "at least" when seeded.
    pub close_wait_ms: Option<u64>,
    /// Process, by its thread group id.
    pub owner_pid: Option<u32>,
    /// Its name.
    pub owner_comm: Option<String>,
    /// Error the socket ended with.
    pub errno: Option<u16>,
}

/// What a row needs to know that a record does not say.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Both clocks at one moment.
    pub clock: Moment,
    /// Which figures the kernel gives.
    pub known: Known,
    /// Connections this peer may hold.
    pub expected: u32,
}

impl Context {
    /// A monotonic time in UTC.
    fn utc(&self, monotonic_ns: u64) -> i128 {
        self.clock.utc_ns + i128::from(monotonic_ns) - i128::from(self.clock.monotonic_ns)
    }
}

impl ConnectionRow {
    /// The row of an ended connection.
    pub fn of_ended(ended: &Ended, context: &Context, owner_comm: Option<String>) -> Self {
        let known = context.known;
        let failed = ended.reason == CloseReason::ConnectFailed;
        let opened = match ended.since {
            Since::Opened(ns) => Some(ns),
            Since::Seeded(_) | Since::Unknown => None,
        };
        let seeded = matches!(ended.since, Since::Seeded(_));
        // A process of this host connects itself. Without a read there is no telling whether
        // anybody accepted it before it ended.
        let accepted = match ended.direction {
            Direction::Outbound => Some(true),
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
            overlap: (!seeded).then_some(!failed && ended.held >= context.expected),
            reopen_gap_ms: ended.gap_ns.map(|ns| ns / NS_PER_MS),
            // Of a seeded connection there is only a bound.
            turns: carried(known.turns && !seeded, u64::from(ended.turns)),
            bytes_received: carried(known.bytes_received, ended.bytes_received),
            bytes_sent: carried(known.bytes_sent, ended.bytes_sent),
            segs_in: carried(true, u64::from(ended.data_segs_in)),
            segs_out: carried(true, u64::from(ended.data_segs_out)),
            retransmits: carried(known.retransmits, u64::from(ended.retransmits)),
            idle_before_close_ms: carried(known.idle, ended.idle_ns / NS_PER_MS),
            close_wait_ms: ended.close_wait_ns.map(|ns| ns / NS_PER_MS),
            owner_pid: ended.owner,
            owner_comm,
            errno: ended.errno,
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
            overlap: opened.map(|_| connection.held >= context.expected),
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
        }
    }
}

/// How each way to end stands in the file.
const REASONS: [(CloseReason, &str); 6] = [
    (CloseReason::LocalFin, "local_fin"),
    (CloseReason::RemoteFin, "remote_fin"),
    (CloseReason::LocalRst, "local_rst"),
    (CloseReason::RemoteRst, "remote_rst"),
    (CloseReason::Timeout, "timeout"),
    (CloseReason::ConnectFailed, "connect_failed"),
];
const OPEN: &str = "open";

const CLOSERS: [(Closer, &str); 4] = [
    (Closer::Local, "local"),
    (Closer::Remote, "remote"),
    (Closer::Network, "network"),
    (Closer::None, "none"),
];

const DIRECTIONS: [(Direction, &str); 2] =
    [(Direction::Inbound, "inbound"), (Direction::Outbound, "outbound")];

fn name_of<T: PartialEq>(table: &'static [(T, &'static str)], value: &T) -> Cell<'static> {
    table
        .iter()
        .find(|(known, _)| known == value)
        .map_or(Cell::Unknown, |(_, name)| Cell::Word(name))
}

fn named<T: Copy>(table: &[(T, &str)], text: &str) -> Option<T> {
    table
        .iter()
        .find(|(_, name)| *name == text)
        .map(|(value, _)| *value)
}

/// The cell of a direction, in every file.
pub(super) fn direction(direction: Direction) -> Cell<'static> {
    name_of(&DIRECTIONS, &direction)
}

/// Reads a direction, in every file.
pub(super) fn read_direction(fields: &mut Fields<'_>) -> Result<Direction, String> {
    let read = fields.word(direction_of)?;
    fields.needed(read)
}

/// The direction of that name.
pub(super) fn direction_of(text: &str) -> Option<Direction> {
    named(&DIRECTIONS, text)
}

fn state(state: LastState) -> Cell<'static> {
    match state {
        LastState::SynSent => Cell::Word("SYN_SENT"),
        LastState::SynRecv => Cell::Word("SYN_RECV"),
        LastState::Open(state) => Cell::Word(state.name()),
        LastState::Unknown => Cell::Unknown,
    }
}

fn read_state(text: &str) -> Option<LastState> {
    match text {
        "SYN_SENT" => Some(LastState::SynSent),
        "SYN_RECV" => Some(LastState::SynRecv),
        _ => State::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .map(LastState::Open),
    }
}

impl Row for ConnectionRow {
    const KIND: Kind = Kind::Connections;
    const COLUMNS: &'static [&'static str] = &[
        "opened_at",
        "closed_at",
        "duration_ms",
        "direction",
        "netns",
        "local_addr",
        "local_port",
        "remote_addr",
        "remote_port",
        "state",
        "close_reason",
        "closer",
        "seeded",
        "accepted",
        "overlap",
        "reopen_gap_ms",
        "turns",
        "bytes_received",
        "bytes_sent",
        "segs_in",
        "segs_out",
        "retransmits",
        "idle_before_close_ms",
        "close_wait_ms",
        "owner_pid",
        "owner_comm",
        "errno",
    ];

    fn cells(&self, put: &mut dyn FnMut(Cell<'_>)) {
        put(Cell::time(self.opened_at));
        put(Cell::time(self.closed_at));
        put(Cell::number(self.duration_ms));
        put(direction(self.direction));
        put(Cell::Number(self.netns.into()));
        put(Cell::Address(self.local.0));
        put(Cell::Number(self.local.1.into()));
        put(Cell::Address(self.remote.0));
        put(Cell::Number(self.remote.1.into()));
        put(state(self.state));
        put(self
            .close_reason
            .map_or(Cell::Word(OPEN), |reason| name_of(&REASONS, &reason)));
        put(name_of(&CLOSERS, &self.closer));
        put(Cell::Flag(self.seeded));
        put(Cell::flag(self.accepted));
        put(Cell::flag(self.overlap));
        put(Cell::number(self.reopen_gap_ms));
        put(Cell::number(self.turns));
        put(Cell::number(self.bytes_received));
        put(Cell::number(self.bytes_sent));
        put(Cell::number(self.segs_in));
        put(Cell::number(self.segs_out));
        put(Cell::number(self.retransmits));
        put(Cell::number(self.idle_before_close_ms));
        put(Cell::number(self.close_wait_ms));
        put(Cell::number(self.owner_pid.map(u64::from)));
        put(Cell::outside(self.owner_comm.as_deref()));
        put(Cell::number(self.errno.map(u64::from)));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        macro_rules! needed {
            ($read:expr) => {{
                let read = $read?;
                fields.needed(read)?
            }};
        }
        Ok(Self {
            opened_at: fields.time()?,
            closed_at: fields.time()?,
            duration_ms: fields.ms()?,
            direction: read_direction(fields)?,
            netns: fields.number()?.unwrap_or(0),
            local: (needed!(fields.address()), needed!(fields.number())),
            remote: (needed!(fields.address()), needed!(fields.number())),
            state: fields.word(read_state)?.unwrap_or(LastState::Unknown),
            close_reason: needed!(fields.word(|text| match text {
                OPEN => Some(None),
                _ => named(&REASONS, text).map(Some),
            })),
            closer: fields.word(|text| named(&CLOSERS, text))?.unwrap_or(Closer::None),
            seeded: fields.flag()?.unwrap_or(false),
            accepted: fields.flag()?,
            overlap: fields.flag()?,
            reopen_gap_ms: fields.ms()?,
            turns: fields.count()?,
            bytes_received: fields.bytes()?,
            bytes_sent: fields.bytes()?,
            segs_in: fields.count()?,
            segs_out: fields.count()?,
            retransmits: fields.count()?,
            idle_before_close_ms: fields.ms()?,
            close_wait_ms: fields.ms()?,
            owner_pid: fields.number()?,
            owner_comm: fields.outside()?.map(Into::into),
            errno: fields.number()?,
        })
    }
}
