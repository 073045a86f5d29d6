//! The rules, one a file. A rule is a value: which verdict, what it wants to see, its words.
//!
//! To add a cause: add its verdict, a file here with its `RULE`, and a line in [`RULES`].

mod close_wait_leak;
mod fresh_per_request;
mod insufficient_data;
mod piling_up;
mod reusing;
pub(crate) mod words;

use super::{Figures, Verdict};

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The peer's figures.
    pub figures: &'a Figures,
    /// Connections a well-behaved peer holds.
    pub expected: u32,
    /// Length of the window, ns.
    pub window_ns: u64,
    /// How long the server may hold a poll, ns, if the user said so.
    pub hold_ns: Option<u64>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// 0 to 1, see [`super::thresholds::confidence`].
    pub confidence: f64,
    /// One sentence a person can repeat in a ticket: what was counted, not what is believed.
    pub explanation: String,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// What it says when it matches.
    pub verdict: Verdict,
    /// Its test and its words.
    pub test: fn(&Case<'_>) -> Option<Match>,
    /// What to change.
    pub fix: &'static str,
}

/// What is said about one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The main verdict.
    pub verdict: Verdict,
    /// Further ones.
    pub also: Vec<Verdict>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// One sentence with what was counted.
    pub explanation: String,
    /// What to change.
    pub fix: &'static str,
}

/// All rules in the order in which they may be the main verdict: a cause before its consequence,
/// an accusation before `reusing`, and last the one that always matches.
pub static RULES: [&Rule; 5] = [
    &close_wait_leak::RULE,
    &piling_up::RULE,
    &fresh_per_request::RULE,
    &reusing::RULE,
    &insufficient_data::RULE,
];

/// Applies all rules to one peer.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    let mut matches = RULES.iter().filter_map(|rule| Some((rule, (rule.test)(case)?)));
    let Some((main, found)) = matches.next() else {
        // The last rule matches always; this keeps a mistake there from being a panic.
        return Finding {
            verdict: Verdict::InsufficientData,
            also: Vec::new(),
            confidence: 0.0,
            explanation: String::new(),
            fix: "",
        };
    };
    let also = if main.verdict.accuses() {
        matches
            .map(|(rule, _)| rule.verdict)
            .filter(|verdict| verdict.accuses())
            .collect()
    } else {
        Vec::new()
    };
    Finding {
        verdict: main.verdict,
        also,
        confidence: found.confidence,
        explanation: found.explanation,
        fix: main.fix,
    }
}
