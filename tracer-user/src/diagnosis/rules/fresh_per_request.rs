//! The peer closes after every reply and connects again.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{EXCEPTION, HABIT, confidence, habitual, share},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::FreshPerRequest,
    test,
    fix: "keep one pooled HTTP client for all polls, read each reply to its end, and do not send `Connection: close`; \
          if the server closes, allow keep-alive there (`KeepAlive On`)",
};

/// Connections carry one request each, or end by the client after so few that it makes no
/// difference, and no timer ended them. Those that only wait for their end, such as idle ones of
/// varying length, are no better.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if !case.has_requests()
        || figures.closes < case.thresholds.min_closes
        || share(figures.unanswered, figures.closes) > EXCEPTION
    {
        return None;
    }
    let by_client = figures.client_fin + figures.client_rst;
    // Counted or bounded: in neither case can there have been more.
    let (turns, of) = (figures.turns.sum, figures.turns.connections());
    let one_turn_each = of > 0 && share(turns, of) <= 1.0 + EXCEPTION;
    let by_the_peer = habitual(by_client, figures.closes) && turns < case.thresholds.min_turns * of;
    if !one_turn_each && !by_the_peer {
        return None;
    }
    let at_once = figures.idle.p50_ns? <= case.thresholds.client_at_once;
    let ended = share(by_client + figures.server_fin, figures.closes) >= HABIT;
    if !ended || (!at_once && (figures.idle.constant().is_some() || by_client < figures.server_fin)) {
        return None;
    }
    let explanation = case.say(|| format!(
        "{} in {}, {} open for {} (median); {} ended by the client and {} by the server, {} after the last data",
        count(figures.opens, "open", "opens"),
        duration(case.window_ns),
        if one_turn_each {
            "one request each,"
        } else {
            "a request or two each,"
        },
        duration(figures.lifetime.p50_ns.unwrap_or(0)),
        by_client,
        figures.closes - by_client.min(figures.closes),
        duration(figures.idle.p50_ns.unwrap_or(0)),
    ));
    Some(Match {
        confidence: confidence(by_client + figures.server_fin, figures.closes),
        explanation,
    })
}
