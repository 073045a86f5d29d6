//! The peer closes after every reply and connects again.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{ALMOST_NO_IDLE_NS, MIN_CLOSES, MIN_TURNS, confidence, habitual},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::FreshPerRequest,
    test,
    fix: "keep one pooled HTTP client for all polls, read each reply to its end, and do not send `Connection: close`; \
          if the server closes, allow keep-alive there (`KeepAlive On`)",
};

/// Connections come one after the other, end with almost no idle time, and either the remote side
/// ends them or none can have carried more than one request.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if figures.closes < MIN_CLOSES {
        return None;
    }
    let single = figures.opens.saturating_sub(figures.overlaps);
    if !habitual(single, figures.opens) || figures.idle.p50_ns? > ALMOST_NO_IDLE_NS {
        return None;
    }
    let by_remote = figures.close_reasons.by_remote();
    // Counted or bounded: in neither case can there have been more.
    let (turns, of) = (figures.turns.sum, figures.turns.connections());
    let one_turn_each = of > 0 && 5 * turns <= 6 * of;
    let by_the_peer = habitual(by_remote, figures.closes) && turns < MIN_TURNS * of;
    if !one_turn_each && !by_the_peer {
        return None;
    }
    let explanation = format!(
        "{} in {}, each for {} (median); {} closed by the remote side, {} by this host, {} after the last data",
        count(figures.opens, "open", "opens"),
        duration(case.window_ns),
        duration(figures.lifetime.p50_ns.unwrap_or(0)),
        by_remote,
        figures.close_reasons.local_fin + figures.close_reasons.local_rst,
        duration(figures.idle.p50_ns.unwrap_or(0)),
    );
    Some(Match {
        confidence: confidence(single.min(figures.closes), figures.closes.max(figures.opens)),
        explanation,
    })
}
