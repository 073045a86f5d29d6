//! A line on stderr that shows the progress of a long operation.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use rustix::termios::tcgetwinsize;

use crate::{
    text::sanitise,
    view::{
        fit::{cut, visible},
        theme::{Glyphs, environment, needs_ascii},
    },
};

/// The progress of one command: on a terminal a line that is overwritten, elsewhere an occasional line.
/// Failure to write progress is not an error.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    pace: Duration,
    last_logged: Option<Duration>,
}

/// How often a line is logged if stderr is not a terminal.
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

    /// For a command that may run for days: fewer log lines.
    pub(super) fn unhurried() -> Self {
        Self {
            pace: LOG_SELDOM,
            ..Self::new()
        }
    }

    /// Writes a permanent line. It may contain the name of a file or directory.
    pub(super) fn say(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(io::stderr(), "tcpreuse: {}", sanitise(text));
    }

    /// Writes a line that the next one replaces.
    pub(super) fn update(&mut self, elapsed: Duration, text: &str) {
        if self.terminal {
            let columns = tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
            let _ = write!(io::stderr(), "\r\x1b[K{}", fitted(text, columns));
            let _ = io::stderr().flush();
        } else if self
            .last_logged
            .is_none_or(|last| elapsed.saturating_sub(last) >= self.pace)
        {
            self.last_logged = Some(elapsed);
            let _ = writeln!(io::stderr(), "tcpreuse: {}", sanitise(text));
        }
    }

    /// Removes the replaceable line.
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

/// A line cut for a terminal of this many columns; 0 means unknown. A line that wraps could not be replaced.
/// The last column stays free, since some terminals wrap when it is written.
fn fitted(text: &str, columns: u16) -> String {
    let columns = if columns == 0 { 80 } else { columns };
    let ellipsis = Glyphs::new(needs_ascii(environment)).ellipsis;
    let line = visible(&format!("tcpreuse: {text}"));
    cut(&line, usize::from(columns).saturating_sub(1), ellipsis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fit::width;

    #[test]
    fn a_line_that_is_replaced_fits_the_terminal() {
        let text = format!("tracing, 12 s of 60 s: {}", "many words ".repeat(20));
        for columns in [1, 20, 79, 80, 100] {
            let line = fitted(&text, columns);
            assert_eq!(width(&line), usize::from(columns) - 1, "{line}");
        }
        assert_eq!(width(&fitted(&text, 0)), 79);
        assert_eq!(fitted("short", 80), "tcpreuse: short");
        assert_eq!(fitted("a\u{1b}[2J\nb", 80), "tcpreuse: a[2Jb");
    }
}
