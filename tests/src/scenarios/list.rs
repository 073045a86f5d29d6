//! All scenarios. Group names and truths say what each one is about.

mod broken;
mod changes;
mod crowds;
mod habits;
mod others;
mod outbound;
mod piles;
mod pools;
mod shared;
mod streams;
mod tls;
mod workers;

use std::time::Duration;

use tcpreuse::testing::diagnosis::Options;

use super::{
    Behaviour, Dialect, Door, Group, Installed, Manner, Scenario, Server, Truth,
    behaviour::{Notices, Stream},
    ms,
};
use crate::apache::Knobs;

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [
        habits::all(),
        broken::all(),
        workers::all(),
        crowds::all(),
        piles::all(),
        shared::all(),
        pools::all(),
        streams::all(),
        changes::all(),
        outbound::all(),
        tls::all(),
        others::all(),
    ]
    .concat()
}

/// The scenario with this name.
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// A group of clients that start at once.
fn group(name: &'static str, clients: u16, behaviour: Behaviour, truth: &'static [&'static str]) -> Group {
    Group {
        name: name.to_owned(),
        door: None,
        behaviour,
        clients,
        after: Duration::ZERO,
        truth: Truth::of(truth),
        from_client: None,
    }
}

/// Clients that do nothing wrong: each makes long polls, one after another, over one connection.
fn innocents(clients: u16) -> Group {
    group("innocent", clients, reuse(500, 150), &["reusing"])
}

/// Polls over a single connection. Times are in ms.
const fn reuse(hold: u64, pause: u64) -> Behaviour {
    Behaviour::Reuse {
        connections: 1,
        hold: ms(hold),
        pause: ms(pause),
        notices: Notices::WithTheNextPoll,
    }
}

/// A scenario whose clients start together with tracing.
fn scenario(name: &'static str, knobs: Knobs, seconds: u64, groups: Vec<Group>) -> Scenario {
    Scenario {
        name,
        server: Server::Apache(knobs),
        groups,
        sysctls: &[],
        warm_up: Duration::ZERO,
        tracing: Duration::from_secs(seconds),
        restart: None,
        surges: None,
        options: Options::default(),
    }
}

/// Apache's defaults except for the keep-alive timeout, in ms.
fn keep_alive(timeout: u64) -> Knobs {
    Knobs {
        keep_alive_timeout: ms(timeout),
        ..Knobs::default()
    }
}

/// Settings with this many workers in a single child process.
fn few_workers(workers: u32) -> Knobs {
    Knobs {
        max_request_workers: workers,
        threads_per_child: workers,
        ..Knobs::default()
    }
}

/// Settings with enough workers for many connections, in few child processes.
fn workers(workers: u32) -> Knobs {
    Knobs {
        max_request_workers: workers,
        threads_per_child: 50,
        ..Knobs::default()
    }
}
