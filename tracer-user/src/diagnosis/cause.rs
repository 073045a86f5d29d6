//! The second question: why does a peer not reuse its connections? Each cause has a file with its test, which
//! also makes the explanation.
//!
//! To add a cause, add its verdict, a file here with its `test`, and a line in [`CAUSES`].

mod abandoned;
mod client_close;
mod client_idle_close;
mod close_wait_leak;
mod early_abort;
mod fresh_per_request;
mod half_open;
mod handshake_failed;
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
    thresholds::{
        EXCEPTION, FAR_MORE, MANY_TURNS, MIN_ALIKE, NO_REQUEST_BYTES, PATH_FORGETS_NS, Thresholds, same,
        share,
    },
    words,
};
use crate::model::{durations::Cluster, peer::Direction, protocol::Protocol};

/// Growth seen earlier, possibly before the window, that has not gone back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown {
    /// Connections held before it.
    pub from: u64,
    /// The most connections it reached.
    pub to: u64,
    /// When it began, monotonic, ns.
    pub since_ns: u64,
}

/// The input of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The peer's figures.
    pub figures: &'a Figures,
    /// Which side connects.
    pub direction: Direction,
    /// The service's port.
    pub port: u16,
    /// Connections a well-behaved peer holds.
    pub expected: u32,
    /// Whether the user stated that number.
    pub expected_is_given: bool,
    /// When the figures were taken, monotonic, ns.
    pub now_ns: u64,
    /// How long the server may hold a poll, ns, if the user stated it.
    pub hold_ns: Option<u64>,
    /// What is usual for peers of the same service.
    pub norm: &'a Norm,
    /// The listener the peer connects to, if it is on this host.
    pub listener: Option<&'a ListenerNow>,
    /// Number of the peer's requests that tcpreuse itself may have sent.
    pub own_requests: u64,
    /// Whether they are strangers of one network that were counted together, not a peer.
    pub are_strangers: bool,
    /// The thresholds in use.
    pub thresholds: &'a Thresholds,
    /// Earlier growth, if it has not gone back.
    pub grown: Option<Grown>,
    /// Whether explanations are needed. They are skipped when judging thousands of peers, few of which are
    /// ever read.
    pub worded: bool,
}

impl Case<'_> {
    /// Builds an explanation, if one is needed.
    fn say(&self, words: impl FnOnce() -> String) -> String {
        if self.worded { words() } else { String::new() }
    }

    /// How long the peer was watched, as text.
    fn span(&self) -> String {
        words::duration(self.figures.span_ns)
    }

    /// Whether there were any requests: the server sent something, or the client sent enough for one request
    /// per connection.
    pub(super) fn has_requests(&self) -> bool {
        let (asked, answered) = self.figures.bytes_by_role(self.direction);
        let connections = self.figures.closes + self.figures.held.established;
        asked.is_none_or(|bytes| bytes >= NO_REQUEST_BYTES * connections.max(1))
            || answered.is_none_or(|bytes| bytes > 0)
    }

    /// The constant idle time at which connections end, with its median. `None` if there is no such time or
    /// no requests were made.
    ///
    /// Connections that were idle for nearly all their life were so for about as long as they lived. Their
    /// ages are known where a goodbye came between the last answer and the end, which hides how long they
    /// were idle.
    fn constant_idle(&self) -> Option<(Cluster, u64)> {
        if !self.has_requests() {
            return None;
        }
        let (idle, age) = (&self.figures.idle, &self.figures.age);
        let idle_ns = idle.p50_ns?;
        let by_age = || {
            let was_idle_for_life = age.p50_ns.is_some_and(|age_ns| same(idle_ns, age_ns));
            age.all_alike().filter(|_| was_idle_for_life)
        };
        Some((
            idle.all_alike().or_else(by_age).or_else(|| idle.constant())?,
            idle_ns,
        ))
    }

    /// Whether connections carry fewer than `requests` requests each on average, so that it matters how they
    /// end.
    fn costs(&self, requests: u64) -> bool {
        self.figures.requests < requests * self.figures.opens.max(1)
    }

    /// Whether most connections ended at the same moment, as after a restart or when a client sheds surplus
    /// connections. How they ended is then not a habit.
    pub(super) fn ended_at_once(&self) -> bool {
        let at_once = self.figures.course.closes_at_once;
        at_once >= MIN_ALIKE && 2 * at_once > self.figures.closes
    }

    /// Whether connections followed one another too soon for a path to have forgotten the earlier ones: each
    /// carried a single request.
    fn is_too_soon_for_a_path(&self) -> bool {
        let figures = self.figures;
        share(figures.requests, figures.opens) <= 1.0 + EXCEPTION
            && figures.span_ns < PATH_FORGETS_NS * figures.opens
    }

    /// Whether connections end at an age rather than after a number of requests, where both look constant.
    /// Clients with a steady rhythm reach the same number of requests at the same age, and numbers above
    /// seven are only known to a factor of two. The one that varies less is the cause; and a server that
    /// counts requests closes right after the last one.
    fn is_tighter_by_age(&self) -> bool {
        let (figures, turns) = (self.figures, &self.figures.turns);
        let (Some(ages), Some(age)) = (figures.age.constant_age(false), figures.age.p50_ns) else {
            return false;
        };
        let ages_apart = 1.0 - share(age, ages.high_ns);
        let requests_apart = 1.0 - share(turns.sum, turns.max * turns.connections());
        requests_apart > ages_apart || 2 * figures.idle.at_once < figures.idle.count
    }

    /// Whether connections are streams that end at a constant age. They carry hardly any requests, and the
    /// last sign of life before each end is as old as their rhythm has it, which is far less than the age.
    fn are_streams_of_one_age(&self) -> bool {
        let figures = self.figures;
        let idle = figures.idle.p50_ns.unwrap_or(0);
        figures.protocol == Some(Protocol::WebSocket)
            && figures.age.constant_age(false).is_some()
            && figures.age.p50_ns.is_some_and(|age| 2 * idle < age)
    }

    /// Whether the peer alone has grown by more than a usual pool, to far more than the others hold, of whom
    /// there are too few to say what is usual, and seldom uses again what it opened.
    pub(super) fn outgrows_few_others(&self) -> bool {
        let (figures, norm) = (self.figures, self.norm);
        norm.peers > 1
            && !norm.is_population()
            && norm.grew <= 1
            && figures.course.end >= FAR_MORE * norm.typical.max(1)
            && figures.course.grown >= self.thresholds.max_pool
            && figures.requests < 2 * MANY_TURNS * figures.opens
            && share(figures.closes, figures.opens) <= EXCEPTION
    }

    /// Number of connections the client ended, by FIN or RST.
    pub(super) fn by_client(&self) -> u64 {
        self.figures.client_fin + self.figures.client_rst
    }
}

