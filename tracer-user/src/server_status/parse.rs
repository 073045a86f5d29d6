//! Parses the page that mod_status returns for `?auto`.
//!
//! It has one `Key: value` per line. `BusyWorkers`, `IdleWorkers` and `Scoreboard` exist in every Apache
//! since 2.0, regardless of `ExtendedStatus`. Other lines depend on version and MPM; unknown ones are
//! skipped.

use super::{
    Scoreboard,
    foreign::{self, Foreign},
};
use crate::{
    model::workers::{Connections, Mpm, NoMax},
    text::sanitise,
};

/// Maximum length of the server's version, characters.
const MAX_VERSION: usize = 80;

/// Apache's workers at one moment.
///
/// Apache computes its two counts and the letters in one pass, but `busy` and `idle` exclude processes that
/// are ending while the letters include them. The counts are therefore used as they are, and the letters for
/// the number of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Workers with something to do, including the one that answered this request.
    ///
    /// `BusyWorkers` plus, from 2.4.58, `GracefulWorkers`: earlier versions count those as busy, and they
    /// cannot take another connection either.
    pub busy: u32,
    /// Workers waiting for a connection: `IdleWorkers`.
    pub idle: u32,
    /// Slots of the scoreboard, including open ones.
    ///
    /// In 2.4 there is a slot for each worker that MaxRequestWorkers allows, rounded down to whole processes
    /// of ThreadsPerChild. Slots that old processes still hold come on top, up to ServerLimit with the event
    /// MPM. ServerLimit and ThreadLimit themselves are not visible. In 2.2 there is a slot for each of
    /// ServerLimit × ThreadLimit, which can be far more than MaxClients.
    pub slots: u32,
    /// Number of processes; only the event MPM reports it, from 2.4.35.
    pub processes: Option<u32>,
    /// How many of them will end once their connections have.
    pub stopping: u32,
    /// The states of the slots.
    pub scoreboard: Scoreboard,
    /// `ServerMPM`, or inferred from other lines; unknown for some early versions of 2.4.
    pub mpm: Option<Mpm>,
    /// `ServerVersion`, as detailed as ServerTokens allows; missing in early versions of 2.4.
    pub version: Option<String>,
    /// Time since the server was started or restarted, gracefully or not, s.
    pub uptime_s: Option<u64>,
    /// Only the event MPM reports this.
    pub connections: Option<Connections>,
}

impl Status {
    /// MaxRequestWorkers, as far as the page shows it (see `slots`): the number of slots, unless
    /// [`Status::no_max`] gives a reason why not. A number stated by the administrator is more reliable.
    pub fn max_workers(&self) -> Option<u32> {
        self.no_max().is_none().then_some(self.slots)
    }

    /// Why the slots do not show the maximum, if they do not.
    pub fn no_max(&self) -> Option<NoMax> {
        if self.scoreboard.unknown > 0 {
            Some(NoMax::Damaged)
        } else if self.stopping > 0 || self.scoreboard.graceful > 0 {
            Some(NoMax::Ending)
        } else {
            None
        }
    }

    /// Whether the slots are only an upper bound. Version 2.2 and early 2.4 cannot be told apart, since
    /// neither prints its version.
    pub fn at_most(&self) -> bool {
        let named = self.version.as_deref().unwrap_or_default();
        named.starts_with("Apache/2.2") || (named.is_empty() && self.mpm.is_none())
    }
}

/// Why a page is not one that mod_status returns for `?auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The page of another server or handler.
    #[error("the page seems to be {}: {}", .0.page, .0.instead)]
    Foreign(Foreign),
    /// The page is blank.
    #[error("the page is empty: is this the address of Apache's mod_status? If not, give --max-workers N")]
    Empty,
    /// A line that every Apache prints is missing.
    #[error(
        "the page has no {line} line: is this the address of mod_status, and is the server Apache 2? If not, give --max-workers N"
    )]
    Missing {
        /// The line.
        line: &'static str,
    },
    /// The value is not a number, or is impossible.
    #[error("the page's {line} line has no number from 0 to {max}: is the server Apache 2? If not, give --max-workers N", max = u32::MAX)]
    Number {
        /// The line.
        line: &'static str,
    },
    /// The scoreboard has no slots, although a worker answered.
    #[error(
        "the page's scoreboard has no slots: is the server Apache 2, and is the page complete? If not, give --max-workers N"
    )]
    NoSlots,
    /// There are more workers than the scoreboard has letters for, which Apache cannot print.
    #[error(
        "the page says {said} workers are {what}, but its scoreboard has at most {most}: is the server Apache 2, and is the page complete? If not, give --max-workers N"
    )]
    Contradiction {
        /// `busy` or `idle`.
        what: &'static str,
        /// The number on the line.
        said: u32,
        /// The number of letters.
        most: u32,
    },
}

/// Parses a page.
///
/// If a line occurs twice, the first counts: with the event MPM, 2.4.35 to 2.4.57 print the counts again,
/// with workers that are ending among the idle ones.
///
/// # Errors
/// If this is not such a page, or its counts are impossible.
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
        // For display only, so that an invalid number is ignored.
        uptime_s: ["ServerUptimeSeconds", "Uptime"]
            .into_iter()
            .find_map(|line| value(text, line)?.trim().parse().ok()),
        connections,
    })
}

/// The lines of the event MPM. From 2.4.58, other MPMs print them as well, all 0.
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
