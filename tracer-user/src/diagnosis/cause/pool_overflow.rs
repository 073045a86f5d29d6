//! The peer keeps a core of reused connections and opens short-lived ones beyond it.

use super::{
    Case, Match,
    words::{self, number},
};
use crate::diagnosis::{
    Figures, reuse,
    thresholds::{
        BESIDE_FREE, BETWEEN_BURSTS, BUSY, EXCEPTION, FAR_MORE, HANDSHAKE_TURNS, HARDLY_USED, MANY_DISCARDED,
        MANY_TURNS, MIN_CORE, MIN_JUST_OPENED, NEARLY_ALL, OVERFLOW_FAULT, confidence, habitual, share,
    },
};

/// Only the client closes connections, as soon as the reply is read, although it keeps others; and it opens
/// new ones while most of those it keeps are busy.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (turns, of) = (&figures.turns, figures.turns.connections());
    // Nearly all were closed at once. Clients that leave a shared address take their time.
    let at_once = share(figures.idle.at_once, figures.idle.count);
    let few = if figures.requests_told {
        2
    } else {
        HANDSHAKE_TURNS + 2
    };
    let hardly_used = share(turns.up_to(few), of);
    // A client may end connections after a number of requests, and a pool may discard those that have done a
    // piece of work that always takes as many, such as a transaction.
    let works_by_number = habitual(turns.like_the_most(), of) && turns.max > 2;
    let opens_in_bursts = opens_in_bursts(figures);
    let bursts_of_work = opens_in_bursts && uses_core_far_more(figures);
    if figures.opens < MANY_DISCARDED
        || figures.closes < MANY_DISCARDED
        || case.by_client() < figures.closes
        || share(figures.opens_with_none, figures.opens) > EXCEPTION
        || figures.course.low < MIN_CORE && !(opens_in_bursts && figures.held.reused > 0)
        || at_once < NEARLY_ALL
        || (hardly_used < HARDLY_USED || works_by_number) && !bursts_of_work
        || !case.costs(OVERFLOW_FAULT)
        || !(has_core(figures) && is_busy(figures) || opens_together(figures))
    {
        return None;
    }
    let explanation = case.say(|| {
        let (low, peak) = (figures.course.low, figures.course.peak);
        let held = if low == peak {
            words::count(low, "connection", "connections")
        } else {
            format!("{} to {} connections", number(low), number(peak))
        };
        format!(
            "always holds {held} and opened {} more in {} while none was free; the client closed {} of them right after \
             use (open for {}, median)",
            number(figures.opens),
            case.span(),
            number(case.by_client()),
            words::duration(figures.lifetime().p50_ns.unwrap_or(0)),
        )
    });
    Some(Match {
        // Many clients behind one address that all leave right after a reply look the same, the more so where
        // one of them or their pool would be the core.
        confidence: confidence(case.by_client(), figures.closes + 4).min(
            if figures.course.low < MIN_CORE || works_by_number {
                0.6
            } else {
                0.75
            },
        ),
        explanation,
    })
}

/// Whether it reuses a good part of what it always holds. Of clients that come and go behind a shared address
/// for one request each, there may always be as many, but none of their connections stays. At any moment some
/// of a pool's own are as new as those beyond it.
fn has_core(figures: &Figures) -> bool {
    let reused = figures.held.reused;
    reused >= MIN_CORE && 4 * reused >= figures.course.low
}

/// Whether it opens several at a time beyond those that it keeps and uses, in bursts too short to be looked at.
/// Which of them it keeps may change each time. A client that uses none of its idle connections opens one
/// after the other.
fn opens_together(figures: &Figures) -> bool {
    5 * figures.opens_beyond >= 2 * figures.opens && figures.requests > figures.opens + figures.opens / 10
}

/// Whether it opens all of them in bursts, between which it holds little more than the least. The number of
/// those that come and go behind a shared address keeps near its mean.
fn opens_in_bursts(figures: &Figures) -> bool {
    let (low, peak) = (share(figures.course.low, 1), share(figures.open_peak, 1));
    let mean = figures.occupancy.mean();
    opens_together(figures) && mean.is_some_and(|mean| mean <= low + (peak - low) * BETWEEN_BURSTS)
}

/// Whether those that it keeps carry far more requests each than any that it has closed.
fn uses_core_far_more(figures: &Figures) -> bool {
    let held = &figures.held;
    held.reused >= MIN_CORE && held.turns >= MANY_TURNS.max(FAR_MORE * figures.turns.max) * held.established
}

/// Whether most of its connections were busy, and those that had just opened did so while none was free. A
/// pool with a free connection opens no other; clients behind a shared address open theirs regardless of the
/// others, of which one is nearly always free. Where too few were looked at in time, all must have been busy
/// now and then.
fn is_busy(figures: &Figures) -> bool {
    let looks = &figures.looks;
    let none_was_free = if looks.just_opened >= MIN_JUST_OPENED {
        share(looks.beside_free, looks.just_opened) < BESIDE_FREE
    } else {
        share(looks.none_idle, looks.looks) > 1.0 - NEARLY_ALL
    };
    none_was_free && reuse::mean_busy(figures).is_some_and(|busy| busy >= BUSY)
}
