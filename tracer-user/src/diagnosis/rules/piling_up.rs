//! The peer opens further connections while its earlier ones are open and alive.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{MIN_OVERLAPS, confidence, share},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::PilingUp,
    test,
    fix: "one poll per client at a time: the client must wait for its poll, or cancel and close it, before it starts \
          another; the server can end the older poll of a session when a newer one arrives",
};

/// More established connections than expected, opened while the earlier ones were held, and most
/// of the earlier ones moved data after a further one had opened. Connections in CLOSE_WAIT do
/// not count: the peer has closed those.
fn test(case: &Case<'_>) -> Option<Match> {
    let held = &case.figures.held;
    if case.figures.overlaps < MIN_OVERLAPS || !held.is_pile(case.expected) {
        return None;
    }
    // Silent ones may be dead paths; a pile needs most of them alive.
    if share(
        held.alive_after_next,
        held.alive_after_next + held.silent_after_next,
    ) < 0.5
    {
        return None;
    }
    let explanation = format!(
        "{} held at once where {} would do; {} of {} in {} came while it already held {}, and {} of the earlier ones \
         went on carrying data",
        count(held.established, "connection is", "connections are"),
        case.expected,
        case.figures.overlaps,
        count(case.figures.opens, "open", "opens"),
        duration(case.window_ns),
        case.expected,
        held.alive_after_next,
    );
    let confidence = confidence(
        held.alive_after_next,
        held.alive_after_next + held.silent_after_next,
    );
    Some(Match {
        confidence,
        explanation,
    })
}
