//! The rules, one a file. A rule is a value: which verdict, what it wants to see, its words.
//!
//! To add a cause: add its verdict, a file here with its `RULE`, and a line in [`RULES`].

mod client_idle_close;
mod close_wait_leak;
mod early_abort;
mod fresh_per_request;
mod half_open;
mod insufficient_data;
mod never_accepted;
mod path_cut;
mod piling_up;
mod request_limit_close;
mod reusing;
mod server_idle_close;
mod stray;
pub(crate) mod words;

use super::{Figures, Learned, ListenerNow, Verdict, thresholds::NO_REQUEST_BYTES};
use crate::model::{durations::Cluster, peer::Direction};

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The peer's figures.
    pub figures: &'a Figures,
    /// Who connects.
    pub direction: Direction,
    /// The service's port.
    pub port: u16,
    /// Connections a well-behaved peer holds.
    pub expected: u32,
    /// Length of the window, ns.
    pub window_ns: u64,
    /// How long the server may hold a poll, ns, if the user said so.
    pub hold_ns: Option<u64>,
    /// What the peers of this host show together.
    pub learned: &'a Learned,
    /// The listener the peer connects to, where there is one.
    pub listener: Option<&'a ListenerNow>,
    /// How many requests tcpreuse itself may have sent from there.
    pub own_requests: u64,
}

impl Case<'_> {
    /// Whether there were requests: the server sent something, or the client sent enough for one
    /// request per connection.
    fn has_requests(&self) -> bool {
        let (asked, answered) = self.figures.bytes_by_role(self.direction);
        let connections = self.figures.closes + self.figures.held.established;
        asked.is_none_or(|bytes| bytes >= NO_REQUEST_BYTES * connections.max(1))
            || answered.is_none_or(|bytes| bytes > 0)
    }

    /// The idle time after which connections end again and again, with its median, if there is one
    /// and if there were requests at all.
    fn constant_idle(&self) -> Option<(Cluster, u64)> {
        if !self.has_requests() {
            return None;
        }
        Some((self.figures.idle.constant()?, self.figures.idle.p50_ns?))
    }
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
pub static RULES: [&Rule; 13] = [
    &close_wait_leak::RULE,
    &piling_up::RULE,
    &half_open::RULE,
    &early_abort::RULE,
    &never_accepted::RULE,
    &path_cut::RULE,
    &server_idle_close::RULE,
    &request_limit_close::RULE,
    &client_idle_close::RULE,
    &fresh_per_request::RULE,
    &stray::RULE,
    &reusing::RULE,
    &insufficient_data::RULE,
];

/// Applies all rules to one peer.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    if case.own_requests > 0 && case.figures.opens <= case.own_requests && case.figures.seeded == 0 {
        return Finding {
            verdict: Verdict::InsufficientData,
            also: Vec::new(),
            confidence: 0.0,
            explanation: format!(
                "{} here, no more than tcpreuse itself made to ask for the server's status",
                words::count(case.figures.opens, "open", "opens")
            ),
            fix: "nothing to change",
        };
    }
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

#[cfg(test)]
mod tests;
