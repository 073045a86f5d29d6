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

use super::{
    Figures, Learned, ListenerNow, Verdict,
    thresholds::{NO_REQUEST_BYTES, Thresholds},
};
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
    /// What the rules compare with.
    pub thresholds: &'a Thresholds,
    /// Whether the words are wanted too: of thousands of peers, few are ever read.
    pub worded: bool,
}

impl Case<'_> {
    /// The words, if they are wanted.
    fn say(&self, words: impl FnOnce() -> String) -> String {
        if self.worded { words() } else { String::new() }
    }

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
    /// One sentence a person can repeat in a ticket: what was counted, not what is believed. Empty
    /// when the case wants no words.
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
    if made_by_ourselves(case) {
        return nothing_to_say("nothing to change");
    }
    let mut rules = RULES.iter();
    let Some((main, found)) = rules.find_map(|rule| Some((rule, (rule.test)(case)?))) else {
        // The last rule matches always; this keeps a mistake there from being a panic.
        return nothing_to_say("");
    };
    let also = if main.verdict.accuses() {
        rules
            .filter(|rule| rule.verdict.accuses() && (rule.test)(case).is_some())
            .map(|rule| rule.verdict)
            .collect()
    } else {
        Vec::new()
    };
    Finding {
        verdict: main.verdict,
        also,
        confidence: found.confidence,
        fix: main.fix,
    }
}

/// One sentence with what was counted, for the main verdict of the same case.
pub(super) fn explain(case: &Case<'_>) -> String {
    let case = &Case {
        worded: true,
        ..*case
    };
    if made_by_ourselves(case) {
        return format!(
            "{} here, no more than tcpreuse itself made to ask for the server's status",
            words::count(case.figures.opens, "open", "opens")
        );
    }
    let found = RULES.iter().find_map(|rule| (rule.test)(case));
    found.map(|found| found.explanation).unwrap_or_default()
}

/// Whether all there is may be tcpreuse itself, asking for the server's status.
fn made_by_ourselves(case: &Case<'_>) -> bool {
    case.own_requests > 0 && case.figures.opens <= case.own_requests && case.figures.seeded == 0
}

pub(super) fn nothing_to_say(fix: &'static str) -> Finding {
    Finding {
        verdict: Verdict::InsufficientData,
        also: Vec::new(),
        confidence: 0.0,
        fix,
    }
}

#[cfg(test)]
mod tests;
