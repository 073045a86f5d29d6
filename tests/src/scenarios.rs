//! Whole fleets of clients against a real server, whose verdicts are known beforehand.
//!
//! A [`Scenario`] says who does what; [`run::run`] traces it and says what the diagnosis made of it.

pub mod behaviour;
mod client;
mod cut;
mod http;
pub mod list;
pub mod outcome;
pub mod run;
mod stage;
pub mod table;

use std::time::Duration;

use tcpreuse::diagnosis::Options;

pub use self::behaviour::Behaviour;
use crate::apache::Knobs;

/// Which server the clients meet.
#[derive(Clone, Copy, Debug)]
pub enum Server {
    /// Apache in front of an upstream that holds polls.
    Apache(Knobs),
    /// The demo's own, of which one path leaks connections.
    Leaky,
}

/// Clients that do the same, each from an address of its own.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What to call it.
    pub name: &'static str,
    /// What they do.
    pub behaviour: Behaviour,
    /// How many there are.
    pub clients: u16,
    /// When they begin, after the first of all.
    pub after: Duration,
    /// The verdicts that are right; the first is the best.
    pub truth: &'static [&'static str],
    /// Verdicts that must be in `also`.
    pub also: &'static [&'static str],
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
    /// What the user tells the diagnosis.
    pub options: Options,
}

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
