//! The first question: does the peer reuse its connections?
//!
//! The answer comes from requests per open and from what the peer held when it opened another connection. Who
//! ends connections, and when, is left to [`super::cause`].

use super::{
    Figures,
    cause::Case,
    thresholds::{
        AT_ONE_GO, BUSY, EXCEPTION, HANDSHAKE_TURNS, LATE_CLOSE_NS, MANY_TURNS, MIN_ALIKE, MIN_CORE,
        RARE_FAULT, SHORT_LIFE_NS, habitual, share,
    },
};
use crate::{
    model::{peer::Direction, protocol::Protocol},
    units::MS,
};

/// How well a peer reuses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// So well that an occasional end of a connection does not matter: either none was opened and the
    /// existing ones stay, or there were [`RARE_FAULT`] requests for each open.
    Steady,
    /// Several requests for each open.
    Mostly,
    /// Hardly more requests than opens, or no more than a handshake explains.
    Hardly,
    /// Too little is known.
    Unknown,
}

/// What a peer held when it opened another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InHand {
    /// No usable connection: it opened another one because the last one had been ended.
    Nothing,
    /// An idle connection, so another one was not needed.
    Idle,
    /// Only busy connections, or it is unknown.
    Busy,
}

/// How well the peer reuses its connections.
pub fn of(case: &Case<'_>) -> Reuse {
    let figures = case.figures;
    let is_settled = figures.span_ns >= case.thresholds.settled;
    let stays = figures.held.established > 0
        && share(figures.closes, figures.opens + figures.course.start) <= EXCEPTION
        && figures.held.dead < figures.held.established;
    // This host may have leaked these sockets, but it is too soon to tell.
    let close_wait = &figures.close_wait;
    let is_usual = close_wait.left >= MIN_ALIKE && close_wait.oldest_ns <= close_wait.longest_ns;
    let may_leak = close_wait.now > figures.held.established
        && close_wait.oldest_ns.unwrap_or(0) < case.thresholds.lingering
        && !is_usual
        && !cleans_up(case);
    if may_leak {
        return Reuse::Unknown;
    }
    let has_spoken = figures.requests > 0 || case.has_requests();
    if figures.opens == 0 {
        // It needed no other connection after those that it has given up: those that it keeps carry its
        // requests, or all that there were have carried several each.
        let held = &figures.held;
        let carry = if held.established > 0 {
            held.established.min(figures.closes)
        } else {
            figures.closes
        };
        let needs_none = (held.established > held.dead || held.dead == 0)
            && figures.requests >= case.thresholds.min_turns * carry.max(1);
        return if (stays || needs_none) && is_settled && has_spoken {
            Reuse::Steady
        } else {
            Reuse::Unknown
        };
    }
    let at_least = requests_at_least(case);
    if at_least >= RARE_FAULT * figures.opens {
        return Reuse::Steady;
    }
    if may_be_handshakes(case) || makes_short_visits(case) || !stays && forgets_all(case) {
        return Reuse::Hardly;
    }
    if case.outgrows_few_others() {
        return Reuse::Unknown;
    }
    if at_least >= case.thresholds.min_turns * figures.opens {
        return Reuse::Mostly;
    }
    if stays && is_settled && has_spoken {
        // A streaming connection carries a single request for its whole life. Nothing tells whether a peer
        // that has no other beside it needs that many.
        let grows_alone = figures.course.grown > case.thresholds.max_pool && !case.norm.is_population();
        return if grows_alone {
            Reuse::Unknown
        } else {
            Reuse::Mostly
        };
    }
    if figures.requests >= case.thresholds.min_turns * figures.opens {
        // These may have been requests or logins.
        return Reuse::Unknown;
    }
    if case.norm.is_mute
        && figures
            .lifetime()
            .p50_ns
            .is_some_and(|life| life >= SHORT_LIFE_NS)
    {
        // Requests are told apart by the answers between them.
        return Reuse::Unknown;
    }
    Reuse::Hardly
}

/// The number of requests that there were at least. Where it is not known which turns were requests, and the
/// protocol has a handshake or a login, each connection may have begun with one.
fn requests_at_least(case: &Case<'_>) -> u64 {
    let figures = case.figures;
    let logs_in = !figures.requests_told && figures.protocol.is_some_and(Protocol::has_login);
    let logins = if logs_in {
        HANDSHAKE_TURNS * figures.opens
    } else {
        0
    };
    figures.requests.saturating_sub(logins)
}

/// Whether each connection serves a moment's work, such as one web request that needs some values from a
/// database, or one mail. It carries several requests or steps of a login, and ends with the last answer.
/// Clients that speak HTTP are not judged by this: some requests a connection are reuse.
pub fn makes_short_visits(case: &Case<'_>) -> bool {
    let figures = case.figures;
    let of = figures.turns.connections();
    let is_of_kind = match figures.protocol {
        Some(protocol) if protocol != Protocol::Other => protocol.says_goodbye(),
        // Longer without a connection than with one.
        _ => {
            let (life, gap) = (figures.lifetime().p50_ns, figures.gap.p50_ns);
            figures.known.requests && life.zip(gap).is_some_and(|(life, gap)| 2 * life <= gap)
        }
    };
    is_of_kind
        && of >= case.thresholds.min_closes
        && habitual(of, figures.opens)
        && habitual(case.by_client() + figures.server_fin, figures.closes)
        && (habitual(figures.idle.at_once, figures.idle.count) || habitual(figures.server_fin, figures.closes))
        && figures.requests < MANY_TURNS * figures.opens
        && figures.lifetime().p50_ns.is_some_and(|life| life < SHORT_LIFE_NS)
        // A pool keeps a core.
        && figures.course.low < MIN_CORE
        && 2 * figures.held.reused <= of
}

