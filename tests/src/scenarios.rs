//! Fleets of clients with known verdicts against a real server.
//!
//! A [`Scenario`] describes who does what. [`run::run`] traces it and compares the diagnosis with the truth.

pub mod behaviour;
pub mod calibration;
pub(crate) mod client;
pub(crate) mod connection;
mod cut;
mod dialects;
pub mod door;
pub mod installed;
pub mod list;
pub mod outcome;
mod own;
pub mod run;
mod stage;
pub mod table;
pub mod truth;
mod websocket;

use std::time::Duration;

use tcpreuse::testing::diagnosis::Options;

pub use self::{
    behaviour::Behaviour,
    door::{Dialect, Door},
    installed::Installed,
    own::Manner,
    truth::{Phase, Truth},
};
use crate::apache::Knobs;

/// The server that the clients connect to.
#[derive(Clone, Copy, Debug)]
pub enum Server {
    /// Apache in front of an upstream that holds polls.
    Apache(Knobs),
    /// The demo's own server; connections to one of its paths leak.
    Leaky,
    /// The tests' own server, which streams, limits the age of connections and can be restarted.
    Own(Manner),
    /// Other servers that are installed on the machine.
    Installed(&'static [Installed]),
}

/// Clients with the same behaviour, each with its own address.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name in reports.
    pub name: String,
    /// What its clients connect to; `None` for HTTP/1.1 on the server's own port.
    pub door: Option<Door>,
    /// The behaviour of each client.
    pub behaviour: Behaviour,
    /// Number of clients.
    pub clients: u16,
    /// Delay of their start, counted from the first group's.
    pub after: Duration,
    /// The expected verdicts in the server's inbound view.
    pub truth: Truth,
    /// The expected verdicts in the clients' outbound view; `None` if that is not traced.
    pub from_client: Option<Truth>,
}

impl Group {
    /// Delays the start of the group.
    #[must_use]
    fn late(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Sends the clients to a door, which the name then tells.
    #[must_use]
    fn through(self, door: Door) -> Self {
        Self {
            name: format!("{}, {door}", self.name),
            door: Some(door),
            ..self
        }
    }

    /// Adds an earlier phase that ends at `until`, when the behaviour changes, counted from the start of
    /// tracing. Phases must be added in order of time.
    #[must_use]
    fn before(mut self, until: Duration, verdicts: &'static [&'static str]) -> Self {
        self.truth.before.push(Phase { until, verdicts });
        self
    }

    /// Sets the verdicts that `also` must name.
    #[must_use]
    fn also(mut self, also: &'static [&'static str]) -> Self {
        self.truth.also = also;
        self
    }

    /// Traces the clients' side too, as outbound connections.
    #[must_use]
    fn seen_from_client(self, verdicts: &'static [&'static str]) -> Self {
        Self {
            from_client: Some(Truth::of(verdicts)),
            ..self
        }
    }
}

/// A server and its clients.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// The server.
    pub server: Server,
    /// The clients.
    pub groups: Vec<Group>,
    /// Sysctls of the network namespace.
    pub sysctls: &'static [(&'static str, &'static str)],
    /// How long the clients run before tracing begins.
    pub warm_up: Duration,
    /// How long to trace.
    pub tracing: Duration,
    /// When our own server restarts, counted from the start of tracing.
    pub restart: Option<Duration>,
    /// Number of surges, all of them over by the end; `None` if not checked.
    pub surges: Option<usize>,
    /// Options that the user gives to the diagnosis.
    pub options: Options,
}

impl Scenario {
    /// Duration of the scenario, without starting its servers.
    pub fn length(&self) -> Duration {
        self.warm_up + self.tracing
    }

    /// Whether the clients' side is traced too.
    pub fn traces_both_ends(&self) -> bool {
        self.groups.iter().any(|group| group.from_client.is_some())
    }
}

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
