//! Reads the page that mod_status gives for `?auto`.
//!
//! One `Key: value` a line. `BusyWorkers`, `IdleWorkers` and `Scoreboard` are there in every Apache
//! since 2.0, whatever `ExtendedStatus` says; other lines differ by version and MPM and are skipped.

use super::{
    Scoreboard,
    foreign::{self, Foreign},
};
use crate::{
    model::workers::{Connections, Mpm, NoMax},
    text::sanitise,
};

/// The longest name of a server that is repeated, characters.
const MAX_VERSION: usize = 80;

/// Apache's workers at one moment.
///
/// Apache takes its two counts and the letters in one pass but does not count the same: `busy` and
/// `idle` leave out processes that are ending, the letters show them. So the counts are believed
/// for what they count, and the letters for the number of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Workers that have something to do, the one that answered this page included.
    ///
    /// `BusyWorkers`, and from 2.4.58 `GracefulWorkers` with it: earlier versions count those as
    /// busy, and they cannot take another connection either.
    pub busy: u32,
    /// Workers that wait for a connection: `IdleWorkers`.
    pub idle: u32,
    /// Slots of the scoreboard, open ones included.
    ///
    /// In 2.4 these are the slots that MaxRequestWorkers allows, rounded down to whole processes of
    /// ThreadsPerChild, and on top of them slots that old processes still hold, which the event
    /// MPM permits up to ServerLimit. ServerLimit and ThreadLimit as such do not show. In 2.2 there
    /// is one for each of ServerLimit × ThreadLimit, which can be far more than MaxClients.
    pub slots: u32,
    /// Processes; only the event MPM says, from 2.4.35.
    pub processes: Option<u32>,
    /// Those of them that end once their connections have.
    pub stopping: u32,
    /// What the slots are at.
    pub scoreboard: Scoreboard,
    /// `ServerMPM`, or what gives it away; early versions of 2.4 do not say.
    pub mpm: Option<Mpm>,
    /// `ServerVersion`, not in early versions of 2.4 either; with as much as ServerTokens allows.
    pub version: Option<String>,
    /// Since the server was started or restarted, gracefully or not, s.
    pub uptime_s: Option<u64>,
    /// Only the event MPM says.
    pub connections: Option<Connections>,
}

impl Status {
    /// MaxRequestWorkers as far as the page tells (see `slots`): the number of slots, unless
    /// [`Status::no_max`] says why not. Where the administrator names the number, that one is right.
    pub fn max_workers(&self) -> Option<u32> {
        self.no_max().is_none().then_some(self.slots)
    }

    /// Why the slots do not tell the maximum.
    pub fn no_max(&self) -> Option<NoMax> {
        if self.scoreboard.unknown > 0 {
            Some(NoMax::Damaged)
        } else if self.stopping > 0 || self.scoreboard.graceful > 0 {
            Some(NoMax::Ending)
        } else {
            None
        }
    }

    /// Whether the slots are an upper bound. Version 2.2 cannot be told from early 2.4, since neither
    /// names itself.
    pub fn at_most(&self) -> bool {
        let named = self.version.as_deref().unwrap_or_default();
        named.starts_with("Apache/2.2") || (named.is_empty() && self.mpm.is_none())
    }
}

/// Why a page is not what mod_status gives for `?auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Another server's, or another handler's.
    #[error("the page seems to be {}: {}", .0.page, .0.instead)]
    Foreign(Foreign),
    /// Nothing but white space.
    #[error("the page is empty: is this the address of Apache's mod_status? else give --max-workers N")]
    Empty,
    /// A line that every Apache prints is not there.
    #[error(
        "the page has no {line} line: is this the address of mod_status, and the server Apache 2? else give --max-workers N"
    )]
    Missing {
        /// Which.
        line: &'static str,
    },
    /// No number, or one no server can have.
    #[error("the page's {line} line has no number from 0 to {max}: is the server Apache 2? else give --max-workers N", max = u32::MAX)]
    Number {
        /// Which.
        line: &'static str,
    },
    /// A scoreboard without slots, although a worker answered.
    #[error(
        "the page's scoreboard has no slots: is the server Apache 2, and the page whole? else give --max-workers N"
    )]
    NoSlots,
    /// More workers than the scoreboard has letters for, which Apache cannot print.
    #[error(
        "the page says {said} workers are {what}, its scoreboard has at most {most}: is the server Apache 2, and the page whole? else give --max-workers N"
    )]
    Contradiction {
        /// Busy or idle.
        what: &'static str,
        /// By the line.
        said: u32,
        /// By the letters.
        most: u32,
    },
}