/// Many connections were opened and as many ended, so soon and after so few turns that each may have carried
/// a handshake and one request.
fn may_be_handshakes(case: &Case<'_>) -> bool {
    let figures = case.figures;
    // Some are known to have carried no request.
    let alone = figures.counted.handshakes_alone;
    let (turns, of) = (
        figures.turns.sum,
        figures.turns.connections().saturating_sub(alone),
    );
    if figures.requests_told {
        return false;
    }
    of >= case.thresholds.min_closes
        && turns <= (1 + HANDSHAKE_TURNS) * of
        && figures.lifetime().p50_ns.is_some_and(|life| life < SHORT_LIFE_NS)
        && habitual(of, figures.opens.saturating_sub(alone))
        // In a crowd, those that stay only briefly end first.
        && 2 * figures.held.established <= of
        // The connections it keeps carry its requests.
        && figures.requests < 2 * (1 + HANDSHAKE_TURNS) * figures.opens
}

/// About one request for each connection.
pub fn one_request_each(case: &Case<'_>) -> bool {
    let (turns, of) = (case.figures.turns.sum, case.figures.turns.connections());
    // Holds for counted turns and for upper bounds: there cannot have been more.
    of > 0 && share(turns, of) <= 1.0 + EXCEPTION
}

/// Whether it opens connections when it holds none, perhaps its whole pool then.
pub fn refills(figures: &Figures) -> bool {
    let refilled = figures.opens_with_none * figures.open_peak.max(1);
    let others = figures.opens.saturating_sub(refilled);
    share(others, figures.opens) <= EXCEPTION
}

/// What the peer held when it opened another connection.
pub fn in_hand(case: &Case<'_>) -> InHand {
    let figures = case.figures;
    if refills(figures) {
        return InHand::Nothing;
    }
    if case.direction == Direction::Outbound && cleans_up(case) {
        return InHand::Nothing;
    }
    let looks = &figures.looks;
    let overlapping =
        figures.course.low > 0 || figures.lifetime_sum_ns > figures.span_ns + figures.span_ns / 2;
    let always = share(looks.empty, looks.looks + looks.empty) <= EXCEPTION;
    // No request can be sent on a stream.
    let streams = share(figures.held.streams, 1);
    if overlapping && always && mean_idle(figures).is_some_and(|idle| idle >= 1.0 + streams) {
        InHand::Idle
    } else {
        InHand::Busy
    }
}

/// Whether the peer opens another connection although it holds idle ones, which it never uses again: each
/// carries one request, or a few that follow one another far sooner than it then lies idle. Clients that
/// share an address come back to theirs, now and then after a pause that is nearly as long as what ends them.
pub fn forgets(case: &Case<'_>) -> bool {
    let figures = case.figures;
    let ends_idle = || {
        let (idle, pause) = (figures.idle.p50_ns, figures.pause.max_ns);
        idle.zip(pause)
            .is_some_and(|(idle, pause)| idle > case.thresholds.client_at_once && AT_ONE_GO * pause <= idle)
    };
    let few = FEW_TURNS * figures.turns.connections();
    (one_request_each(case) || figures.turns.sum <= few && ends_idle()) && in_hand(case) == InHand::Idle
}

/// Whether it does so with all of them: those that it keeps carry no more.
fn forgets_all(case: &Case<'_>) -> bool {
    case.figures.requests <= FEW_TURNS * case.figures.opens && forgets(case)
}

/// The most turns that a connection carries which is forgotten at once: a handshake and a request, or a few
/// requests.
const FEW_TURNS: u64 = 1 + HANDSHAKE_TURNS;

/// How many idle connections it held, on average: exactly, or as often as it was looked at.
pub fn mean_idle(figures: &Figures) -> Option<f64> {
    let (occupancy, looks) = (&figures.occupancy, &figures.looks);
    if let Some(idle_ms) = occupancy.idle_ms()
        && !seems_busy(figures)
    {
        return Some(share(idle_ms.saturating_mul(MS), occupancy.window_ns));
    }
    let idle = looks.established - looks.busy.min(looks.established);
    (looks.looks > 0).then(|| share(idle, looks.looks))
}

/// Whether its connections only seem busy: hardly any was when looked at. A server that says why it ends an
/// idle connection seems to have been busy with that answer.
fn seems_busy(figures: &Figures) -> bool {
    let looks = &figures.looks;
    looks.looks >= MIN_ALIKE
        && share(looks.busy, looks.established) <= EXCEPTION
        && mean_busy(figures).is_some_and(|busy| busy >= BUSY)
}

/// What share of its connections was busy, likewise.
pub fn mean_busy(figures: &Figures) -> Option<f64> {
    let (occupancy, looks) = (&figures.occupancy, &figures.looks);
    if let (Some(held_ms), Some(busy_ms)) = (occupancy.held_ms, occupancy.busy_ms) {
        return Some(share(busy_ms, held_ms));
    }
    (looks.looks >= MIN_ALIKE).then(|| share(looks.busy, looks.established))
}

/// Whether the pool of this host's process finds, when it needs a connection, that the server has closed
/// those it holds, and then replaces them.
fn cleans_up(case: &Case<'_>) -> bool {
    let figures = case.figures;
    habitual(figures.server_fin, figures.closes)
        && figures.close_wait.p50_ns.is_some_and(|p50| p50 >= LATE_CLOSE_NS)
        && share(figures.closes, figures.opens) >= 1.0 - EXCEPTION
}
