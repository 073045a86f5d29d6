//! The verdicts, with their stable identifiers and the party that has to act.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! verdicts {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal,)+) => {
        /// What is going on with a peer, ordered by severity: causes that keep the most connections open for
        /// the longest come first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Verdict {
            $($(#[doc = $doc])+ #[serde(rename = $id)] $name,)+
        }

        impl Verdict {
            /// All verdicts, worst first.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable identifier that other programs rely on.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// What it says about a peer, in a sentence.
            pub fn meaning(self) -> &'static str {
                let text = match self {
                    $(Self::$name => concat!($($doc),+),)+
                };
                text.trim_start()
            }
        }
    };
}

verdicts! {
    /// This host's process never closes its socket after the other side's FIN.
    CloseWaitLeak = "close-wait-leak",
    /// It opens further connections while earlier ones are open and alive.
    PilingUp = "piling-up",
    /// The path died silently, and the peer came back on a new connection.
    HalfOpen = "half-open",
    /// Earlier connections fell silent when a newer one was opened, and nothing shows why.
    Abandoned = "abandoned",
    /// The server is not accepting: its workers are exhausted.
    NeverAccepted = "never-accepted",
    /// It abandons a held poll before the server answers.
    EarlyAbort = "early-abort",
    /// No connection ever gets as far as a request.
    HandshakeFailed = "handshake-failed",
    /// It closes after every reply and connects again, or never uses the idle connection it holds.
    FreshPerRequest = "fresh-per-request",
    /// It keeps a core of reused connections and opens short-lived ones beyond it.
    PoolOverflow = "pool-overflow",
    /// The server's keep-alive timeout is shorter than the client's pause.
    ServerIdleClose = "server-idle-close",
    /// The client's pool drops idle connections before the next request.
    ClientIdleClose = "client-idle-close",
    /// The server closes after a fixed number of requests.
    RequestLimitClose = "request-limit-close",
    /// One side ends every connection at a constant age.
    LifetimeClose = "lifetime-close",
    /// A firewall or balancer cuts idle connections.
    PathCut = "path-cut",
    /// The server ends connections before they are used again, and no timer, limit or age fits.
    ServerClose = "server-close",
    /// The client ends connections before they are used again, and no timer, limit or age fits.
    ClientClose = "client-close",
    /// It holds far more than others and does not grow; the operator has to decide.
    ManyHeld = "many-held",
    /// A scanner, a health check or a slow client: there is no request to judge.
    Stray = "stray",
    /// Too short a window or too few connections to say.
    InsufficientData = "insufficient-data",
    /// Requests travel over the connections it keeps.
    Reusing = "reusing",
}

/// The party that has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The client, or its operator.
    Client,
    /// The server: its settings, its workers, its code.
    Server,
    /// The path between the two.
    Network,
}

impl Party {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Client, Self::Server, Self::Network];
}

impl Verdict {
    /// Who has to act on the verdict; `None` if nobody has to. A limit or timer is the concern of the party
    /// that set it. For a constant age that is the side that ends the connection, which the caller knows.
    pub fn party(self) -> Option<Party> {
        match self {
            Self::PilingUp
            | Self::Abandoned
            | Self::FreshPerRequest
            | Self::PoolOverflow
            | Self::ClientIdleClose
            | Self::ClientClose
            | Self::EarlyAbort
            | Self::HandshakeFailed => Some(Party::Client),
            Self::CloseWaitLeak
            | Self::NeverAccepted
            | Self::ServerIdleClose
            | Self::RequestLimitClose
            | Self::LifetimeClose
            | Self::ServerClose => Some(Party::Server),
            Self::HalfOpen | Self::PathCut => Some(Party::Network),
            Self::ManyHeld | Self::Stray | Self::InsufficientData | Self::Reusing => None,
        }
    }

    /// Whether it says that connections are not reused or pile up.
    pub fn accuses(self) -> bool {
        self.party().is_some()
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
    fn what_accuses_nobody_is_nobodys_to_change() {
        let innocent: Vec<Verdict> = Verdict::ALL
            .iter()
            .copied()
            .filter(|verdict| !verdict.accuses())
            .collect();
        assert_eq!(
            innocent,
            [
                Verdict::ManyHeld,
                Verdict::Stray,
                Verdict::InsufficientData,
                Verdict::Reusing
            ]
        );
        assert_eq!(Verdict::ALL.len(), 20);
    }
}
