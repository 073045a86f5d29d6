//! The verdicts' stable identifiers.

use std::fmt;

use serde::Serialize;

macro_rules! verdicts {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)+) => {
        /// What is going on with one peer. The order is that of badness: what keeps the most
        /// connections for the longest comes first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum Verdict {
            $($(#[$doc])* #[serde(rename = $id)] $name,)+
        }

        impl Verdict {
            /// All of them, the worst first.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The identifier other programs rely on.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}

verdicts! {
    /// The server's process never closes after the client's FIN.
    CloseWaitLeak = "close-wait-leak",
    /// It opens further connections while earlier ones are open and alive.
    PilingUp = "piling-up",
    /// The path died silently and it came back on a new connection.
    HalfOpen = "half-open",
    /// The server is not accepting: its workers are exhausted.
    NeverAccepted = "never-accepted",
    /// It gives up on a held poll before the server answers.
    EarlyAbort = "early-abort",
    /// It closes after every reply and connects again.
    FreshPerRequest = "fresh-per-request",
    /// The server's keep-alive timeout is shorter than the client's pause.
    ServerIdleClose = "server-idle-close",
    /// The client's pool drops idle connections before the next request.
    ClientIdleClose = "client-idle-close",
    /// The server closes after a fixed number of requests.
    RequestLimitClose = "request-limit-close",
    /// A firewall or balancer cuts idle connections.
    PathCut = "path-cut",
    /// A scanner, a health check, a slow client: no request to judge it by.
    Stray = "stray",
    /// Too short a window or too few connections to say.
    InsufficientData = "insufficient-data",
    /// Polls travel over the connections it keeps.
    Reusing = "reusing",
}

impl Verdict {
    /// Whether it says that connections are not reused, or pile up.
    pub fn accuses(self) -> bool {
        !matches!(self, Self::Stray | Self::InsufficientData | Self::Reusing)
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
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.id());
        }
    }

    #[test]
    fn there_are_as_many_as_promised() {
        assert_eq!(Verdict::ALL.len(), 13);
        assert_eq!(
            Verdict::ALL.iter().filter(|verdict| verdict.accuses()).count(),
            10
        );
    }
}
