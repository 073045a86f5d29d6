//! The peer opens further connections while its earlier ones are open and alive.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{MIN_UNACCEPTED, confidence},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::PilingUp,
    test,
    fix: "one poll per client at a time: the client must wait for its poll, or cancel and close it, before it starts \
          another; the server can end the older poll of a session when a newer one arrives",
};

/// More established connections than expected, opened while the earlier ones were held, and the
/// earlier ones are not known to be dead. Connections in CLOSE_WAIT do not count: the peer has
/// closed those. Many connections each of which is reused are many clients behind one address.
fn test(case: &Case<'_>) -> Option<Match> {
    let (figures, held) = (case.figures, &case.figures.held);
    let pile =
        figures.overlaps >= case.thresholds.min_overlaps && held.is_pile(case.expected, case.thresholds);
    if !(pile || piles_up_unaccepted(case)) || held.looks_shared(case.expected) {
        return None;
    }
    // What waits for its answer or just sits there is the client's as long as nothing says that
    // the path to it is dead.
    let (dead, theirs) = (
        held.dead + figures.close_reasons.timeout,
        held.alive + held.holding + held.silent,
    );
    if dead > held.alive && 2 * dead > held.holding {
        return None;
    }
    let explanation = case.say(|| {
        let state = match (held.alive, held.holding) {
            (0, 0) => format!("the {} earlier ones stay open unused", held.silent),
            (0, holding) => format!("{holding} of the earlier ones wait for their answer"),
            (alive, 0) => format!("{alive} of the earlier ones went on being used"),
            (alive, holding) => {
                format!("{alive} of the earlier ones went on being used and {holding} wait for their answer")
            }
        };
        format!(
            "{} held at once where {} would do; {} of {} in {} came while it already held {}, and {state}",
            count(held.established, "connection is", "connections are"),
            case.expected,
            figures.overlaps,
            count(figures.opens, "open", "opens"),
            duration(case.window_ns),
            case.expected,
        )
    });
    Some(Match {
        confidence: confidence(theirs, theirs + dead),
        explanation,
    })
}

/// Where nobody accepts, few connections make it: opening one more while earlier ones wait, and not
/// in one go, is enough.
fn piles_up_unaccepted(case: &Case<'_>) -> bool {
    let (figures, held) = (case.figures, &case.figures.held);
    figures.waiting.now >= MIN_UNACCEPTED
        && figures.overlaps >= MIN_UNACCEPTED
        && held.late >= MIN_UNACCEPTED
        && held.established >= u64::from(case.expected) + MIN_UNACCEPTED
}
