//! The cost of a state change while thousands of connections are held, and while client and server run on two
//! CPUs, compared with the same connections alone in one thread.

use super::{
    churn::{Churn, TWO_CPUS, has_two_cpus},
    holder::hold,
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
#[derive(Clone, Debug)]
pub struct Crowd(pub Vec<(Case, Vec<f64>)>);

impl Crowd {
    /// The median with both as a multiple of the quiet one.
    pub fn ratio(&self) -> Option<f64> {
        let ns = |case| median(&self.0.iter().find(|(one, _)| *one == case)?.1);
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
    let mut cases = Case::ALL.map(|case| (case, Vec::new()));
    for round in 1..=plan.rounds {
        say(&format!("crowd: round {round} of {}", plan.rounds));
        cases.rotate_left(1);
        for (case, ns) in &mut cases {
            ns.extend(one(*case, &mut churn, &stage, plan)?);
        }
    }
    Ok(Crowd(cases.into()))
}

fn one(case: Case, churn: &mut Churn, stage: &Stage, plan: Plan) -> Result<Option<f64>, String> {
    let running = Subject::Counting.start(stage)?;
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
        let crowd = Crowd(vec![
            (Case::BOTH, vec![132.0]),
            (Case::QUIET, vec![100.0, 110.0, 500.0]),
        ]);
        assert_eq!(crowd.ratio(), Some(1.2));
        assert_eq!(Crowd(Vec::new()).ratio(), None);
    }
}
