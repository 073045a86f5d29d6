//! What tracing costs: the same connections again and again, traced by one subject after the other.
//!
//! Each round has all subjects, so that a moment when the machine is busy with something else falls on
//! all alike. How fast connections are made is compared with that right before and after without any
//! tracing. The kernel's statistics take time themselves, so the speed is measured without them.

use std::{collections::BTreeMap, time::Duration};

use aya::sys::{Stats, enable_stats};

use super::{
    churn::{Churn, Churned},
    math::{median, number, share},
    process::{Memory, cpu_seconds},
    spent::{self, Spent},
    subject::{Running, Seen, Stage, Subject},
};
use crate::{namespace::Namespace, programs};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds.
    pub rounds: u32,
    /// Clients of an address each.
    pub peers: u32,
    /// How long each measurement of the speed takes; those of programs take half of it.
    pub slice: Duration,
}

impl Plan {
    /// Before each measurement: until maps and caches are warm.
    fn warm_up(self) -> Duration {
        self.slice / 4
    }

    fn counted(self) -> Duration {
        self.slice / 2
    }
}

/// What a subject costs, of each round.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Connections per second.
    pub speed: Vec<f64>,
    /// That as a part of the speed without tracing.
    pub ratio: Vec<f64>,
    /// The same by the CPU's time that the connections took, whatever else the machine did meanwhile.
    pub cpu_ratio: Vec<f64>,
    /// Time of all its programs per state change, ns.
    pub transition_ns: Vec<f64>,
    /// The same with a single client.
    pub single_ns: Vec<f64>,
    /// Of each of its programs, ns.
    pub programs: BTreeMap<String, Vec<f64>>,
    /// The program that took most, in the last round.
    pub main: Option<String>,
    /// Time of the CPU its process used while the speed was measured, all rounds, seconds.
    pub cpu_s: f64,
    /// How long the speed was measured, all rounds, seconds.
    pub measured_s: f64,
    /// Connections meanwhile, all rounds.
    pub measured: u64,
    /// Memory of its process, in the last round; `None`: it has none of its own.
    pub memory: Option<Memory>,
    /// Memory of its maps in the kernel, in bytes.
    pub map_bytes: Option<u64>,
    /// What it saw, all rounds; `None`: it tells nothing.
    pub seen: Option<Seen>,
    /// Why it could not be measured, or not in all rounds.
    pub obstacle: Option<String>,
}

impl Cost {
    /// Median speed as a part of that without tracing.
    pub fn ratio(&self) -> Option<f64> {
        median(&self.ratio)
    }

    /// Median time per state change, ns.
    pub fn transition_ns(&self) -> Option<f64> {
        median(&self.transition_ns)
    }

    /// Time of the CPU its process uses for each connection, µs.
    pub fn cpu_us_per_connection(&self) -> Option<f64> {
        self.memory?;
        share(self.cpu_s * 1e6, number(self.measured))
    }

    /// The same as a part of one CPU at that speed.
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

/// All subjects beside each other.
#[derive(Clone, Debug)]
pub struct Overhead {
    /// How it was measured.
    pub plan: Plan,
    /// Connections per second without tracing, each time.
    pub untraced: Vec<f64>,
    /// In the order of [`Subject::ALL`].
    pub costs: Vec<(Subject, Cost)>,
}

impl Overhead {
    /// Of one subject.
    pub fn of(&self, subject: Subject) -> Option<&Cost> {
        self.costs
            .iter()
            .find(|(one, _)| *one == subject)
            .map(|(_, cost)| cost)
    }
}

/// Measures all subjects. `say` hears how far it is.
///
/// # Panics
/// Without root.
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

/// One subject in one round: the speed, then the time of its programs, then what it saw.
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

/// The time of a process's programs while connections are made, and how many.
fn counted(pid: u32, churn: &mut Churn, time: Duration, peers: u32) -> Result<(Option<Spent>, u64), String> {
    let _stats = enable_stats(Stats::RunTime)
        .map_err(|error| format!("the kernel's statistics of programs: {error}"))?;
    let before = programs::of_process(pid);
    let churned = churn.run(time, peers);
    let spent = spent::between(&before, &programs::of_process(pid));
    Ok((spent, churned.connections))
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
