//! The one failure that is not a fault: something has to be installed, and not by us.

use std::fmt;

/// Why a command cannot go on here, and what the user can do about it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// One line.
    pub(crate) reason: String,
    /// Commands to copy, a line each.
    pub(crate) advice: String,
}

impl Refusal {
    /// As the tracer itself ends where it cannot trace.
    pub(crate) const EXIT_CODE: u8 = 3;
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}
