//! The peer opens further connections while its earlier ones are open and alive.

use super::{
    Case, Grown, Match,
    words::{count, number, opened, opened_and_ended},
};
use crate::{
    diagnosis::{
        Figures,
        thresholds::{
            ALONE_IS_MANY, EXCEPTION, GROWS_ALONE_NS, GROWS_BESIDE_NS, LATELY, MANY_TURNS, MIN_ALIKE,
            MIN_UNACCEPTED, confidence, habitual, share,
        },
    },
    units::MS,
};

/// Confidence where nothing is known of the connections themselves: they may as well be dead.
const IN_USE_UNKNOWN: f64 = 0.5;

/// Confidence, at most, where few others hold less: they may need less.
const FEW_OTHERS: f64 = 0.6;

/// The evidence that a peer piles up.
enum Why {
    /// It holds more than the user said it may.
    Given,
    /// It grew earlier and has not gone back.
    Stands(Grown),
    /// It has grown within the window.
    Grew,
}

/// The peer holds more connections than it needs, either by the user's number or because they keep
/// increasing. Connections that are waiting for a reply or sitting idle count as the client's, unless the
/// evidence says that the path to it is dead.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let (figures, held) = (case.figures, &case.figures.held);
    let why = why(case)?;
    let (dead, theirs) = (
        held.dead + figures.close_reasons.timeout,
        held.in_use() + held.silent,
    );
    if dead > held.alive && 2 * dead > held.holding {
        return None;
    }
    let all_silent = held.silent >= MIN_ALIKE && habitual(held.silent, theirs);
    if matches!(why, Why::Grew) && all_silent && !case.is_too_soon_for_a_path() {
        // They were used and then never again, which is another cause.
        return None;
    }
    let explanation = case.say(|| explanation(case, &why));
    let sure = match theirs + dead {
        0 => IN_USE_UNKNOWN,
        all => confidence(theirs, all),
    };
    let beside_few = !matches!(why, Why::Given) && case.outgrows_few_others() && !grows_without_end(case);
    Some(Match {
        confidence: match beside_few {
            true => sure.min(FEW_OTHERS),
            false => sure,
        },
        explanation,
    })
}

fn why(case: &Case<'_>) -> Option<Why> {
    let (course, min_pile) = (&case.figures.course, case.thresholds.min_pile);
    let is_many = course.end >= u64::from(case.expected) + min_pile;
    if is_many && case.expected_is_given {
        return Some(Why::Given);
    }
    if is_many && has_grown(case) {
        return Some(Why::Grew);
    }
    if is_many && let Some(grown) = case.grown {
        return Some(Why::Stands(grown));
    }
    piles_up_unaccepted(case).then_some(Why::Grew)
}

/// Whether the number of connections has grown, by more than normal fluctuation and more than that of other
/// peers. A peer without others to compare with must grow without end; a few others that hold less and stay at
/// it make it likely.
fn has_grown(case: &Case<'_>) -> bool {
    let (figures, course) = (case.figures, &case.figures.course);
    let for_ns = case.now_ns.saturating_sub(course.since_ns);
    if course.grown < case.thresholds.min_pile
        || may_be_chance(figures)
        || for_ns < case.thresholds.pool_fills
    {
        return false;
    }
    if is_pool_at_work(case) {
        return false;
    }
    if case.norm.is_population() {
        return case.norm.many_grew || course.end >= case.norm.typical + case.thresholds.min_pile;
    }
    let beside_few = for_ns >= GROWS_BESIDE_NS && case.outgrows_few_others();
    grows_without_end(case) || beside_few && LATELY * course.lately >= course.grown
}

/// Whether the number has grown to many times a usual pool, and goes on.
fn grows_without_end(case: &Case<'_>) -> bool {
    let (figures, course) = (case.figures, &case.figures.course);
    case.now_ns.saturating_sub(course.since_ns) >= GROWS_ALONE_NS
        && course.end >= ALONE_IS_MANY * case.thresholds.max_pool
        && course.grown >= case.thresholds.max_pool
        && LATELY * course.lately >= course.grown
        && share(figures.closes, figures.opens) <= EXCEPTION
}

