//! The second question: what is the cause? One a file. A rule is a value: which verdict, what it wants to see, its
//! words.
//!
//! To add a cause: add its verdict, a file here with its `RULE`, and a line in [`RULES`].

mod abandoned;
mod client_close;
mod client_idle_close;
mod close_wait_leak;
mod early_abort;
mod fresh_per_request;
mod half_open;
mod insufficient_data;
mod lifetime_close;
mod many_held;
mod never_accepted;
mod path_cut;
mod piling_up;
mod pool_overflow;
mod request_limit_close;
mod reusing;
mod server_close;
mod server_idle_close;
mod stray;

use serde::{Deserialize, Serialize};

pub(super) use self::many_held::is_shared;
use super::{
    Figures, ListenerNow, Verdict,
    norm::Norm,
    reuse::{self, Reuse},
    thresholds::{MIN_ALIKE, NO_REQUEST_BYTES, Thresholds},
    words,
};
use crate::model::{durations::Cluster, peer::Direction};

/// A growth that was seen before the window and that still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// Connections held before.
    pub from: u64,
    /// The most it grew to.
    pub to: u64,
    /// When it was seen first, monotonic, ns.
    pub since_ns: u64,
}

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
    /// Whether the user said so.
    pub expected_is_given: bool,
    /// When the figures were taken, monotonic, ns.
    pub now_ns: u64,
    /// How long the server may hold a poll, ns, if the user said so.
    pub hold_ns: Option<u64>,
    /// What is usual for peers of the same service.
    pub norm: &'a Norm,
    /// The listener the peer connects to, where there is one.
    pub listener: Option<&'a ListenerNow>,
    /// How many requests tcpreuse itself may have sent from there.
    pub own_requests: u64,
    /// What the rules compare with.
    pub thresholds: &'a Thresholds,
    /// A growth from before, if it still stands.
    pub grown: Option<Grown>,
    /// Whether the words are wanted too: of thousands of peers, few are ever read.
    pub worded: bool,
}

impl Case<'_> {
    /// The words, if they are wanted.
    fn say(&self, words: impl FnOnce() -> String) -> String {
        if self.worded { words() } else { String::new() }
    }

    /// How long the peer was watched, in words.
    fn span(&self) -> String {
        words::duration(self.figures.span_ns)
    }

    /// Whether there were requests: the server sent something, or the client sent enough for one
    /// request per connection.
    pub(super) fn has_requests(&self) -> bool {
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

    /// Whether connections end with so few requests each that it matters how they end.
    fn costs(&self, requests: u64) -> bool {
        self.figures.requests < requests * self.figures.opens.max(1)
    }

    /// Whether most connections ended at one moment, as after a restart or when a client drops what it has too many of:
    /// then how they ended is no habit.
    fn ended_at_once(&self) -> bool {
        let at_once = self.figures.course.closes_at_once;
        at_once >= MIN_ALIKE && 2 * at_once > self.figures.closes
    }

    /// Ended by the client, by FIN or RST.
    fn by_client(&self) -> u64 {
        self.figures.client_fin + self.figures.client_rst
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
    /// It speaks of how connections end, so that it has nothing to say of a peer that keeps them.
    pub of_ends: bool,
    /// Its test and its words.
    pub test: fn(&Case<'_>) -> Option<Match>,
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
}

/// The causes in the order in which they may be the main verdict: a cause before its consequence. The last two are
/// for what none of the others explains.
pub static CAUSES: [&Rule; 15] = [
    &close_wait_leak::RULE,
    &piling_up::RULE,
    &half_open::RULE,
    &early_abort::RULE,
    &never_accepted::RULE,
    &path_cut::RULE,
    &pool_overflow::RULE,
    &server_idle_close::RULE,
    &request_limit_close::RULE,
    &lifetime_close::RULE,
    &client_idle_close::RULE,
    &fresh_per_request::RULE,
    &abandoned::RULE,
    &server_close::RULE,
    &client_close::RULE,
];

/// What is said when there is no cause, in this order; the last one always matches.
pub static OTHERS: [&Rule; 4] = [
    &many_held::RULE,
    &stray::RULE,
    &reusing::RULE,
    &insufficient_data::RULE,
];

/// Everything that matches, the main verdict first.
fn matches(case: &Case<'_>) -> Vec<(&'static Rule, Match)> {
    let is_steady = reuse::of(case) == Reuse::Steady;
    let mut found: Vec<(&'static Rule, Match)> = Vec::new();
    for rule in CAUSES {
        let is_last_resort = matches!(rule.verdict, Verdict::ServerClose | Verdict::ClientClose);
        if (rule.of_ends && (is_steady || case.ended_at_once())) || (is_last_resort && !found.is_empty()) {
            continue;
        }
        found.extend((rule.test)(case).map(|matched| (rule, matched)));
    }
    if found.is_empty() {
        return OTHERS
            .iter()
            .find_map(|rule| Some((*rule, (rule.test)(case)?)))
            .into_iter()
            .collect();
    }
    let place = |wanted| found.iter().position(|(rule, _)| rule.verdict == wanted);
    if let (Some(pile), Some(queue)) = (place(Verdict::PilingUp), place(Verdict::NeverAccepted))
        && never_accepted::came_first(case)
    {
        found.swap(pile, queue);
    }
    found
}

/// Applies all rules to one peer.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    if made_by_ourselves(case) {
        return nothing_to_say();
    }
    let mut found = matches(case).into_iter();
    let Some((main, matched)) = found.next() else {
        // The last rule matches always; this keeps a mistake there from being a panic.
        return nothing_to_say();
    };
    Finding {
        verdict: main.verdict,
        also: found.map(|(rule, _)| rule.verdict).collect(),
        confidence: matched.confidence,
    }
}

/// One sentence with what was counted, for a verdict on the same case; for the main one where that verdict does not
/// match by itself.
pub(super) fn explain(case: &Case<'_>, verdict: Verdict) -> String {
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
    let found = matches(case);
    let said = found
        .iter()
        .find(|(rule, _)| rule.verdict == verdict)
        .or(found.first());
    said.map(|(_, matched)| matched.explanation.clone())
        .unwrap_or_default()
}

/// Whether a verdict speaks of how connections end, so that it can be taken back when they do not end so any more.
pub(super) fn is_of_ends(verdict: Verdict) -> bool {
    let rule = CAUSES.iter().find(|rule| rule.verdict == verdict);
    rule.is_some_and(|rule| rule.of_ends)
        || matches!(
            verdict,
            Verdict::HalfOpen | Verdict::NeverAccepted | Verdict::PoolOverflow
        )
}

/// Whether all there is may be tcpreuse itself, asking for the server's status.
fn made_by_ourselves(case: &Case<'_>) -> bool {
    case.own_requests > 0 && case.figures.opens <= case.own_requests && case.figures.seeded == 0
}

pub(super) fn nothing_to_say() -> Finding {
    Finding {
        verdict: Verdict::InsufficientData,
        also: Vec::new(),
        confidence: 0.0,
    }
}

#[cfg(test)]
mod tests;
