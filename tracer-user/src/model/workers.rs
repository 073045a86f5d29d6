//! A server's workers, as reported by the server itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::sanitise;

/// Apache has eleven states.
const MAX_STATES: usize = 64;

/// Name of the state of workers that finish their work and then end.
pub const FINISHING: &str = "finishing";

/// What the status pages said, latest and earlier ones combined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workers {
    /// Workers busy with a request or a connection. `None` if there is no recent page, for example because no
    /// worker is left to answer.
    pub busy: Option<u32>,
    /// Workers waiting for a connection. `None` like `busy`.
    pub idle: Option<u32>,
    /// Maximum number of workers, from the last page that stated it.
    pub max: Option<u32>,
    /// Whether `max` is only an upper bound: the page has slots for more workers than the server may start.
    pub at_most: bool,
    /// Why the latest page does not state a maximum.
    pub no_max: Option<NoMax>,
    /// Number of workers in each state, with the state's name.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_STATES>")]
    pub states: Vec<(Cow<'static, str>, u32)>,
    /// Workers that finish their work and then end.
    pub finishing: Option<u32>,
    /// Number of processes.
    pub processes: Option<u32>,
    /// How many of the processes end once their connections have.
    pub ending: Option<u32>,
    /// How the server assigns connections to workers.
    pub mpm: Option<Mpm>,
    /// Its connections; only the event MPM reports them.
    pub connections: Option<Connections>,
    /// Name and version of the server.
    pub version: Option<String>,
    /// Time since it was started or restarted, s.
    pub uptime_s: Option<u64>,
    /// Growth of its busy workers per 1000 s, over the last pages.
    pub busy_per_1000s: Option<i64>,
    /// The port the page was fetched from.
    pub port: Option<u16>,
}

impl Workers {
    /// Sanitises the texts, after reading from a file.
    pub fn sanitise(&mut self) {
        for (state, _) in &mut self.states {
            *state = sanitise(state).into();
        }
        if let Some(version) = &mut self.version {
            *version = sanitise(version);
        }
    }
}

/// Why a page does not state the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoMax {
    /// Workers from before a graceful restart occupy slots in addition to the maximum.
    Ending,
    /// The scoreboard has characters that Apache does not print: it was truncated or edited.
    Damaged,
}

/// Apache's multi-processing modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mpm {
    /// One process for each connection.
    Prefork,
    /// One thread for each connection.
    Worker,
    /// One thread for each request; idle connections need none.
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

    /// Whether each connection occupies a worker while it is open.
    pub fn takes_one_per_connection(self) -> bool {
        self != Self::Event
    }

    /// The code in Apache's error log when no further worker can be started.
    pub fn log_code(self) -> &'static str {
        match self {
            Self::Prefork => "AH00161",
            Self::Worker => "AH00286",
            Self::Event => "AH00484",
        }
    }
}

/// Connections as counted by the event MPM. Those in a state named here occupy no worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// All connections.
    pub total: u32,
    /// The reply is being sent to a slow client.
    pub writing: u32,
    /// Idle between two requests.
    pub keepalive: u32,
    /// Being closed.
    pub closing: u32,
}
