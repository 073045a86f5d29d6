//! What a client of the demo can do, the verdict each deserves, and every pace in one place.
//! How a behaviour is carried out is `worker`'s.

use std::{fmt, ops::RangeInclusive, time::Duration};

/// Longest time the server holds a poll in the demo. Sockets it has not closed well after that
/// are not waiting for a reply.
pub const LONGEST_HOLD: Duration = Duration::from_millis(1000);

/// How a client uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Behaviour {
    /// Polls again and again over the one connection it keeps.
    Reusing,
    /// Connects anew for every poll and closes after the reply.
    FreshPerRequest,
    /// Opens one more connection every so often; all of them stay and go on polling.
    PilingUp,
    /// Polls on a path after which the server never closes, and closes. Not the client's fault.
    CloseWaitLeak,
    /// Polls once in the whole run.
    TooQuiet,
}

impl Behaviour {
    /// Every behaviour, the good one first.
    pub const ALL: [Self; 5] = [
        Self::Reusing,
        Self::FreshPerRequest,
        Self::PilingUp,
        Self::CloseWaitLeak,
        Self::TooQuiet,
    ];

    /// The identifier of the verdict that is right for such a client.
    pub const fn verdict(self) -> &'static str {
        match self {
            Self::Reusing => "reusing",
            Self::FreshPerRequest => "fresh-per-request",
            Self::PilingUp => "piling-up",
            Self::CloseWaitLeak => "close-wait-leak",
            Self::TooQuiet => "insufficient-data",
        }
    }

    /// What it does, as the end of a sentence that begins with the client.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Reusing => "keeps one connection and polls over it again and again",
            Self::FreshPerRequest => "connects anew for every poll and closes after the reply",
            Self::PilingUp => "opens one more connection about every second and keeps polling on all of them",
            Self::CloseWaitLeak => "polls and closes, but the server never closes its end",
            Self::TooQuiet => "polls once and is gone",
        }
    }

    /// Its rhythm. In 15 s: 15 to 25 polls over one connection, some 35 connections one after
    /// another, 16 held at once, 20 left in CLOSE_WAIT of which 13 for more than 5 s.
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

/// An end even for a client that nobody stops: about a day of polls.
pub(super) const MOST_ROUNDS: u32 = 100_000;

/// Connections that one ill client piles up or has leaked at most: with three of either kind and
/// both ends in one process, the demo stays well below the usual limit of 1024 descriptors.
const MOST_HELD: u32 = 64;

/// The rhythm of a client; ranges in ms, drawn from anew each time.
pub(super) struct Pace {
    /// Before the first connection.
    pub(super) start: RangeInclusive<u64>,
    /// How long the server is to hold a poll.
    pub(super) hold: RangeInclusive<u64>,
    /// From a reply to the next step: another poll, or another connection.
    pub(super) pause: RangeInclusive<u64>,
    /// Rounds after which the client takes no further step.
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
