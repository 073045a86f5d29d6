//! Reads the page that mod_status gives for `?auto`.
//!
//! One `Key: value` a line. `BusyWorkers`, `IdleWorkers` and `Scoreboard` are there in every Apache
//! since 2.0, whatever `ExtendedStatus` says; other lines differ by version and MPM and are skipped.

use super::Scoreboard;

/// Apache's workers at one moment.
///
/// Apache takes its two counts and the letters in one pass but does not count the same: `busy` and
/// `idle` leave out processes that are ending, the letters show them. So the counts are believed
/// for what they count, and the letters for the number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Processes that end once their connections have; only the event MPM says, from 2.4.35.
    pub stopping: u32,
    /// What the slots are at.
    pub scoreboard: Scoreboard,
}

impl Status {
    /// MaxRequestWorkers as far as the page tells (see `slots`): the number of slots, and nothing
    /// while ending processes may hold some beyond it. Where the administrator names the number,
    /// that one is right.
    pub fn max_workers(&self) -> Option<u32> {
        (self.stopping == 0 && self.scoreboard.graceful == 0).then_some(self.slots)
    }
}

/// Why a page is not what mod_status gives for `?auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// For people.
    #[error(
        "the page is HTML, not the machine-readable status: is this mod_status' address, with `?auto` at its end?"
    )]
    Html,
    /// Nothing but white space.
    #[error("the page is empty: is this mod_status' address, with `?auto` at its end?")]
    Empty,
    /// A line that every Apache prints is not there.
    #[error(
        "the page has no {line} line: is this mod_status' address, with `?auto` at its end, and the server Apache 2?"
    )]
    Missing {
        /// Which.
        line: &'static str,
    },
    /// No number, or one no server can have.
    #[error("the page's {line} line has no number from 0 to {max}: is the server Apache 2?", max = u32::MAX)]
    Number {
        /// Which.
        line: &'static str,
    },
    /// A scoreboard without slots, although a worker answered.
    #[error("the page's scoreboard has no slots: is the server Apache 2, and the page whole?")]
    NoSlots,
    /// More workers than the scoreboard has letters for, which Apache cannot print.
    #[error(
        "the page says {said} workers are {what}, its scoreboard has at most {most}: is the server Apache 2, and the page whole?"
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
    let text = text.trim_start();
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    // The page begins with the server's name, which has no angle brackets.
    if text.starts_with('<') {
        return Err(ParseError::Html);
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
    Ok(Status {
        busy,
        idle,
        slots,
        stopping: number(text, "Stopping")?.unwrap_or(0),
        scoreboard,
    })
}

/// The first value with this key.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
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
