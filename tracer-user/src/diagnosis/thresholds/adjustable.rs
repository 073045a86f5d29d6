//! The thresholds an operator may change, and what a file or flag may say about each.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use super::{MS, S};

/// An hour, in ns.
const H: u64 = 3_600 * S;

/// The unit of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number of things.
    Count,
    /// A duration, ns.
    Time,
}

impl Kind {
    /// The value as text, in the form in which it is parsed.
    pub fn written(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Time => humantime::format_duration(Duration::from_nanos(value)).to_string(),
        }
    }
}

/// A changed threshold.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// The threshold.
    pub threshold: &'static Adjustable,
    /// Its new value, within its range.
    pub value: u64,
}

impl Changed {
    /// Stores the value.
    pub fn apply(&self, to: &mut Thresholds) {
        (self.threshold.set)(to, self.value);
    }
}

/// Describes a threshold.
#[derive(Clone, Debug)]
pub struct Adjustable {
    /// Its name in files, flags and JSON.
    pub name: &'static str,
    /// Its meaning and the source of its default, line by line.
    pub help: &'static [&'static str],
    /// Its unit.
    pub kind: Kind,
    /// The values allowed.
    pub range: RangeInclusive<u64>,
    /// Reads it.
    pub get: fn(&Thresholds) -> u64,
    /// Sets it.
    pub set: fn(&mut Thresholds, u64),
}

macro_rules! thresholds {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident = $default:expr, $low:expr => $high:expr;)+) => {
        /// The thresholds an operator may change. Times are in ns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Thresholds {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Thresholds {
            /// The values used unless others are given.
            pub const DEFAULT: Self = Self { $($name: $default,)+ };
        }

        impl Default for Thresholds {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        /// All thresholds.
        pub static THRESHOLDS: &[Adjustable] = &[$(Adjustable {
            name: stringify!($name),
            help: &[$($doc),+],
            kind: Kind::$kind,
            range: $low..=$high,
            get: |all| all.$name,
            set: |all, value| all.$name = value,
        },)+];
    };
}

thresholds! {
    /// A habit that shows only by being repeated takes at least this many ended connections to be
    /// seen.
    min_closes: Count = 5, 2 => 1000;

    /// A connection with at least this many requests counts as reused: one is its first request,
    /// two may be a retry.
    min_turns: Count = 3, 2 => 1000;

    /// "The client closes right after the reply" means that the connection was idle for less than
    /// this: a round trip and some work. It is half of the shortest keep-alive timeout that Apache
    /// accepts in whole seconds.
    client_at_once: Time = 500 * MS, MS => 60 * S;

    /// "The server closes right after the reply" means that the connection was idle for less than
    /// this: there is no round trip in it, only the server's own work.
    server_at_once: Time = 100 * MS, MS => 60 * S;

    /// A peer that holds at least this many connections more than expected has a pile: one more
    /// may be a reconnect that crosses the close of the previous one, two a burst as browsers make.
    min_pile: Count = 3, 1 => 100_000;

    /// Connections opened within this time of a peer's oldest one may be a pool being filled.
    pool_fills: Time = 2 * S, MS => H;

    /// More connections than this are not a pool: browsers keep 6 per host, HTTP client libraries
    /// 5 to 8 by default. No larger number is learned as the expected one either.
    max_pool: Count = 8, 1 => 100_000;

    /// A pile takes at least this many overlapping opens, for the same reasons as `min_pile`.
    min_overlaps: Count = 3, 1 => 100_000;

    /// If nothing has been heard for this long on a connection on which data is being sent in vain,
    /// it is silent for good: a single lost segment is recovered within a second or so (the kernel's
    /// first retransmission timeouts are 0.2, 0.4 and 0.8 s).
    silent: Time = 1_500 * MS, 200 * MS => H;

    /// A connection that has been in CLOSE_WAIT for at least this long is lingering, if the client's
    /// last request was answered: a server that notices the FIN closes within milliseconds, one
    /// that checks between two writes within seconds.
    lingering: Time = 5 * S, 100 * MS => 24 * H;

    /// If a client opens further connections this long after one of its own has entered CLOSE_WAIT,
    /// its pool has forgotten that one: a pool looks through what it holds before it opens another.
    passed_by: Time = 2 * S, 100 * MS => H;

    /// The server may hold an unanswered request for this long, if `--hold` does not say how long:
    /// no poll is usually held for longer, and it is Apache's default Timeout of 60 s plus a minute.
    longest_hold: Time = 120 * S, S => 24 * H;

    /// This many lingering connections are a leak; a single one may be a slow handler.
    min_lingering: Count = 2, 1 => 100_000;

    /// A peer must be watched for this long before it means anything that it keeps its connections.
    settled: Time = 3 * S, 0 => H;

    /// A connection that has waited this long to be accepted is waiting for a worker: a server with
    /// a free worker accepts within a millisecond.
    waiting: Time = 1_500 * MS, 10 * MS => H;

    /// A connection with no request within this time does not belong to a polling client. Apache's
    /// mod_reqtimeout waits up to 20 s, but a client that is there to poll sends at once.
    no_request: Time = 5 * S, 100 * MS => H;
}

impl Adjustable {
    /// The threshold with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        THRESHOLDS.iter().find(|one| one.name == name)
    }
}

impl Thresholds {
    /// The thresholds that differ from their defaults: counts, and times in ms under a name ending
    /// in `_ms`.
    pub fn changed(&self) -> BTreeMap<String, u64> {
        let default = Self::default();
        THRESHOLDS
            .iter()
            .filter(|one| (one.get)(self) != (one.get)(&default))
            .map(|one| {
                let value = (one.get)(self);
                match one.kind {
                    Kind::Count => (one.name.to_owned(), value),
                    Kind::Time => (format!("{}_ms", one.name), value / MS),
                }
            })
            .collect()
    }

    /// Whether each value is within its range, which is not certain for values read from a file.
    pub fn are_possible(&self) -> bool {
        THRESHOLDS.iter().all(|one| one.range.contains(&(one.get)(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_limits_and_nothing_is_changed() {
        let default = Thresholds::default();
        assert!(default.are_possible());
        assert_eq!(default.changed(), BTreeMap::new());
    }

    #[test]
    fn what_is_changed_is_named_with_its_value() {
        let mut changed = Thresholds::default();
        (Adjustable::named("silent").unwrap().set)(&mut changed, 3 * S);
        (Adjustable::named("min_pile").unwrap().set)(&mut changed, 7);
        assert_eq!(
            changed.changed(),
            BTreeMap::from([("min_pile".to_owned(), 7), ("silent_ms".to_owned(), 3_000)])
        );
        assert_eq!((changed.silent, changed.min_pile), (3 * S, 7));
        changed.min_turns = 0;
        assert!(!changed.are_possible());
    }
}
