//! One peer of a scenario and what was said about it, look by look.

use std::{fmt, net::IpAddr};

use tcpreuse::testing::{
    diagnosis::{Figures, Judged},
    model::peer::Direction,
};

use super::ABSENT;
use crate::scenarios::truth::{Truth, accuses, must_accuse};

/// After this many right looks in a row a verdict stands, and may only go when its cause does.
const STANDS_AFTER: u32 = 3;

/// How long something took, from the beginning of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Since {
    /// Seconds.
    pub seconds: f64,
    /// Connections it had opened by then.
    pub opens: u64,
}

/// How one phase of a peer was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    begun: f64,
    opens_before: u64,
    /// Since when the verdict was right until the end of the phase.
    pub right: Option<Since>,
    /// Since when it has accused or acquitted the peer as it should, whatever the verdict.
    pub agrees: Option<Since>,
    /// Right looks in a row.
    in_a_row: u32,
    /// Looks at which the peer was acquitted after the right verdict stood, though its cause was still there.
    pub forgotten: u32,
}

/// One client, seen from one end, and what was said about it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who.
    pub address: IpAddr,
    /// From which end: the server's when inbound.
    pub direction: Direction,
    /// Which group, by its place in the scenario.
    pub group: usize,
    /// The last verdict.
    pub verdict: &'static str,
    /// How sure.
    pub confidence: f64,
    /// What else.
    pub also: Vec<&'static str>,
    /// The sentence.
    pub explanation: String,
    /// The last figures.
    pub figures: Figures,
    /// Whether the last verdict is right.
    pub is_right: bool,
    /// How each phase that has begun was judged.
    pub phases: Vec<Course>,
    /// Looks at which it was wrongly accused.
    pub mistaken: u32,
    /// What it was accused of then.
    pub mistake: Option<&'static str>,
    /// Of these, looks at which nothing was wrong with it at all.
    pub slandered: u32,
    /// What it was accused of then.
    pub slander: Option<&'static str>,
    /// And how that was put.
    pub slander_in_words: String,
}

impl Peer {
    pub(super) fn new(group: usize, address: IpAddr, direction: Direction) -> Self {
        Self {
            address,
            direction,
            group,
            verdict: ABSENT,
            confidence: 0.0,
            also: Vec::new(),
            explanation: String::new(),
            figures: Figures::default(),
            is_right: false,
            phases: Vec::new(),
            mistaken: 0,
            mistake: None,
            slandered: 0,
            slander: None,
            slander_in_words: String::new(),
        }
    }

    pub(super) fn look(&mut self, judged: &Judged, truth: &Truth, seconds: f64) {
        let finding = &judged.finding;
        let phase = truth.phase_at(seconds);
        while self.phases.len() <= phase {
            self.phases.push(Course {
                begun: truth.begins(self.phases.len()).as_secs_f64(),
                opens_before: self.figures.opens,
                ..Course::default()
            });
        }
        self.verdict = finding.verdict.id();
        self.confidence = finding.confidence;
        self.also = finding.also.iter().map(|verdict| verdict.id()).collect();
        self.explanation = judged.explanation();
        self.figures = judged.figures.clone();

        let (verdicts, is_last) = (truth.in_phase(phase), phase + 1 == truth.phases());
        let told = !is_last || truth.also.iter().all(|wanted| self.also.contains(wanted));
        let right = told && verdicts.contains(&self.verdict);
        self.is_right = is_last && right;
        let agrees = right || finding.verdict.accuses() == accuses(verdicts);
        let course = &mut self.phases[phase];
        let now = Since {
            seconds: seconds - course.begun,
            opens: self.figures.opens.saturating_sub(course.opens_before),
        };
        if must_accuse(verdicts) && !finding.verdict.accuses() && course.in_a_row >= STANDS_AFTER {
            course.forgotten += 1;
        } else {
            course.in_a_row = if right { course.in_a_row + 1 } else { 0 };
        }
        course.right = right.then(|| course.right.unwrap_or(now));
        course.agrees = agrees.then(|| course.agrees.unwrap_or(now));

        if finding.verdict.accuses() && !truth.allows(self.verdict, seconds) {
            self.mistaken += 1;
            self.mistake = Some(self.verdict);
            if truth.is_innocent(seconds) {
                self.slandered += 1;
                self.slander = Some(self.verdict);
                self.slander_in_words.clone_from(&self.explanation);
            }
        }
    }

    /// How long it took in the last phase until the verdict was right for good.
    pub fn right(&self) -> Option<Since> {
        self.is_right.then(|| self.phases.last()?.right).flatten()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Inbound => write!(f, "{}", self.address),
            Direction::Outbound => write!(f, "to {}", self.address),
        }
    }
}
