//! A line on stderr that says how far a long piece of work is.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// The progress of one command. On a terminal one line that is written over; elsewhere a line now
/// and then. Failing to write progress is no failure.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    pace: Duration,
    last_logged: Option<Duration>,
}

/// How often a line goes to something that is not a terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);
const LOG_SELDOM: Duration = Duration::from_secs(60);

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            pace: LOG_EVERY,
            last_logged: None,
        }
    }

    /// For a command that may run for days: fewer lines in a log.
    pub(super) fn unhurried() -> Self {
        Self {
            pace: LOG_SELDOM,
            ..Self::new()
        }
    }

    /// A line that stays.
    pub(super) fn say(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(io::stderr(), "tcpreuse: {text}");
    }

    /// A line that the next one replaces.
    pub(super) fn update(&mut self, elapsed: Duration, text: &str) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[Ktcpreuse: {text}");
            let _ = io::stderr().flush();
        } else if self
            .last_logged
            .is_none_or(|last| elapsed.saturating_sub(last) >= self.pace)
        {
            self.last_logged = Some(elapsed);
            let _ = writeln!(io::stderr(), "tcpreuse: {text}");
        }
    }

    /// Removes the line that would be replaced.
    pub(super) fn clear(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