/// Whether a pool grows within the usual size of one, and uses again and again what it has opened, mostly sooner
/// than a request takes.
fn is_pool_at_work(case: &Case<'_>) -> bool {
    let (figures, held) = (case.figures, &case.figures.held);
    let pace = figures.pause.p50_ns.zip(figures.hold.p50_ns);
    figures.course.grown <= case.thresholds.max_pool
        && pace.is_some_and(|(pause, hold)| pause <= hold)
        && figures.requests >= 2 * MANY_TURNS * figures.opens
        && habitual(held.reused, held.established)
}

/// Whether connections that come and go independently of one another, as those of many clients behind one
/// address, may have grown that much in number.
fn may_be_chance(figures: &Figures) -> bool {
    let (course, ends) = (&figures.course, figures.course.closes_since);
    // Of arrivals and departures that are equally likely, a number n of them comes to twice the square root
    // of n in one case of twenty.
    let walk = 4 * 2 * ends;
    // A number that stays about the same fluctuates by its square root. The lowest and the highest of many
    // such values may lie three standard deviations of their difference apart, which is more than a walk from
    // one to the other comes to. It stays about the same only if connections do leave; where some have, but
    // not lately, several may just have come together.
    let fluctuation = if 2 * ends >= course.grown {
        9 * 2 * course.from().midpoint(course.end)
    } else if figures.closes > 0 {
        4 * course.from()
    } else {
        0
    };
    course.grown * course.grown <= walk.max(fluctuation) || is_near_the_mean(figures)
}

/// Whether the number lies within three standard deviations of its mean, as that of independent members does,
/// and they have all been replaced several times: then even those who came last hardly stay.
fn is_near_the_mean(figures: &Figures) -> bool {
    let (occupancy, end) = (&figures.occupancy, figures.course.end);
    if figures.closes < REPLACED * end {
        return false;
    }
    occupancy.held_ms.is_some_and(|held_ms| {
        let mean = share(held_ms.saturating_mul(MS), occupancy.window_ns);
        share(end, 1) <= mean + 3.0 * mean.sqrt()
    })
}

/// This many connections have ended for each that is held.
const REPLACED: u64 = 6;

/// When nobody accepts, few connections make a pile: it is enough to open more while earlier ones wait, as
/// long as they are not opened all at once.
fn piles_up_unaccepted(case: &Case<'_>) -> bool {
    let (figures, held) = (case.figures, &case.figures.held);
    figures.waiting.now >= MIN_UNACCEPTED
        && figures.overlaps >= MIN_UNACCEPTED
        && figures.course.grown >= MIN_UNACCEPTED
        && held.established >= u64::from(case.expected) + MIN_UNACCEPTED
}

fn explanation(case: &Case<'_>, why: &Why) -> String {
    let (figures, held) = (case.figures, &case.figures.held);
    let state = match (held.alive, held.holding) {
        (0, 0) if held.silent + held.dead == 0 => {
            "whether the earlier ones are still in use is not known".to_owned()
        }
        (0, 0) => format!("the {} earlier ones stay open and unused", number(held.silent)),
        (0, holding) => format!(
            "{} of the earlier ones are waiting for an answer",
            number(holding)
        ),
        (alive, 0) => format!("{} of the earlier ones are still in use", number(alive)),
        (alive, holding) => format!(
            "{} of the earlier ones are still in use and {} are waiting for an answer",
            number(alive),
            number(holding)
        ),
    };
    let course = &figures.course;
    let moved = match why {
        Why::Given => opened(case),
        Why::Stands(grown) => format!(
            "it grew from {} to {} earlier and has not gone back ({})",
            number(grown.from),
            number(grown.to),
            opened(case)
        ),
        Why::Grew => format!(
            "{}, so it holds {} more than before",
            opened_and_ended(case),
            number(course.grown)
        ),
    };
    format!(
        "holds {}, {} expected; {moved}, and {state}",
        count(course.end, "connection", "connections"),
        number(case.expected.into()),
    )
}
