//! The time that BPF programs take per state change.

use aya::sys::{Stats, enable_stats};
use tracer_ebpf::hooks::{LIST, SEED};

use crate::programs::{self, Program};

/// Iterator programs run once per socket of a walk, not per state change.
const WALKS: [&str; 2] = [SEED, LIST];

/// Run time of BPF programs during a number of state changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// Number of state changes, taken to be the runs of the program that took the most time.
    pub transitions: u64,
    /// Total time of all programs divided by the state changes, ns.
    pub per_transition_ns: f64,
    /// Name and mean run time in ns of each program that ran, the one with the longest total time first.
    pub programs: Vec<(String, f64)>,
}

/// The programs of a process before and after some work, with statistics on meanwhile; and what the work
/// gave.
///
/// # Errors
/// If there are no statistics here.
pub fn during<T>(pid: u32, work: impl FnOnce() -> T) -> Result<(Vec<Program>, Vec<Program>, T), String> {
    let _stats =
        enable_stats(Stats::RunTime).map_err(|error| format!("cannot enable BPF statistics: {error}"))?;
    let before = programs::of_process(pid);
    let result = work();
    Ok((before, programs::of_process(pid), result))
}

/// Mean run time of the program of that name, ns; `None` if it did not run.
pub fn of_one(name: &str, before: &[Program], after: &[Program]) -> Option<f64> {
    let one = |all: &[Program]| {
        all.iter()
            .find(|program| program.name == name)
            .map(|one| one.counted)
    };
    let (before, after) = (one(before)?, one(after)?);
    let runs = after.runs - before.runs;
    (runs > 0).then(|| per(after.run_ns - before.run_ns, runs))
}

/// The difference between two readings of the same programs; `None` if none ran.
pub fn between(before: &[Program], after: &[Program]) -> Option<Spent> {
    let mut ran: Vec<(&str, u64, u64)> = after
        .iter()
        .filter(|program| !WALKS.contains(&program.name.as_str()))
        .filter_map(|now| {
            let then = before.iter().find(|program| program.id == now.id)?.counted;
            let (ns, runs) = (now.counted.run_ns - then.run_ns, now.counted.runs - then.runs);
            (runs > 0).then_some((now.name.as_str(), ns, runs))
        })
        .collect();
    ran.sort_by_key(|(_, ns, _)| std::cmp::Reverse(*ns));
    let transitions = ran.first()?.2;
    let all: u64 = ran.iter().map(|(_, ns, _)| ns).sum();
    Some(Spent {
        transitions,
        per_transition_ns: per(all, transitions),
        programs: ran
            .into_iter()
            .map(|(name, ns, runs)| (name.to_owned(), per(ns, runs)))
            .collect(),
    })
}

fn per(ns: u64, runs: u64) -> f64 {
    super::math::number(ns) / super::math::number(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::Counted;

    fn program(id: u32, name: &str, run_ns: u64, runs: u64) -> Program {
        Program {
            id,
            name: name.to_owned(),
            counted: Counted {
                run_ns,
                runs,
                skipped: 0,
            },
        }
    }

    #[test]
    fn all_programs_count_towards_a_state_change() {
        let before = [program(1, "state", 100, 1), program(2, "end", 0, 0)];
        let after = [
            program(2, "end", 800, 10),
            program(1, "state", 2100, 11),
            program(3, LIST, 1_000_000, 7),
            program(4, "never", 0, 0),
        ];
        let spent = between(&before, &after).unwrap();
        assert_eq!(spent.transitions, 10);
        assert!((spent.per_transition_ns - 280.0).abs() < 1e-9);
        assert_eq!(
            spent.programs,
            [("state".to_owned(), 200.0), ("end".to_owned(), 80.0)]
        );
    }

    #[test]
    fn one_program_is_told_from_the_others() {
        let before = [program(1, "state", 100, 1), program(2, "read", 50, 1)];
        let after = [program(1, "state", 900, 9), program(2, "read", 90, 3)];
        assert_eq!(of_one("read", &before, &after), Some(20.0));
        assert_eq!(of_one("end", &before, &after), None);
    }

    #[test]
    fn nothing_ran_is_not_no_time() {
        let same = [program(1, "state", 100, 1)];
        assert_eq!(of_one("state", &same, &same), None);
        assert_eq!(between(&same, &same), None);
    }
}
