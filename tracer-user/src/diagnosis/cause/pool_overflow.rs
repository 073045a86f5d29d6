//! It keeps a core of reused connections and opens short-lived ones above it.

use super::{
    Case, Match, Rule,
    words::{self, count, number},
};
use crate::diagnosis::{
    Figures, Verdict,
    thresholds::{
        EXCEPTION, MIN_ALIKE, MIN_CORE, OFTEN_NONE_IDLE, OVERFLOW_FAULT, confidence, habitual, share,
    },
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::PoolOverflow,
    // How often is its own matter, see below.
    of_ends: false,
    test,
};

/// The client closes connections right after use although it goes on holding others, and opens new ones when all it
/// holds are busy, far more often than chance would have it.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (turns, of) = (&figures.turns, figures.turns.connections());
    let idle = figures.idle.p50_ns?;
    let closes_after_a_number = habitual(turns.like_the_most(), of) && turns.max > 2;
    if figures.opens < case.thresholds.min_closes
        || figures.closes < case.thresholds.min_closes
        || !habitual(case.by_client(), figures.closes)
        || share(figures.opens_with_none, figures.opens) > EXCEPTION
        || figures.course.low < MIN_CORE
        || idle > case.thresholds.client_at_once
        || closes_after_a_number
        || !case.costs(OVERFLOW_FAULT)
        || !is_saturated(figures)
    {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "holds {} to {} connections all the time and opened {} more in {} while those were busy; the client closed {} \
             of them right after use ({} open, median)",
            number(figures.course.low),
            number(figures.course.peak),
            number(figures.opens),
            case.span(),
            count(case.by_client(), "connection", "connections"),
            words::duration(figures.lifetime.p50_ns.unwrap_or(0)),
        )
    });
    Some(Match {
        confidence: confidence(case.by_client(), figures.closes + 4),
        explanation,
    })
}

/// Whether all connections were busy at once more often than if each were busy by itself. Members of a crowd behind
/// one address come whether or not others of it are idle.
fn is_saturated(figures: &Figures) -> bool {
    const MIN_LOOKS: u64 = 10;
    let looks = figures.looks;
    if looks.looks < MIN_LOOKS || looks.none_idle < MIN_ALIKE {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of looks and connections")]
    let chance = {
        let busy = looks.busy as f64 / looks.established.max(1) as f64;
        busy.powf(looks.established as f64 / looks.looks as f64)
    };
    share(looks.none_idle - MIN_ALIKE + 1, looks.looks) >= OFTEN_NONE_IDLE * chance
}
