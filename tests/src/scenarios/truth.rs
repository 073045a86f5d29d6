//! The right verdicts over time: when a client's behaviour changes, so does the truth.

use std::time::Duration;

use tcpreuse::testing::diagnosis::Verdict;

/// How long the old truth is accepted after a change. A mended client can be acquitted only after several of
/// its own periods, each of which takes about a second here.
pub const TRANSITION: Duration = Duration::from_secs(8);

/// The right verdicts during a period.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// End of this phase, counted from the start of tracing.
    pub until: Duration,
    /// The right verdicts, the best one first.
    pub verdicts: &'static [&'static str],
}

/// The right verdicts for a peer.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Earlier phases in order of time.
    pub before: Vec<Phase>,
    /// The right verdicts in the last phase, the best one first.
    pub verdicts: &'static [&'static str],
    /// Verdicts that the last finding's `also` must contain.
    pub also: &'static [&'static str],
}

impl Truth {
    /// The same verdicts throughout.
    pub const fn of(verdicts: &'static [&'static str]) -> Self {
        Self {
            before: Vec::new(),
            verdicts,
            also: &[],
        }
    }

    /// The best verdict in the last phase.
    pub fn best(&self) -> &'static str {
        self.verdicts.first().copied().unwrap_or("?")
    }

    /// Number of phases.
    pub fn phases(&self) -> usize {
        self.before.len() + 1
    }

    /// Index of the phase after this many seconds of tracing.
    pub fn phase_at(&self, seconds: f64) -> usize {
        let over = |phase: &&Phase| phase.until.as_secs_f64() <= seconds;
        self.before.iter().take_while(over).count()
    }

    /// Start of a phase, counted from the start of tracing.
    pub fn begins(&self, phase: usize) -> Duration {
        let last = phase.checked_sub(1).and_then(|last| self.before.get(last));
        last.map_or(Duration::ZERO, |last| last.until)
    }

    /// The right verdicts in a phase.
    pub fn in_phase(&self, phase: usize) -> &'static [&'static str] {
        self.before
            .get(phase)
            .map_or(self.verdicts, |phase| phase.verdicts)
    }

    /// Whether a verdict is acceptable after this many seconds of tracing.
    pub fn allows(&self, verdict: &str, seconds: f64) -> bool {
        let phase = self.phase_at(seconds);
        let changing = phase > 0 && seconds < (self.begins(phase) + TRANSITION).as_secs_f64();
        self.in_phase(phase).contains(&verdict) || changing && self.in_phase(phase - 1).contains(&verdict)
    }

    /// Whether every accusation would be wrong after this many seconds of tracing.
    pub fn is_innocent(&self, seconds: f64) -> bool {
        let accusing = Verdict::ALL.iter().filter(|verdict| verdict.accuses());
        !accusing
            .into_iter()
            .any(|verdict| self.allows(verdict.id(), seconds))
    }
}

/// Whether at least one of these verdicts is an accusation.
pub fn accuses(verdicts: &[&str]) -> bool {
    Verdict::ALL
        .iter()
        .any(|verdict| verdict.accuses() && verdicts.contains(&verdict.id()))
}

/// Whether all of these verdicts are accusations.
pub fn must_accuse(verdicts: &[&str]) -> bool {
    verdicts.iter().all(|verdict| accuses(&[verdict]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_truth_is_allowed_for_a_while_after_a_change() {
        let truth = Truth {
            before: vec![Phase {
                until: Duration::from_secs(10),
                verdicts: &["fresh-per-request"],
            }],
            ..Truth::of(&["reusing"])
        };
        assert_eq!(truth.phase_at(9.9), 0);
        assert_eq!(truth.phase_at(10.0), 1);
        assert!(!truth.is_innocent(9.9));
        assert!(!truth.allows("reusing", 9.9));
        assert!(truth.allows("fresh-per-request", 12.0));
        assert!(!truth.allows("piling-up", 12.0));
        assert!(!truth.allows("fresh-per-request", 18.5));
        assert!(truth.is_innocent(18.5));
    }

    #[test]
    fn every_verdict_that_is_called_right_exists() {
        let known: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.id()).collect();
        for scenario in crate::scenarios::list::all() {
            for group in &scenario.groups {
                for truth in [Some(&group.truth), group.from_client.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    let before = truth.before.iter().flat_map(|phase| phase.verdicts);
                    for verdict in truth.verdicts.iter().chain(truth.also).chain(before) {
                        assert!(known.contains(verdict), "{}: {verdict}", scenario.name);
                    }
                }
            }
        }
    }

    #[test]
    fn phases_follow_each_other_and_end_while_it_is_traced() {
        for scenario in crate::scenarios::list::all() {
            for group in &scenario.groups {
                let mut ends: Vec<Duration> = group.truth.before.iter().map(|phase| phase.until).collect();
                ends.push(scenario.tracing);
                assert!(ends.is_sorted_by(|a, b| a < b), "{}: {ends:?}", scenario.name);
            }
        }
    }
}
