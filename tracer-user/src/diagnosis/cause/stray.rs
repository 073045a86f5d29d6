//! Scanners, health checks and slow clients: peers without a request to judge.

use super::{
    Case, Match,
    words::{count, duration},
};
use crate::diagnosis::thresholds::{CHECKS_EVERY_NS, NO_REQUEST_BYTES, SHORT_LIFE_NS, confidence, habitual};

/// The client sent too little for one request per connection, the server sent nothing, and the connections
/// have ended or have been open for a while. Or the client only checks that the server is there.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (asked, _) = figures.bytes_by_role(case.direction);
    let bytes = asked?;
    let done = figures.closes + figures.without_request;
    let all = figures.closes + figures.held.established;
    let checks = only_checks(case);
    if done == 0 || !habitual(done, all) || case.has_requests() && !checks {
        return None;
    }
    let explanation = case.say(|| {
        let each = if checks {
            let every = duration(figures.span_ns / figures.opens.max(1));
            format!(", one every {every} (on average), each ended by the client at once,")
        } else {
            String::new()
        };
        format!(
            "{} in {}{each} sent {} in all: no request",
            count(all, "connection", "connections"),
            case.span(),
            count(bytes, "byte", "bytes"),
        )
    });
    Some(Match {
        confidence: confidence(done, all),
        explanation,
    })
}

/// Whether the client only checks that the server is there, as `redis-cli ping` and `pg_isready` do, or by its
/// greeting: now and then it opens a connection, asks for nothing that counts as a request, and leaves. It has
/// no other.
pub(super) fn only_checks(case: &Case<'_>) -> bool {
    let figures = case.figures;
    let (asked, answered) = figures.bytes_by_role(case.direction);
    let closes = figures.closes;
    let asks_nothing = asked.is_some_and(|bytes| bytes < NO_REQUEST_BYTES * closes);
    // What was never answered may have been a request; from the client's end that is not told.
    let is_told = figures.requests_told && answered.is_some_and(|bytes| bytes > 0);
    figures.requests == 0
        && (asks_nothing || is_told)
        && closes >= case.thresholds.min_closes
        && habitual(case.by_client(), closes)
        && habitual(figures.opens_with_none, figures.opens)
        && figures.opens.saturating_mul(CHECKS_EVERY_NS) <= figures.span_ns
        && figures.lifetime().p50_ns.is_some_and(|life| life < SHORT_LIFE_NS)
        // Those have a verdict of their own.
        && !habitual(figures.counted.handshakes_alone, closes)
}
