//! Runs a scenario under the tracer.

use std::{
    panic::resume_unwind,
    thread,
    time::{Duration, Instant},
};

use tcpreuse::testing::{
    diagnosis::Judge,
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};

use super::{Scenario, Server, outcome::Outcome, stage::Stage};
use crate::{apache::Apache, namespace::Namespace, traffic::allow_many_files};

/// Interval between two diagnoses.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Interval between two glances, as in the program itself.
const GLANCE_EVERY: Duration = Duration::from_millis(200);

/// Why a scenario cannot run here; `None` if it can.
pub fn obstacle(scenario: &Scenario) -> Option<String> {
    match scenario.server {
        Server::Apache(_) if !Apache::is_installed() => Some("needs apache2 with the worker MPM".to_owned()),
        Server::Installed(several) => {
            let program = several.iter().find_map(|one| one.missing())?;
            Some(format!("needs {program}"))
        }
        _ => None,
    }
}

/// Runs a scenario in its own network namespace and thread.
///
/// # Panics
/// If the servers do not start or tracing is not possible.
pub fn run(scenario: &Scenario) -> Outcome {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(scenario.name.to_owned());
        let running = thread
            .spawn_scoped(scope, || on_stage(scenario))
            .expect("a thread");
        running.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn on_stage(scenario: &Scenario) -> Outcome {
    allow_many_files();
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut stage = Stage::set(scenario, &namespace);
    let settings = Settings {
        filter: Filter {
            ports: stage.ports(scenario),
            netns: Some(namespace.inode),
            directions: if scenario.traces_both_ends() {
                Directions::Both
            } else {
                Directions::Inbound
            },
            ..Filter::default()
        },
        ..Settings::default()
    };
    let attach = || Live::start(&settings).unwrap_or_else(|error| panic!("tracing: {error}"));
    let (mut live, addresses) = match scenario.warm_up {
        // Attach first: it takes a moment, and no connection may be open before it.
        Duration::ZERO => (attach(), stage.begin(scenario)),
        warm_up => {
            let addresses = stage.begin(scenario);
            thread::sleep(warm_up);
            (attach(), addresses)
        }
    };
    let begun = Instant::now();
    let mut judge = Judge::default();
    let mut outcome = Outcome::new(scenario, &addresses);
    let mut restart = scenario.restart;
    let mut next = LOOK_EVERY;
    while next <= scenario.tracing {
        while let Some(left) = next.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            thread::sleep(left.min(GLANCE_EVERY));
            live.glance().unwrap_or_else(|error| panic!("a glance: {error}"));
        }
        let sample = live.sample().unwrap_or_else(|error| panic!("a sample: {error}"));
        outcome.look(
            &judge.look(&sample, &scenario.options),
            begun.elapsed().as_secs_f64(),
        );
        if restart.is_some_and(|at| at <= begun.elapsed()) {
            restart = None;
            stage.restart();
        }
        next += LOOK_EVERY;
    }
    outcome.done = stage.done();
    outcome.log = stage.log();
    outcome.finish();
    outcome
}
