//! A diagnosis for people ([`text`]) and for programs ([`json`]).

#[cfg(test)]
mod example;
pub mod json;
pub mod text;

use jiff::Timestamp;

use crate::model::sample::Moment;

/// What a report says about where it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host name, already free of control characters.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
}

impl Origin {
    /// This machine.
    pub fn this_machine() -> Self {
        let uname = rustix::system::uname();
        let text = |part: &std::ffi::CStr| sanitise(&part.to_string_lossy());
        Self {
            host: text(uname.nodename()),
            kernel: text(uname.release()),
        }
    }
}

/// Text from outside without anything that could move a cursor, colour a screen or turn the
/// direction of writing.
pub fn sanitise(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_bidi(*c)).collect()
}

/// The characters that change the direction of the text around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// RFC 3339 in UTC with nanoseconds.
fn timestamp(moment: Moment) -> String {
    Timestamp::from_nanosecond(moment.utc_ns)
        .map(|time| format!("{time:.9}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_digits() {
        let moment = Moment {
            monotonic_ns: 0,
            utc_ns: 1_767_225_600_000_000_000,
        };
        assert_eq!(timestamp(moment), "2026-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(sanitise("we\u{1b}[31mb\u{202e}1\n"), "we[31mb1");
    }
}
