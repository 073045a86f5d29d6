//! The verdicts' stable identifiers.

use std::fmt;

use serde::Serialize;

/// What is going on with one peer. The order is that of badness: what keeps the most connections
/// for the longest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server's process never closes after the client's FIN.
    CloseWaitLeak,
    /// It opens further connections while earlier ones are open and alive.
    PilingUp,
    /// It closes after every reply and connects again.
    FreshPerRequest,
    /// Too short a window or too few connections to say.
    InsufficientData,
    /// Polls travel over the connections it keeps.
    Reusing,
}

impl Verdict {
    /// The identifier other programs rely on.
    pub fn id(self) -> &'static str {
        match self {
            Self::CloseWaitLeak => "close-wait-leak",
            Self::PilingUp => "piling-up",
            Self::FreshPerRequest => "fresh-per-request",
            Self::InsufficientData => "insufficient-data",
            Self::Reusing => "reusing",
        }
    }

    /// Whether it says that connections are not reused, or pile up.
    pub fn accuses(self) -> bool {
        !matches!(self, Self::InsufficientData | Self::Reusing)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_text_use_the_same_identifier() {
        for verdict in [
            Verdict::CloseWaitLeak,
            Verdict::PilingUp,
            Verdict::FreshPerRequest,
            Verdict::InsufficientData,
            Verdict::Reusing,
        ] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.id());
        }
    }
}
