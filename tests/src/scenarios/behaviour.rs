//! What clients do. `client` carries it out. The right verdict depends on the server too and is given with
//! each scenario in `list`.

use std::time::Duration;

/// How one client uses its connections. A hold is the time for which the client asks the server to delay the
/// reply to a poll. All other times vary by ±10 % unless documented as constant.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Polls over connections that it keeps, and replaces a connection only after the server has closed it.
    /// Whether that happens depends on the server's settings.
    Reuse {
        /// Number of connections, all opened at the start.
        connections: u16,
        /// How long a poll is held.
        hold: Duration,
        /// Time from a reply to the next poll.
        pause: Duration,
        /// When the client notices that the server has closed.
        notices: Notices,
    },
    /// Opens a new connection for each poll.
    Fresh {
        /// How long a poll is held.
        hold: Duration,
        /// Time from a reply to the next connection.
        pause: Duration,
        /// Sends `Connection: close`, which leaves closing to the server.
        asks: bool,
    },
    /// Opens a new connection for each poll. Some polls use the path whose connections the demo's server
    /// never closes.
    MeetLeak {
        /// One in this many polls uses that path.
        one_in: u32,
        /// How long a poll is held.
        hold: Duration,
        /// Time from a reply to the next connection.
        pause: Duration,
    },
    /// Makes some polls, stays idle for a constant time, then closes.
    IdleClose {
        /// Number of polls per connection.
        polls: u32,
        /// How long each poll is held.
        hold: Duration,
        /// Idle time before closing; constant.
        idle: Duration,
        /// Time from closing to the next connection.
        pause: Duration,
        /// Closes with an RST instead of a FIN, as a firewall on the path would.
        reset: bool,
    },
    /// Opens one more connection at regular intervals, while all earlier ones keep polling.
    Pile {
        /// Number of connections opened at the start.
        at_once: u16,
        /// Time from one connection to the next.
        every: Duration,
        /// Maximum number of connections.
        most: u16,
        /// How long each poll is held.
        hold: Duration,
        /// Time from a reply to the next poll on the same connection.
        pause: Duration,
    },
    /// Many users behind one address, each with one connection, who come and go.
    Members {
        /// Number of users at any time.
        members: u16,
        /// Mean length of a user's stay. Most users leave sooner; a few stay much longer.
        stay: Duration,
        /// Time from one user's departure to the arrival of the next.
        away: Duration,
        /// How long each poll is held.
        hold: Duration,
        /// Time from a reply to the next poll on the same connection.
        pause: Duration,
    },
    /// A pool of constant size that replaces its connections now and then.
    Renew {
        /// Number of connections.
        connections: u16,
        /// When a connection is closed.
        renewal: Renewal,
        /// How long each poll is held.
        hold: Duration,
        /// Time from a reply to the next poll on the same connection.
        pause: Duration,
    },
    /// A pool whose size follows the load.
    Load {
        /// Number of connections at the lowest load.
        least: u16,
        /// Number of connections at the highest load.
        most: u16,
        /// How the load changes.
        course: Course,
        /// How long each poll is held.
        hold: Duration,
        /// Time from a reply to the next poll on the same connection.
        pause: Duration,
    },
    /// Threads that share a pool. A thread that finds the pool empty opens a connection; one that finds it
    /// full on return closes its connection.
    Threads {
        /// Number of threads.
        threads: u16,
        /// Maximum number of idle connections in the pool.
        pool: u16,
        /// How long each poll is held.
        hold: Duration,
        /// Mean time from a reply to the same thread's next poll.
        pause: Duration,
    },
    /// Long-lived streams: after one request either only the server sends, or both sides send pings.
    Stream {
        /// Number of streams.
        streams: u16,
        /// Time from the start of one stream to the start of the next.
        apart: Duration,
        /// Their protocol.
        kind: Stream,
        /// Interval between two messages or pings.
        every: Duration,
        /// Time from the end of a stream to the next connection.
        pause: Duration,
    },
    /// Opens a new connection at regular intervals, makes one poll on it, and keeps it without using it
    /// again.
    Hoard {
        /// Time from one connection to the next.
        every: Duration,
        /// How long the poll is held.
        hold: Duration,
        /// Whether the client closes its end after the server has closed; otherwise it never does.
        closes: bool,
    },
    /// The path dies silently while a poll is held. The client then opens a new connection.
    HalfOpen {
        /// Number of polls before the one during which the path dies.
        polls: u32,
        /// How long each of these is held.
        hold: Duration,
        /// How long the poll is held during which the path dies.
        last_hold: Duration,
        /// Time from that poll to the new connection.
        patience: Duration,
    },
    /// A device on the path silently forgets the idle connection. The next poll gets no reply, and the client
    /// opens a new connection.
    Forgotten {
        /// Number of polls before the idle time.
        polls: u32,
        /// How long each is held.
        hold: Duration,
        /// Idle time; the path dies halfway through it.
        idle: Duration,
        /// How long the client waits for the reply to the next poll.
        patience: Duration,
    },
    /// Gives up on a poll before its reply and tries again on a new connection.
    GiveUp {
        /// Number of polls on the same connection before that one. The server holds them for half of
        /// `patience`, so they succeed.
        polls: u32,
        /// How long the server holds the poll that is given up.
        hold: Duration,
        /// How long the client waits for a reply.
        patience: Duration,
        /// Time from giving up to the next connection.
        pause: Duration,
        /// Gives up with an RST instead of a FIN.
        reset: bool,
    },
    /// Connects and closes without sending a byte.
    Knock {
        /// Time from one connection to the next.
        every: Duration,
    },
    /// Sends a request byte by byte and never completes it.
    Dribble {
        /// Time between two bytes.
        every: Duration,
    },
    /// One behaviour after another. The second takes over the connections that the first still holds.
    Then {
        /// The first behaviour.
        first: Box<Self>,
        /// Duration of the first behaviour.
        lasts: Duration,
        /// The second behaviour.
        second: Box<Self>,
    },
}

impl Behaviour {
    /// This behaviour for a time, then another.
    #[must_use]
    pub fn then(self, lasts: Duration, second: Self) -> Self {
        Self::Then {
            first: Box::new(self),
            lasts,
            second: Box::new(second),
        }
    }
}

/// When a pool closes one of its connections.
#[derive(Clone, Copy, Debug)]
pub enum Renewal {
    /// After this many polls.
    Polls(u32),
    /// At this age.
    Age(Duration),
}

/// How the load changes.
#[derive(Clone, Copy, Debug)]
pub enum Course {
    /// Rises evenly for this long, then stays at its maximum.
    Rises(Duration),
    /// Rises and falls evenly with this period.
    Breathes(Duration),
}

/// The protocol of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Server-sent events.
    Events,
    /// A WebSocket on which both sides ping.
    WebSocket,
}

/// When a client notices that the server has closed its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// At once; the client then closes its end.
    AtOnce,
    /// Only when its next poll fails.
    WithTheNextPoll,
}
