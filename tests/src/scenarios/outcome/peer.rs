//! A peer of a scenario, and its verdict in every diagnosis.

use std::{fmt, net::IpAddr};

use tcpreuse::testing::{
    diagnosis::{Figures, Judged},
    model::peer::Direction,
};

use super::ABSENT;
use crate::scenarios::truth::{Truth, accuses, must_accuse};

/// A verdict that was right this often in a row stands, and must not change before its cause does.
const STANDS_AFTER: u32 = 3;

/// When something happened, counted from the start of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Since {
    /// Seconds.
    pub seconds: f64,
    /// Connections that the peer had opened in the phase by then.
    pub opens: u64,
}

/// How the peer was judged in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    begun: f64,
    opens_before: u64,
    /// Since when the verdict has been right without interruption.
    pub right: Option<Since>,
    /// Since when the verdict has accused or acquitted the peer correctly, whichever verdict it was.
    pub agrees: Option<Since>,
    /// Number of right verdicts in a row.
    in_a_row: u32,
    /// Number of times the peer was acquitted after the right verdict stood, although its cause persisted.
    pub forgotten: u32,
}

/// One client in one direction, and its verdicts.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Inbound is the server's view.
    pub direction: Direction,
    /// Index of its group in the scenario.
    pub group: usize,
    /// The last verdict.
    pub verdict: &'static str,
    /// Confidence of the last verdict.
    pub confidence: f64,
    /// Further verdicts in the last finding.
    pub also: Vec<&'static str>,
    /// Explanation of the last verdict.
    pub explanation: String,
    /// Figures of the last diagnosis.
    pub figures: Figures,
    /// Whether the last verdict is right.
    pub is_right: bool,
    /// How each phase that has begun was judged.
    pub phases: Vec<Course>,
    /// Number of wrong accusations.
    pub mistaken: u32,
    /// The last wrong accusation.
    pub mistake: Option<&'static str>,
    /// Number of accusations while nothing at all was wrong with the peer.
    pub slandered: u32,
    /// The last of these accusations.
    pub slander: Option<&'static str>,
    /// Its explanation.
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

    /// Time in the last phase until the verdict was right for good.
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
