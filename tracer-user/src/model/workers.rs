//! A server's workers, as the server itself counts them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::sanitise;

/// Apache has eleven.
const MAX_STATES: usize = 64;

/// The state of workers that end once they have done what they are at.
pub const FINISHING: &str = "finishing";

/// What status pages said, the latest and those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workers {
    /// Busy with a request or a connection; `None` when the page was read earlier but not lately,
    /// as when no worker is left to answer.
    pub busy: Option<u32>,
    /// Waiting for a connection likewise.
    pub idle: Option<u32>,
    /// How many there can be, if a page has told. Kept while a page does not.
    pub max: Option<u32>,
    /// `max` is an upper bound: the page has a slot for more workers than the server may start.
    pub at_most: bool,
    /// Why the latest page tells no maximum.
    pub no_max: Option<NoMax>,
    /// How many are at what, in words for people.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_STATES>")]
    pub states: Vec<(Cow<'static, str>, u32)>,
    /// Workers that finish what they have and then end.
    pub finishing: Option<u32>,
    /// Processes, and those of them that end once their connections have.
    pub processes: Option<u32>,
    /// See `processes`.
    pub ending: Option<u32>,
    /// How the server gives connections to workers.
    pub mpm: Option<Mpm>,
    /// Its connections; only the event MPM says.
    pub connections: Option<Connections>,
    /// Name and version of the server.
    pub version: Option<String>,
    /// Since it was started or restarted, s.
    pub uptime_s: Option<u64>,
    /// By how many its busy workers grow in 1000 s, over the last pages.
    pub busy_per_1000s: Option<i64>,
    /// The port that was asked.
    pub port: Option<u16>,
}

impl Workers {
    /// Makes the words harmless, where they were read from a file.
    pub fn sanitise(&mut self) {
        for (state, _) in &mut self.states {
            *state = sanitise(state).into();
        }
        if let Some(version) = &mut self.version {
            *version = sanitise(version);
        }
    }
}

/// Why a page tells no maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoMax {
    /// Workers of before a graceful restart hold slots beyond it.
    Ending,
    /// The scoreboard has characters that Apache does not print: it was cut or edited.
    Damaged,
}

/// Apache's multi-processing modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mpm {
    /// A process for each connection.
    Prefork,
    /// A thread for each connection.
    Worker,
    /// A thread for each request; idle connections take none.
    Event,
}

impl Mpm {
    /// Its name in Apache's settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prefork => "prefork",
            Self::Worker => "worker",
            Self::Event => "event",
        }
    }

    /// Whether each connection takes a worker for as long as it is open.
    pub fn takes_one_per_connection(self) -> bool {
        self != Self::Event
    }

    /// What Apache's error log says once when no further worker may be started.
    pub fn log_code(self) -> &'static str {
        match self {
            Self::Prefork => "AH00161",
            Self::Worker => "AH00286",
            Self::Event => "AH00484",
        }
    }
}

/// Connections as the event MPM counts them. Those in a state named here take no worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// All.
    pub total: u32,
    /// The client reads a reply slowly.
    pub writing: u32,
    /// Kept alive between two requests.
    pub keepalive: u32,
    /// Being closed.
    pub closing: u32,
}
