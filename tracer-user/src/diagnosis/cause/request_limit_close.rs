//! The server closes after a fixed number of requests.

use super::{
    Case, Match,
    words::{count, number, opened},
};
use crate::diagnosis::{
    Figures,
    learned::least_limit,
    reuse,
    thresholds::{ANNOUNCED, MIN_ALIKE, MIN_ALIKE_TO_OTHERS, RARE_FAULT, confidence, habitual, share},
};

/// This host's server ends connections right after a reply, all after the same number of requests: more than
/// a handshake explains, and few enough to matter.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if !figures.turns_counted || !is_by_server(figures) || reuse::makes_short_visits(case) {
        return None;
    }
    if !figures.end_at_once(case.thresholds) {
        return None;
    }
    let (limit, alike, of) = (
        figures.turns.max,
        figures.turns.like_the_most(),
        figures.turns.connections(),
    );
    let known = case
        .norm
        .learned
        .request_limit
        .is_some_and(|constant| constant.value == limit);
    let enough = if known { MIN_ALIKE_TO_OTHERS } else { MIN_ALIKE };
    let is_age = figures
        .age
        .p50_ns
        .is_some_and(|age| case.norm.learned.is_age(age));
    if is_age || case.is_tighter_by_age() {
        return None;
    }
    if !(least_limit(figures)..=RARE_FAULT).contains(&limit) || alike < enough || !habitual(alike, of) {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "the server closed {} of {}{} right after a reply, {} of them after {}; {}",
            number(figures.server_fin),
            count(figures.closes, "connection", "connections"),
            if habitual(figures.server_fin, figures.closes) {
                String::new()
            } else {
                format!(", and the client {},", number(figures.client_fin))
            },
            number(alike),
            if figures.turns.sum == limit * of {
                count(limit, "request", "requests")
            } else {
                format!("about {}", count(limit, "request", "requests"))
            },
            opened(case),
        )
    });
    Some(Match {
        confidence: confidence(alike, of),
        explanation,
    })
}

/// Whether the server ends the connections. One that says so in its last reply (`Connection: close`) is at
/// times overtaken by its client; a limit of the client's own is kept by the client alone.
fn is_by_server(figures: &Figures) -> bool {
    let (by_server, closes) = (figures.server_fin, figures.closes);
    habitual(by_server, closes)
        || figures.requests_told
            && habitual(by_server + figures.client_fin, closes)
            && share(by_server, closes) >= ANNOUNCED
}