/// The result of a rule that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Confidence, 0 to 1; see [`super::thresholds::confidence`].
    pub confidence: f64,
    /// One sentence to quote in a ticket. It states what was counted, not what is assumed. Empty if
    /// [`Case::worded`] is false.
    pub explanation: String,
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// The verdict when it matches.
    pub verdict: Verdict,
    /// Whether the rule is about how connections end. It then does not apply to a peer that keeps its
    /// connections.
    pub of_ends: bool,
    /// The test, which also builds the explanation.
    pub test: fn(&Case<'_>) -> Option<Match>,
}

/// A rule about how connections end.
const fn of_ends(verdict: Verdict, test: fn(&Case<'_>) -> Option<Match>) -> Rule {
    Rule {
        verdict,
        of_ends: true,
        test,
    }
}

/// A rule about what a peer holds or does.
const fn of_state(verdict: Verdict, test: fn(&Case<'_>) -> Option<Match>) -> Rule {
    Rule {
        of_ends: false,
        ..of_ends(verdict, test)
    }
}

/// The verdict on one peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The main verdict.
    pub verdict: Verdict,
    /// Further verdicts that apply.
    pub also: Vec<Verdict>,
    /// Confidence, 0 to 1.
    pub confidence: f64,
}

/// The causes in order of precedence for the main verdict: a cause before its consequences. The last two
/// apply only if no other cause does.
pub static CAUSES: [Rule; 16] = [
    of_state(Verdict::CloseWaitLeak, close_wait_leak::test),
    of_state(Verdict::PilingUp, piling_up::test),
    of_state(Verdict::HalfOpen, half_open::test),
    of_ends(Verdict::EarlyAbort, early_abort::test),
    of_state(Verdict::NeverAccepted, never_accepted::test),
    of_ends(Verdict::HandshakeFailed, handshake_failed::test),
    of_ends(Verdict::PathCut, path_cut::test),
    // Its test asks how often they end, against `OVERFLOW_FAULT`.
    of_state(Verdict::PoolOverflow, pool_overflow::test),
    of_ends(Verdict::ServerIdleClose, server_idle_close::test),
    of_ends(Verdict::RequestLimitClose, request_limit_close::test),
    of_ends(Verdict::LifetimeClose, lifetime_close::test),
    of_ends(Verdict::ClientIdleClose, client_idle_close::test),
    of_ends(Verdict::FreshPerRequest, fresh_per_request::test),
    of_state(Verdict::Abandoned, abandoned::test),
    of_ends(Verdict::ServerClose, server_close::test),
    of_ends(Verdict::ClientClose, client_close::test),
];

/// The verdicts for peers without a cause, in order of precedence. The last one always matches.
pub static OTHERS: [Rule; 4] = [
    of_state(Verdict::ManyHeld, many_held::test),
    of_state(Verdict::Stray, stray::test),
    of_state(Verdict::Reusing, reusing::test),
    of_state(Verdict::InsufficientData, insufficient_data::test),
];

/// All rules that match, the main verdict first.
fn matches(case: &Case<'_>) -> Vec<(&'static Rule, Match)> {
    let ends_say_nothing =
        reuse::of(case) == Reuse::Steady || case.ended_at_once() || stray::only_checks(case);
    let mut found: Vec<(&'static Rule, Match)> = Vec::new();
    for rule in &CAUSES {
        let is_last_resort = matches!(rule.verdict, Verdict::ServerClose | Verdict::ClientClose);
        if (rule.of_ends && ends_say_nothing) || (is_last_resort && !found.is_empty()) {
            continue;
        }
        found.extend((rule.test)(case).map(|matched| (rule, matched)));
    }
    if found.is_empty() {
        return OTHERS
            .iter()
            .find_map(|rule| Some((rule, (rule.test)(case)?)))
            .into_iter()
            .collect();
    }
    let place = |wanted| found.iter().position(|(rule, _)| rule.verdict == wanted);
    let (pile, queue) = (place(Verdict::PilingUp), place(Verdict::NeverAccepted));
    let forgets = place(Verdict::FreshPerRequest).is_some() && reuse::forgets(case);
    let never_asked = place(Verdict::HandshakeFailed).is_some();
    if let (Some(pile), Some(queue)) = (pile, queue)
        && never_accepted::came_first(case)
    {
        found.swap(pile, queue);
    }
    if never_asked {
        found.retain(|(rule, _)| rule.verdict != Verdict::FreshPerRequest);
    }
    if pile.is_some() && case.is_too_soon_for_a_path() || forgets {
        // The client opened them although the path to the earlier ones was there.
        found.retain(|(rule, _)| rule.verdict != Verdict::Abandoned);
    }
    found
}

/// Applies all rules to one peer.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    if made_by_ourselves(case) || case.are_strangers {
        return nothing_to_say();
    }
    let mut found = matches(case).into_iter();
    let Some((main, matched)) = found.next() else {
        // The last rule always matches. This keeps a mistake there from causing a panic.
        return nothing_to_say();
    };
    Finding {
        verdict: main.verdict,
        also: found.map(|(rule, _)| rule.verdict).collect(),
        confidence: matched.confidence,
    }
}

