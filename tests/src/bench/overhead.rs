//! The cost of tracing: the same connections over and over, traced by one subject after another.
//!
//! Each round measures every subject, so that a busy moment of the machine affects all of them. The speed
//! with each subject is compared with the untraced speed right before and after it. BPF statistics take time
//! themselves, so speed is measured with statistics off.

use std::{collections::BTreeMap, time::Duration};

use super::{
    churn::{Churn, Churned},
    math::{median, number, share, spread},
    process::{Memory, cpu_seconds},
    spent::{self, Spent},
    subject::{Running, Seen, Stage, Subject},
};
use crate::{namespace::Namespace, programs};

/// The amount of measuring.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of rounds.
    pub rounds: u32,
    /// Clients, each with its own address.
    pub peers: u32,
    /// Duration of each speed measurement. Measuring the programs takes half of it.
    pub slice: Duration,
}

impl Plan {
    /// Time before each measurement, which fills maps and caches.
    fn warm_up(self) -> Duration {
        self.slice / 4
    }

    fn counted(self) -> Duration {
        self.slice / 2
    }
}

/// The cost of a subject, with one value per round where it is a list.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Connections per second.
    pub speed: Vec<f64>,
    /// Speed relative to the untraced speed.
    pub ratio: Vec<f64>,
    /// The same for connections per second of CPU time, which other load on the machine hardly affects.
    pub cpu_ratio: Vec<f64>,
    /// Total run time of the subject's programs per state change, ns.
    pub transition_ns: Vec<f64>,
    /// The same with a single client, ns.
    pub single_ns: Vec<f64>,
    /// Mean run time of each program, ns.
    pub programs: BTreeMap<String, Vec<f64>>,
    /// Name of the program that took the most time in the last round.
    pub main: Option<String>,
    /// CPU time of the subject's process during the speed measurements of all rounds, seconds.
    pub cpu_s: f64,
    /// Duration of the speed measurements of all rounds, seconds.
    pub measured_s: f64,
    /// Connections made during these measurements.
    pub measured: u64,
    /// Memory of the subject's process in the last round; `None` if it runs in this process.
    pub memory: Option<Memory>,
    /// Memory of the subject's maps in the kernel, bytes.
    pub map_bytes: Option<u64>,
    /// Connections or state changes seen in all rounds; `None` if the subject does not report them.
    pub seen: Option<Seen>,
    /// Why the subject could not be measured in every round.
    pub obstacle: Option<String>,
}

impl Cost {
    /// Median speed relative to the untraced speed.
    pub fn ratio(&self) -> Option<f64> {
        median(&self.ratio)
    }

    /// Median time per state change, ns.
    pub fn transition_ns(&self) -> Option<f64> {
        median(&self.transition_ns)
    }

    /// CPU time of the subject's process per connection, µs.
    pub fn cpu_us_per_connection(&self) -> Option<f64> {
        self.memory?;
        share(self.cpu_s * 1e6, number(self.measured))
    }

    /// CPU time of the subject's process at that speed, as a share of one CPU.
    pub fn cpu_share(&self) -> Option<f64> {
        self.memory?;
        share(self.cpu_s, self.measured_s)
    }

    fn add_spent(&mut self, spent: Option<Spent>) {
        let Some(spent) = spent else { return };
        self.transition_ns.push(spent.per_transition_ns);
        self.main = spent.programs.first().map(|(name, _)| name.clone());
        for (name, ns) in spent.programs {
            self.programs.entry(name).or_default().push(ns);
        }
    }

    fn add_seen(&mut self, seen: Option<Seen>) {
        if let Some(seen) = seen {
            let sum = self.seen.get_or_insert_default();
            sum.expected += seen.expected;
            sum.lost += seen.lost;
            sum.drift = match (sum.drift, seen.drift) {
                (Some(sum), Some(drift)) => Some(sum.saturating_add(drift.saturating_abs())),
                (None, drift) => drift.map(i64::saturating_abs),
                (sum, None) => sum,
            };
        }
    }
}

/// The results of all subjects.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// The amount of measuring.
    pub plan: Plan,
    /// Connections per second without tracing, one value per measurement.
    pub untraced: Vec<f64>,
    /// In the order of [`Subject::ALL`].
    pub costs: Vec<(Subject, Cost)>,
}

/// If the untraced speed itself spreads by more than this factor, ratios of speeds mean nothing.
pub const STEADY: f64 = 1.1;

impl Overhead {
    /// Whether the untraced speed was steady enough to compare speeds.
    pub fn is_steady(&self) -> bool {
        spread(&self.untraced).is_some_and(|spread| spread <= STEADY)
    }

