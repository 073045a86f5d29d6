//! When evidence is kept, and for how long.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::{
    diagnosis::{Change, Diagnosis, What},
    evidence::{flight::Keep, manifest::Why},
    model::sample::Moment,
    report::timestamp,
    view::keeper::change_in_words,
};

/// A verdict has weight if its peer has this share of the connections opened or held on its port.
const WEIGHTY: f64 = 0.25;

/// A verdict alone is a reason only after this much time without one, ns: on some hosts they come and go all
/// day.
const QUIET_NS: u64 = 3_600_000_000_000;

/// However many reasons come up, a directory ends when it has gone on for this many times what follows one.
const MAX_TIMES: u64 = 6;

/// Why evidence is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A surge began.
    Surge,
    /// A peer that matters was accused.
    Verdict,
    /// SIGUSR1.
    Signal,
    /// `POST /api/keep`.
    Request,
}

impl Reason {
    fn id(self) -> &'static str {
        match self {
            Self::Surge => "surge",
            Self::Verdict => "verdict",
            Self::Signal => "signal",
            Self::Request => "request",
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Where the evidence will be.
    pub directory: PathBuf,
    /// When it will be complete.
    pub until: Moment,
}

/// What is being kept.
#[derive(Clone, Debug)]
struct Current {
    name: String,
    began_ns: u64,
    until_ns: u64,
}

/// Decides what is kept.
#[derive(Debug)]
pub struct Keeping {
    /// How much of what follows a reason is kept, ns.
    after_ns: u64,
    current: Option<Current>,
    /// When there was a verdict of weight last.
    verdict_ns: Option<u64>,
    /// The number of the next change to look at.
    next: u64,
}

impl Keeping {
    /// Keeps this much of what follows a reason, ns.
    pub fn new(after_ns: u64) -> Self {
        Self {
            after_ns,
            current: None,
            verdict_ns: None,
            next: 0,
        }
    }

    /// Finds reasons in what changed since the diagnosis before.
    pub fn look(&mut self, diagnosis: &Diagnosis) -> Vec<Keep> {
        let next = self.next;
        let new = diagnosis.changes.iter().filter(|change| change.id >= next);
        let found: Vec<(Reason, &Change)> = new
            .filter_map(|change| Some((reason(change, diagnosis)?, change)))
            .collect();
        self.next = diagnosis
            .changes
            .last()
            .map_or(next, |change| next.max(change.id + 1));
        found
            .into_iter()
            .filter_map(|(reason, change)| {
                let (_, text, _) = change_in_words(&change.what, &diagnosis.options.names);
                self.because(reason, text, diagnosis.taken)
            })
            .collect()
    }

    /// Takes a reason into account. `None` if nothing is kept for it.
    pub fn because(&mut self, reason: Reason, text: String, now: Moment) -> Option<Keep> {
        let until_ns = now.monotonic_ns.saturating_add(self.after_ns);
        let current = match &mut self.current {
            Some(current) => {
                let longest = current
                    .began_ns
                    .saturating_add(self.after_ns.saturating_mul(MAX_TIMES));
                if reason != Reason::Verdict {
                    current.until_ns = until_ns.min(longest).max(current.until_ns);
                }
                current
            }
            None => {
                let is_usual = |last: u64| now.monotonic_ns.saturating_sub(last) < QUIET_NS;
                if reason == Reason::Verdict
                    && self.verdict_ns.replace(now.monotonic_ns).is_some_and(is_usual)
                {
                    return None;
                }
                let at = Timestamp::from_nanosecond(now.utc_ns).unwrap_or_default();
                self.current.insert(Current {
                    name: format!("{}-{}", at.strftime("%Y%m%d%H%M%S"), reason.id()),
                    began_ns: now.monotonic_ns,
                    until_ns,
                })
            }
        };
        Some(Keep {
            name: current.name.clone(),
            why: Why {
                at: timestamp(now),
                reason: reason.id().to_owned(),
                text,
            },
        })
    }

    /// When what is being kept ends, monotonic, ns.
    pub fn until_ns(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.until_ns)
    }

    /// It has ended.
    pub fn end(&mut self) {
        self.current = None;
    }
}

fn reason(change: &Change, diagnosis: &Diagnosis) -> Option<Reason> {
    match &change.what {
        What::SurgeBegan(_) => Some(Reason::Surge),
        What::Verdict { peer, is, .. } if is.accuses() => {
            let judged = diagnosis.peers.iter().find(|judged| judged.id == *peer)?;
            let share = judged.impact.opens_share.max(judged.impact.held_share);
            (share >= WEIGHTY).then_some(Reason::Verdict)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::S;

    fn at(second: u64) -> Moment {
        Moment {
            monotonic_ns: second * S,
            utc_ns: 1_767_225_600_000_000_000 + i128::from(second * S),
        }
    }

    #[test]
    fn overlapping_reasons_keep_one_directory_which_ends() {
        let mut keeping = Keeping::new(600 * S);
        let mut because = |reason, second| keeping.because(reason, String::new(), at(second)).unwrap().name;
        let first = because(Reason::Surge, 0);
        assert_eq!(first, "20260101000000-surge");
        assert_eq!(because(Reason::Verdict, 10), first);
        for second in (500..6000).step_by(500) {
            assert_eq!(because(Reason::Signal, second), first);
        }
        assert_eq!(keeping.until_ns(), Some(6 * 600 * S));
        keeping.end();
        let next = keeping.because(Reason::Request, String::new(), at(6001)).unwrap();
        assert_eq!(
            (&*next.name, &*next.why.reason),
            ("20260101014001-request", "request")
        );
        assert_eq!(keeping.until_ns(), Some(6601 * S));
    }

    #[test]
    fn verdicts_alone_keep_evidence_only_where_they_are_news() {
        let mut keeping = Keeping::new(60 * S);
        let mut kept = 0;
        for second in (0..86_400).step_by(60) {
            kept += u64::from(
                keeping
                    .because(Reason::Verdict, String::new(), at(second))
                    .is_some(),
            );
            keeping.end();
        }
        assert_eq!(kept, 1, "they never stop, so there is nothing new");
        assert!(
            keeping
                .because(Reason::Verdict, String::new(), at(90_000))
                .is_some()
        );
    }
}
