//! The behaviours of the demo's clients, the verdict each must get, and all their timing. `worker` carries
//! them out.

use std::{fmt, ops::RangeInclusive, time::Duration};

/// The longest time the demo's server holds a poll. Sockets it keeps for much longer are not waiting for a
/// reply.
pub const LONGEST_HOLD: Duration = Duration::from_millis(1000);

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Polls repeatedly over a single connection.
    Reusing,
    /// Opens a connection for each poll and closes it after the reply.
    FreshPerRequest,
    /// Regularly opens a further connection; all of them stay open and keep polling.
    PilingUp,
    /// Sends a poll after which the server never closes its end, and closes. Not the client's fault.
    CloseWaitLeak,
    /// Polls once in the whole run.
    TooQuiet,
}

impl Behaviour {
    /// All behaviours, the good one first.
    pub const ALL: [Self; 5] = [
        Self::Reusing,
        Self::FreshPerRequest,
        Self::PilingUp,
        Self::CloseWaitLeak,
        Self::TooQuiet,
    ];

    /// The identifier of the correct verdict for such a client.
    pub const fn verdict(self) -> &'static str {
        match self {
            Self::Reusing => "reusing",
            Self::FreshPerRequest => "fresh-per-request",
            Self::PilingUp => "piling-up",
            Self::CloseWaitLeak => "close-wait-leak",
            Self::TooQuiet => "insufficient-data",
        }
    }

    /// What the client does, to complete a sentence that begins with it.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Reusing => "keeps one connection and polls over it again and again",
            Self::FreshPerRequest => "opens a connection for every poll and closes it after the reply",
            Self::PilingUp => "opens one more connection about every second and keeps polling on all of them",
            Self::CloseWaitLeak => "polls and closes, but the server never closes its end",
            Self::TooQuiet => "polls only once",
        }
    }

    /// Its timing. In 15 s this gives 15 to 25 polls over one connection, some 35 connections in sequence, 16
    /// connections at once, or 20 left in CLOSE_WAIT, 13 of them for more than 5 s.
    pub(super) const fn pace(self) -> Pace {
        match self {
            Self::Reusing => Pace {
                start: 0..=500,
                hold: 400..=900,
                pause: 50..=150,
                most: MOST_ROUNDS,
            },
            Self::FreshPerRequest => Pace {
                start: 0..=500,
                hold: 100..=200,
                pause: 200..=300,
                most: MOST_ROUNDS,
            },
            Self::PilingUp => Pace {
                start: 0..=500,
                hold: 600..=1000,
                pause: 850..=950,
                most: MOST_HELD,
            },
            Self::CloseWaitLeak => Pace {
                start: 0..=500,
                hold: 20..=60,
                pause: 650..=750,
                most: MOST_HELD,
            },
            Self::TooQuiet => Pace {
                start: 1000..=1500,
                hold: 100..=200,
                pause: 0..=0,
                most: 1,
            },
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.verdict())
    }
}

/// Ends even a client that is never stopped: about a day of polls.
pub(super) const MOST_ROUNDS: u32 = 100_000;

/// Maximum number of connections a bad client piles up or has leaked. With three clients of either kind and
/// both ends in one process, the demo stays well below the usual limit of 1024 descriptors.
const MOST_HELD: u32 = 64;

/// A client's timing. Ranges are in ms, with a new random value each time.
pub(super) struct Pace {
    /// Before the first connection.
    pub(super) start: RangeInclusive<u64>,
    /// How long the server holds a poll.
    pub(super) hold: RangeInclusive<u64>,
    /// From a reply to the next step, which is another poll or another connection.
    pub(super) pause: RangeInclusive<u64>,
    /// Rounds after which the client does nothing more.
    pub(super) most: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_poll_is_held_longer_than_said() {
        for behaviour in Behaviour::ALL {
            let longest = Duration::from_millis(*behaviour.pace().hold.end());
            assert!(longest <= LONGEST_HOLD, "{behaviour}");
        }
    }
}
