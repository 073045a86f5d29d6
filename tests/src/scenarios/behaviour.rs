//! What clients do. How it is done is `client`'s; which verdict it deserves depends on the server too,
//! and is said in the list of scenarios.

use std::time::Duration;

/// How one client uses its connections. Holds are how long it asks the server to hold a poll; all
/// other times but those said to be constant vary by a tenth either way.
#[derive(Clone, Copy, Debug)]
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
    /// One connection for each poll, on the path after which the demo's server never closes.
    MeetLeak {
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
        /// From one connection to the next.
        every: Duration,
        /// How long each poll is held.
        hold: Duration,
        /// On each connection from a reply to the next poll.
        pause: Duration,
    },
    /// A pile after a time of good behaviour.
    Surge {
        /// How long it is good.
        after: Duration,
        /// From one further connection to the next.
        every: Duration,
        /// How long each poll is held.
        hold: Duration,
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
}

/// When a client notices that the server has closed its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// At once, and it closes its end.
    AtOnce,
    /// Only when the next poll fails.
    WithTheNextPoll,
}
