//! A diagnosis for people ([`text`], and [`html`] to hand in), for programs ([`json`]) and for monitoring
//! ([`openmetrics`]).

#[cfg(test)]
pub(crate) mod example;
pub mod first_aid;
mod framed;
pub mod html;
pub mod json;
pub mod openmetrics;
pub mod text;

pub use self::framed::framed;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        accounting::{Accounting, Losses},
        sample::Moment,
    },
    text::sanitise,
};

/// Where a report was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host name, already free of control characters.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
}

impl Origin {
    /// Describes this machine.
    pub fn this_machine() -> Self {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| sanitise(&part.to_string_lossy());
        Self {
            host: text(uname.nodename()),
            kernel: text(uname.release()),
        }
    }
}

/// The accounting, as in a diagnosis and in a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Open when tracing began.
    pub seeded: u64,
    /// Opened since.
    pub opened: u64,
    /// Closed since.
    pub closed: u64,
    /// Open at the end.
    pub open_now: u64,
    /// Counted minus listed; `null`: not checked.
    pub drift: Option<i64>,
    /// Records and state changes lost.
    pub events_lost: u64,
    /// Peers without counters of their own.
    pub peers_dropped: u64,
    /// Connections not counted.
    pub connections_dropped: u64,
    /// Peers that held nothing, were quiet and are no longer listed.
    pub peers_left: u64,
}

impl Counts {
    /// Of a sample.
    pub fn of(accounting: &Accounting, losses: &Losses) -> Self {
        Self {
            seeded: accounting.totals.seeded,
            opened: accounting.totals.opened,
            closed: accounting.totals.closed,
            open_now: accounting.open_now,
            drift: accounting.drift,
            events_lost: losses.events(),
            peers_dropped: losses.peers_dropped,
            connections_dropped: losses.connections_dropped,
            peers_left: accounting.peers_left,
        }
    }
}

/// RFC 3339 in UTC with nanoseconds.
pub(crate) fn timestamp(moment: Moment) -> String {
    Timestamp::from_nanosecond(moment.utc_ns)
        .map(|time| format!("{time:.9}"))
        .unwrap_or_default()
}

/// The same read again, in ns since 1970; `None` when it is no time.
pub(crate) fn utc_ns(text: &str) -> Option<i128> {
    text.parse().ok().map(Timestamp::as_nanosecond)
}

/// The time of day in UTC, for people.
pub(crate) fn clock(moment: Moment) -> String {
    Timestamp::from_nanosecond(moment.utc_ns)
        .map(|time| time.strftime("%H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// The time in UTC as read at another time: with the day, unless both are on the same day.
pub(crate) fn clock_seen_from(moment: Moment, now: Moment) -> String {
    if formatted(moment.utc_ns, DAY) == formatted(now.utc_ns, DAY) {
        clock(moment)
    } else {
        day_and_clock(moment)
    }
}

/// The day and the time of day in UTC.
pub(crate) fn day_and_clock(moment: Moment) -> String {
    day_and_clock_of(moment.utc_ns)
}

/// The same for a time in ns.
pub(crate) fn day_and_clock_of(utc_ns: i128) -> String {
    formatted(utc_ns, "%Y-%m-%d %H:%M:%S UTC")
}

const DAY: &str = "%Y-%m-%d";

/// The time of day without the time zone, if that is stated elsewhere or there is no room.
pub(crate) fn clock_of(utc_ns: i128) -> String {
    formatted(utc_ns, "%H:%M:%S")
}

/// The day in UTC, six characters wide.
pub(crate) fn day_of(utc_ns: i128) -> String {
    formatted(utc_ns, "%b %d")
}

fn formatted(utc_ns: i128, format: &str) -> String {
    Timestamp::from_nanosecond(utc_ns)
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_has_its_day() {
        let at = |second: i128| Moment {
            monotonic_ns: 0,
            utc_ns: 1_767_225_600_000_000_000 + second * 1_000_000_000,
        };
        assert_eq!(clock_seen_from(at(0), at(86_399)), "00:00:00 UTC");
        assert_eq!(clock_seen_from(at(0), at(86_400)), "2026-01-01 00:00:00 UTC");
        assert_eq!(clock_seen_from(at(-1), at(0)), "2025-12-31 23:59:59 UTC");
    }

    #[test]
    fn times_have_nine_digits() {
        let moment = Moment {
            monotonic_ns: 0,
            utc_ns: 1_767_225_600_000_000_000,
        };
        assert_eq!(timestamp(moment), "2026-01-01T00:00:00.000000000Z");
    }
}
