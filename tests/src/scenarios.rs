//! Whole fleets of clients against a real server, whose verdicts are known beforehand.
//!
//! A [`Scenario`] says who does what; [`run::run`] traces it and says what the diagnosis made of it.

pub mod behaviour;
pub mod calibration;
mod client;
mod cut;
mod http;
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
    own::Manner,
    truth::{Phase, Truth},
};
use crate::apache::Knobs;

/// Which server the clients meet.
#[derive(Clone, Copy, Debug)]
pub enum Server {
    /// Apache in front of an upstream that holds polls.
    Apache(Knobs),
    /// The demo's own, of which one path leaks connections.
    Leaky,
    /// Our own, which streams, ends connections at an age and can be restarted.
    Own(Manner),
}

/// Clients that do the same, each from an address of its own.
#[derive(Clone, Debug)]
pub struct Group {
    /// What to call it.
    pub name: &'static str,
    /// What they do.
    pub behaviour: Behaviour,
    /// How many there are.
    pub clients: u16,
    /// When they begin, after the first of all.
    pub after: Duration,
    /// The right verdicts as seen from the server.
    pub truth: Truth,
    /// The right verdicts as seen from the clients' host; `None`: their end is not traced.
    pub from_client: Option<Truth>,
}

impl Group {
    /// Begins later than the first.
    #[must_use]
    fn late(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// Adds an earlier phase, which ends when the behaviour changes, in time of tracing. Phases are
    /// added in the order of time.
    #[must_use]
    fn before(mut self, until: Duration, verdicts: &'static [&'static str]) -> Self {
        self.truth.before.push(Phase { until, verdicts });
        self
    }

    /// Verdicts that `also` must name.
    #[must_use]
    fn also(mut self, also: &'static [&'static str]) -> Self {
        self.truth.also = also;
        self
    }

    /// Has its end traced too, as outbound connections.
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
    /// What to call it on a command line.
    pub name: &'static str,
    /// The server.
    pub server: Server,
    /// The clients.
    pub groups: Vec<Group>,
    /// Settings of the network namespace.
    pub sysctls: &'static [(&'static str, &'static str)],
    /// How long the clients are at work before tracing begins.
    pub warm_up: Duration,
    /// How long to trace.
    pub tracing: Duration,
    /// When our own server restarts, in time of tracing.
    pub restart: Option<Duration>,
    /// How many surges there are, all of them over at the end; `None`: not checked.
    pub surges: Option<usize>,
    /// What the user tells the diagnosis.
    pub options: Options,
}

impl Scenario {
    /// How long it takes, without the start of its servers.
    pub fn length(&self) -> Duration {
        self.warm_up + self.tracing
    }

    /// Whether the clients' ends are traced too.
    pub fn traces_both_ends(&self) -> bool {
        self.groups.iter().any(|group| group.from_client.is_some())
    }
}

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
