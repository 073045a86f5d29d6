//! The cost of a state change while thousands of connections are held, and while client and server run on two
//! CPUs, compared with the same connections alone in one thread.

use super::{
    churn::{Churn, TWO_CPUS, has_two_cpus},
    holder::hold,
    line,
    math::{median, share},
    overhead::Plan,
    spent,
    subject::{Stage, Subject},
};
use crate::namespace::Namespace;

/// Number of connections held. Both ends are traced, so half as many are made.
pub const HELD: u32 = 20_000;

/// What is unlike the quiet case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// [`HELD`] connections are held.
    pub is_held: bool,
    /// Client and server have a CPU each.
    pub is_apart: bool,
}

impl Case {
    /// Neither.
    pub const QUIET: Self = Self {
        is_held: false,
        is_apart: false,
    };
    /// Both.
    pub const BOTH: Self = Self {
        is_held: true,
        is_apart: true,
    };
    const ALL: [Self; 4] = [
        Self::QUIET,
        Self {
            is_held: true,
            ..Self::QUIET
        },
        Self {
            is_apart: true,
            ..Self::QUIET
        },
        Self::BOTH,
    ];
}

/// Kernel time per state change in each case, ns, one value per round.
pub type Cases = Vec<(Case, Vec<f64>)>;

/// The results.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Of tcpreuse.
    pub ours: Cases,
    /// Of an empty program, which shows what the machine adds by itself; without values if there is none.
    pub empty: Cases,
    /// Time until a CPU has a cache line that the other one has changed, ns, one value per round. What is
    /// counted for a connection that begins on one CPU and ends on another has to take that way.
    pub line_ns: Vec<f64>,
}

impl Crowd {
    /// The median with both as a multiple of the quiet one.
    pub fn ratio(&self) -> Option<f64> {
        let ns = |case| median(&self.ours.iter().find(|(one, _)| *one == case)?.1);
        share(ns(Case::BOTH)?, ns(Case::QUIET)?)
    }
}

/// Measures the cases in an order that changes with each round.
///
/// # Errors
/// Why it cannot be measured here.
///
/// # Panics
/// If not root.
pub fn measure(
    plan: Plan,
    stage: impl FnOnce(&Namespace, u16) -> Stage,
    say: impl Fn(&str),
) -> Result<Crowd, String> {
    if !has_two_cpus() {
        return Err(TWO_CPUS.to_owned());
    }
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut churn = Churn::new(&namespace);
    let stage = stage(&namespace, churn.port());
    let nothing = || Case::ALL.map(|case| (case, Vec::new()));
    let (mut ours, mut empty, mut line_ns) = (nothing(), nothing(), Vec::new());
    for round in 1..=plan.rounds {
        say(&format!("crowd: round {round} of {}", plan.rounds));
        line_ns.extend(line::between_cpus());
        ours.rotate_left(1);
        empty.rotate_left(1);
        for ((case, ns), (_, empty_ns)) in ours.iter_mut().zip(&mut empty) {
            ns.extend(one(Subject::Counting, *case, &mut churn, &stage, plan)?);
            if stage.empty.is_some() {
                empty_ns.extend(one(Subject::Empty, *case, &mut churn, &stage, plan)?);
            }
        }
    }
    let in_order = |cases: [(Case, Vec<f64>); 4]| {
        let mut cases = Vec::from(cases);
        cases.sort_by_key(|(case, _)| Case::ALL.iter().position(|one| one == case));
        cases
    };
    Ok(Crowd {
        ours: in_order(ours),
        empty: in_order(empty),
        line_ns,
    })
}

fn one(
    subject: Subject,
    case: Case,
    churn: &mut Churn,
    stage: &Stage,
    plan: Plan,
) -> Result<Option<f64>, String> {
    let running = subject.start(stage)?;
    let _held = case.is_held.then(|| hold(HELD / 2));
    let mut run = |time| match case.is_apart {
        true => churn.run_apart(time, plan.peers),
        false => churn.run(time, plan.peers),
    };
    run(plan.slice / 4);
    let (before, after, _) = spent::during(running.pid(), || run(plan.slice))?;
    Ok(spent::between(&before, &after).map(|spent| spent.per_transition_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let crowd = |ours| Crowd {
            ours,
            empty: vec![(Case::BOTH, vec![60.0]), (Case::QUIET, vec![50.0])],
            line_ns: vec![80.0],
        };
        let measured = vec![
            (Case::BOTH, vec![132.0]),
            (Case::QUIET, vec![100.0, 110.0, 500.0]),
        ];
        assert_eq!(crowd(measured).ratio(), Some(1.2));
        assert_eq!(crowd(Vec::new()).ratio(), None);
    }
}