    /// The cost of one subject.
    pub fn of(&self, subject: Subject) -> Option<&Cost> {
        self.costs
            .iter()
            .find(|(one, _)| *one == subject)
            .map(|(_, cost)| cost)
    }
}

/// Measures all subjects. `say` is called with progress messages.
///
/// # Panics
/// If not root.
pub fn measure(plan: Plan, stage: impl FnOnce(&Namespace, u16) -> Stage, say: impl Fn(&str)) -> Overhead {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut churn = Churn::new(&namespace);
    let stage = stage(&namespace, churn.port());
    let mut costs = Subject::ALL.map(|subject| (subject, Cost::default()));
    let mut untraced = Vec::new();
    churn.run(plan.warm_up(), plan.peers);
    for round in 1..=plan.rounds {
        say(&format!("overhead: round {round} of {}", plan.rounds));
        let mut before = churn.run(plan.slice, plan.peers);
        untraced.push(before.per_second());
        for (subject, cost) in &mut costs {
            let traced = one(*subject, cost, &mut churn, &stage, plan);
            let after = churn.run(plan.slice, plan.peers);
            untraced.push(after.per_second());
            match traced {
                Ok(traced) => {
                    let ratio = |of: fn(Churned) -> f64| of(traced) / f64::midpoint(of(before), of(after));
                    cost.speed.push(traced.per_second());
                    cost.ratio.push(ratio(Churned::per_second));
                    cost.cpu_ratio.push(ratio(Churned::per_cpu_second));
                }
                Err(reason) => {
                    if cost.obstacle.is_none() {
                        say(&format!("overhead: {}: {reason}", subject.name()));
                    }
                    cost.obstacle = Some(reason);
                }
            }
            before = after;
        }
    }
    Overhead {
        plan,
        untraced,
        costs: costs.into(),
    }
}

/// Measures one subject in one round: speed first, then program times, then what the subject saw.
fn one(
    subject: Subject,
    cost: &mut Cost,
    churn: &mut Churn,
    stage: &Stage,
    plan: Plan,
) -> Result<Churned, String> {
    let running = subject.start(stage)?;
    let pid = running.pid();
    let mut made = churn.run(plan.warm_up(), plan.peers).connections;
    let before = cpu_seconds(pid);
    let traced = churn.run(plan.slice, plan.peers);
    made += traced.connections;
    if let (Running::Ours(_) | Running::Tool(_), Some(before), Some(after)) =
        (&running, before, cpu_seconds(pid))
    {
        cost.cpu_s += after - before;
        cost.measured_s += traced.elapsed.as_secs_f64();
        cost.measured += traced.connections;
        cost.memory = Memory::of(pid);
    }
    cost.map_bytes = programs::map_bytes(pid);
    let (spent, connections) = counted(pid, churn, plan.counted(), plan.peers)?;
    cost.add_spent(spent);
    made += connections;
    if subject.is_ours() {
        let (spent, connections) = counted(pid, churn, plan.counted(), 1)?;
        cost.single_ns.extend(spent.map(|spent| spent.per_transition_ns));
        made += connections;
    }
    cost.add_seen(running.stop(made)?);
    Ok(traced)
}

/// Run time of a process's programs while connections are made, and the number of connections.
fn counted(pid: u32, churn: &mut Churn, time: Duration, peers: u32) -> Result<(Option<Spent>, u64), String> {
    let (before, after, churned) = spent::during(pid, || churn.run(time, peers))?;
    Ok((spent::between(&before, &after), churned.connections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_all_rounds_add_up_and_drifts_do_not_cancel_out() {
        let mut cost = Cost::default();
        for drift in [2, -2] {
            cost.add_seen(Some(Seen {
                expected: 10,
                lost: 1,
                drift: Some(drift),
            }));
        }
        cost.add_seen(None);
        let sum = Seen {
            expected: 20,
            lost: 2,
            drift: Some(4),
        };
        assert_eq!(cost.seen, Some(sum));
    }

    #[test]
    fn who_has_no_process_uses_no_cpu_that_could_be_told() {
        let cost = Cost {
            cpu_s: 1.0,
            measured: 10,
            measured_s: 2.0,
            ..Cost::default()
        };
        assert_eq!(cost.cpu_us_per_connection(), None);
        let cost = Cost {
            memory: Some(Memory::default()),
            ..cost
        };
        assert_eq!(cost.cpu_us_per_connection(), Some(100_000.0));
        assert_eq!(cost.cpu_share(), Some(0.5));
    }
}
