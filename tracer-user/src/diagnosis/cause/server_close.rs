//! The server ends connections before they are used again, and no timer, limit or age fits.

use super::{
    Case, Match,
    words::{self, count},
};
use crate::diagnosis::{
    reuse::{self, Reuse},
    thresholds::{confidence, habitual},
};

/// Connections are not reused, there is enough data, and nearly always the server ends them.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let resets = figures.closes - figures.closes.min(case.by_client() + figures.server_fin);
    let by_server = figures.server_fin + resets.saturating_sub(figures.close_reasons.timeout);
    ended_by(case, by_server, "server")
}

/// The match if one side, named `who`, ended nearly all connections; shared with `client_close`.
pub(super) fn ended_by(case: &Case<'_>, closes: u64, who: &str) -> Option<Match> {
    let figures = case.figures;
    if reuse::of(case) != Reuse::Hardly
        || figures.turns.connections() < case.thresholds.min_closes
        || !habitual(closes, figures.closes)
        || !case.has_requests()
    {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}, open for {} (median); the {who} ended {} of {}, after no constant idle time, age or number of requests",
            words::opened(case),
            words::duration(figures.lifetime().p50_ns.unwrap_or(0)),
            words::number(closes),
            count(figures.closes, "connection", "connections"),
        )
    });
    Some(Match {
        confidence: confidence(closes, figures.closes + 2).min(0.8),
        explanation,
    })
}
