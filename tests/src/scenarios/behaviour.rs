//! What clients do. How it is done is `client`'s; which verdict it deserves depends on the server too,
//! and is said in the list of scenarios.

use std::time::Duration;

/// How one client uses its connections. Holds are how long it asks the server to hold a poll; all
/// other times but those said to be constant vary by a tenth either way.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Polls over the connections it keeps, and opens another only for one that the server has
    /// closed. What becomes of that is up to the server's settings.
    Reuse {
        /// How many it keeps; all are opened at once.
        connections: u16,
        /// How long a poll is held.
        hold: Duration,
        /// From a reply to the next poll.
        pause: Duration,
        /// When it notices that the server has closed.
        notices: Notices,
    },
    /// One connection for each poll.
    Fresh {
        /// How long a poll is held.
        hold: Duration,
        /// From a reply to the next connection.
        pause: Duration,
        /// Leaves the closing to the server, by `Connection: close`.
        asks: bool,
    },
    /// One connection for each poll, some of them on the path after which the demo's server never
    /// closes.
    MeetLeak {
        /// One poll in this many.
        one_in: u32,
        /// How long a poll is held.
        hold: Duration,
        /// From a reply to the next connection.
        pause: Duration,
    },
    /// Some polls, then idle for a constant time, then closed from the client's side.
    IdleClose {
        /// Polls of one connection.
        polls: u32,
        /// How long each is held.
        hold: Duration,
        /// Constant.
        idle: Duration,
        /// From the close to the next connection.
        pause: Duration,
        /// With a RST, as of a firewall on the way, instead of a FIN.
        reset: bool,
    },
    /// One connection more every so often, while all earlier ones go on polling.
    Pile {
        /// How many it opens at its beginning.
        at_once: u16,
        /// From one connection to the next.
        every: Duration,
        /// How many it has in the end.
        most: u16,
        /// How long each poll is held.
        hold: Duration,
        /// On each connection from a reply to the next poll.
        pause: Duration,
    },
    /// Many users behind one address who come and go, each with one connection.
    Members {
        /// Users at any one time.
        members: u16,
        /// Mean stay. Most users leave sooner, a few stay for much longer.
        stay: Duration,
        /// From a user's leaving to the next one's arrival.
        away: Duration,
        /// How long each poll is held.
        hold: Duration,
        /// On each connection from a reply to the next poll.
        pause: Duration,
    },
    /// A pool of constant size that retires its connections and opens others in their place.
    Renew {
        /// How many it keeps.
        connections: u16,
        /// When it closes one.
        renewal: Renewal,
        /// How long each poll is held.
        hold: Duration,
        /// On each connection from a reply to the next poll.
        pause: Duration,
    },
    /// A pool whose size follows the load.
    Load {
        /// Connections at the beginning.
        least: u16,
        /// Connections at the height of the load.
        most: u16,
        /// How the load changes.
        course: Course,
        /// How long each poll is held.
        hold: Duration,
        /// On each connection from a reply to the next poll.
        pause: Duration,
    },
    /// Threads that share a pool. A thread that finds it empty opens a connection; one that finds it
    /// full on return closes its own.
    Threads {
        /// How many threads.
        threads: u16,
        /// How many connections the pool keeps.
        pool: u16,
        /// How long each poll is held.
        hold: Duration,
        /// On average from a reply to the next poll of the same thread.
        pause: Duration,
    },
    /// Streams that stay: one request, then only the server sends, or both sides ping.
    Stream {
        /// How many.
        streams: u16,
        /// From one to the next.
        apart: Duration,
        /// Their protocol.
        kind: Stream,
        /// Interval between two messages or pings.
        every: Duration,
        /// From the end of a stream to the next connection.
        pause: Duration,
    },
    /// A new connection every so often, for one poll; it is kept and never used again.
    Hoard {
        /// From one to the next.
        every: Duration,
        /// How long the poll is held.
        hold: Duration,
        /// Whether it closes its end after the server has; otherwise it never does.
        closes: bool,
    },
    /// The way to it dies silently while a poll is held; it comes back on a new connection.
    HalfOpen {
        /// Polls before the one in which the way dies.
        polls: u32,
        /// How long these are held.
        hold: Duration,
        /// How long the last one is held.
        last_hold: Duration,
        /// From that poll to the new connection.
        patience: Duration,
    },
    /// A device on the path silently forgets the idle connection. The next poll gets no reply, and the
    /// client comes back on a new connection.
    Forgotten {
        /// Polls before the idle time.
        polls: u32,
        /// How long each is held.
        hold: Duration,
        /// The path dies in the middle of it.
        idle: Duration,
        /// How long it waits for the reply to the next poll.
        patience: Duration,
    },
    /// Gives up on a poll before the reply and tries again.
    GiveUp {
        /// Polls of the same connection that it does wait for; the server holds them half as long
        /// as the client has patience.
        polls: u32,
        /// How long the poll it gives up on is held.
        hold: Duration,
        /// How long it waits for it.
        patience: Duration,
        /// From giving up to the next connection.
        pause: Duration,
        /// Gives up with a RST instead of a FIN.
        reset: bool,
    },
    /// Connects and closes without a byte.
    Knock {
        /// How often.
        every: Duration,
    },
    /// Sends a request byte by byte and never gets to its end.
    Dribble {
        /// How often a byte.
        every: Duration,
    },
    /// One behaviour after another. The second starts with the connections that the first has left.
    Then {
        /// The behaviour it begins with.
        first: Box<Self>,
        /// How long the first lasts.
        lasts: Duration,
        /// The behaviour after that.
        second: Box<Self>,
    },
}

impl Behaviour {
    /// This for a time, then something else.
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
    /// It rises evenly for this long, then stays.
    Rises(Duration),
    /// It rises and falls evenly, with this period.
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
    /// At once, and it closes its end.
    AtOnce,
    /// Only when the next poll fails.
    WithTheNextPoll,
}
