//! The server closes after a fixed number of requests.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{MIN_ALIKE, MIN_ALIKE_TO_OTHERS, MIN_LIMIT, TLS_PORTS, TLS_TURNS, confidence, habitual},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::RequestLimitClose,
    test,
    fix: "set MaxKeepAliveRequests 0 (no limit), or far above what a client sends in an hour",
};

/// This host's server ends connections right after a reply, each with the same number of requests,
/// more than one.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if !figures.turns_counted || !habitual(figures.server_fin, figures.closes) {
        return None;
    }
    if figures.idle.p50_ns? >= case.thresholds.server_at_once {
        return None;
    }
    let (limit, alike, of) = (
        figures.turns.max,
        figures.turns.like_the_most(),
        figures.turns.connections(),
    );
    let least = if TLS_PORTS.contains(&case.port) {
        MIN_LIMIT + TLS_TURNS
    } else {
        MIN_LIMIT
    };
    let known = case
        .learned
        .request_limit
        .is_some_and(|constant| constant.value == limit);
    let enough = if known { MIN_ALIKE_TO_OTHERS } else { MIN_ALIKE };
    if limit < least || alike < enough || !habitual(alike, of) {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "the server closed {} of {} right after a reply, {alike} of them after {} each; {} in {}",
            figures.server_fin,
            count(figures.closes, "connection", "connections"),
            if figures.turns.sum == limit * of {
                count(limit, "request", "requests")
            } else {
                format!("about {}", count(limit, "request", "requests"))
            },
            count(figures.opens, "open", "opens"),
            duration(case.window_ns),
        )
    });
    Some(Match {
        confidence: confidence(alike, of),
        explanation,
    })
}
