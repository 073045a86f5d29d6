//! Scanners, health checks and slow clients: peers without a request to judge.

use super::{Case, Match, words::count};
use crate::diagnosis::thresholds::{confidence, habitual};

/// The client sent too little for one request per connection, the server sent nothing, and the connections
/// have ended or have been open for a while.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (asked, _) = figures.bytes_by_role(case.direction);
    let bytes = asked?;
    let done = figures.closes + figures.without_request;
    let all = figures.closes + figures.held.established;
    if done == 0 || !habitual(done, all) || case.has_requests() {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{} in {} sent {} in all: no request",
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