/// One sentence that states what was counted, for `verdict` on this case. If that verdict's rule does not match
/// any more, the sentence is that of the main verdict, and says so.
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
    if case.are_strangers {
        return format!(
            "{}, {} open now, of addresses of this network that were counted together while the table of peers was \
             nearly full: none of them is judged",
            words::opened_and_ended(case),
            words::number(case.figures.open_now),
        );
    }
    let found = matches(case);
    if let Some((_, matched)) = found.iter().find(|(rule, _)| rule.verdict == verdict) {
        return matched.explanation.clone();
    }
    let now = found.first().map(|(_, matched)| matched.explanation.as_str());
    now.map_or(String::new(), |now| {
        format!(
            "{now}; {} was found before, and stands until this has lasted",
            verdict.id()
        )
    })
}

/// The confidence in `verdict` on this case; `None` if nothing speaks for it.
pub(super) fn confidence_in(case: &Case<'_>, verdict: Verdict) -> Option<f64> {
    let mut rules = CAUSES.iter().chain(&OTHERS);
    let rule = rules.find(|rule| rule.verdict == verdict)?;
    Some((rule.test)(case)?.confidence)
}

/// Whether a verdict is about how connections end, so that it is withdrawn once they stop ending that way.
pub(super) fn is_of_ends(verdict: Verdict) -> bool {
    let rule = CAUSES.iter().find(|rule| rule.verdict == verdict);
    rule.is_some_and(|rule| rule.of_ends)
        || matches!(
            verdict,
            Verdict::HalfOpen | Verdict::NeverAccepted | Verdict::PoolOverflow
        )
}

/// Whether all the connections may be tcpreuse's own requests for the server's status.
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