/// Reads a page.
///
/// Where a line is there twice the first counts: with the event MPM, 2.4.35 to 2.4.57 print the
/// counts again, with workers that are ending among the idle.
///
/// # Errors
/// When it is not such a page, or its counts cannot be true.
pub fn parse(text: &str) -> Result<Status, ParseError> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    if let Some(foreign) = foreign::recognise(text) {
        return Err(ParseError::Foreign(foreign));
    }
    let letters = value(text, "Scoreboard").ok_or(ParseError::Missing { line: "Scoreboard" })?;
    let scoreboard = Scoreboard::read(letters);
    let slots = scoreboard.slots();
    if slots == 0 {
        return Err(ParseError::NoSlots);
    }
    let busy = required(text, "BusyWorkers")?
        .checked_add(number(text, "GracefulWorkers")?.unwrap_or(0))
        .ok_or(ParseError::Number { line: "BusyWorkers" })?;
    let idle = required(text, "IdleWorkers")?;
    possible("busy", busy, scoreboard.occupied())?;
    possible("idle", idle, scoreboard.waiting)?;
    let connections = connections(text);
    Ok(Status {
        busy,
        idle,
        slots,
        processes: number(text, "Processes")?,
        stopping: number(text, "Stopping")?.unwrap_or(0),
        scoreboard,
        mpm: mpm(text).or(connections.map(|_| Mpm::Event)),
        version: value(text, "ServerVersion").and_then(version),
        // Only for people: what is no number here spoils nothing.
        uptime_s: ["ServerUptimeSeconds", "Uptime"]
            .into_iter()
            .find_map(|line| value(text, line)?.trim().parse().ok()),
        connections,
    })
}

/// The lines of the event MPM, which other MPMs print from 2.4.58 as well, all 0.
fn connections(text: &str) -> Option<Connections> {
    let count = |line| value(text, line)?.trim().parse().ok();
    if mpm(text).is_some_and(Mpm::takes_one_per_connection) {
        return None;
    }
    Some(Connections {
        total: count("ConnsTotal")?,
        writing: count("ConnsAsyncWriting")?,
        keepalive: count("ConnsAsyncKeepAlive")?,
        closing: count("ConnsAsyncClosing")?,
    })
}

fn mpm(text: &str) -> Option<Mpm> {
    match value(text, "ServerMPM")?.trim() {
        "prefork" => Some(Mpm::Prefork),
        "worker" => Some(Mpm::Worker),
        "event" => Some(Mpm::Event),
        _ => None,
    }
}

fn version(text: &str) -> Option<String> {
    let version: String = sanitise(text.trim()).chars().take(MAX_VERSION).collect();
    (!version.is_empty()).then_some(version)
}

/// The first value with this key.
pub(super) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
}

fn number(text: &str, line: &'static str) -> Result<Option<u32>, ParseError> {
    value(text, line)
        .map(|value| value.trim().parse().map_err(|_| ParseError::Number { line }))
        .transpose()
}

fn required(text: &str, line: &'static str) -> Result<u32, ParseError> {
    number(text, line)?.ok_or(ParseError::Missing { line })
}

fn possible(what: &'static str, said: u32, most: u32) -> Result<(), ParseError> {
    match said <= most {
        true => Ok(()),
        false => Err(ParseError::Contradiction { what, said, most }),
    }
}

#[cfg(test)]
mod tests;
