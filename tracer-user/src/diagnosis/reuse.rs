//! The first question: does the peer use its connections again?
//!
//! It is answered by requests per open and by what the peer had in hand when it opened another, and looks at
//! neither who ends connections nor when. That is [`super::cause`]'s.

use super::{
    cause::Case,
    thresholds::{EXCEPTION, HANDSHAKE_TURNS, LATE_CLOSE_NS, RARE_FAULT, SHORT_LIFE_NS, habitual, share},
};
use crate::model::peer::Direction;

/// How well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// So well that whatever ends a connection now and then is no fault: none was opened and those that are there stay,
    /// or there were [`RARE_FAULT`] requests for each.
    Steady,
    /// Several requests for each connection.
    Mostly,
    /// Hardly more requests than connections, or no more than a handshake explains.
    Hardly,
    /// There is nothing to go by.
    Unknown,
}

/// What a peer had when it opened another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InHand {
    /// No connection that could be used: whoever ended the last one made it open another.
    Nothing,
    /// One that did nothing: it need not have opened another.
    Idle,
    /// All that it had were busy, or nothing tells.
    Busy,
}

/// How well the peer reuses its connections.
pub fn of(case: &Case<'_>) -> Reuse {
    let figures = case.figures;
    let is_settled = figures.span_ns >= case.thresholds.settled;
    let stays = figures.held.established > 0
        && share(figures.closes, figures.opens + figures.course.start) <= EXCEPTION
        && figures.held.dead < figures.held.established;
    // Sockets that this host may have forgotten, and not yet for long enough to say so.
    let may_leak = figures.close_wait.now > figures.held.established
        && figures.close_wait.oldest_ns.unwrap_or(0) < case.thresholds.lingering;
    if may_leak {
        return Reuse::Unknown;
    }
    let has_spoken = figures.requests > 0 || case.has_requests();
    if figures.opens == 0 {
        return if stays && is_settled && has_spoken {
            Reuse::Steady
        } else {
            Reuse::Unknown
        };
    }
    if figures.requests >= RARE_FAULT * figures.opens {
        return Reuse::Steady;
    }
    if may_be_handshakes(case) {
        return Reuse::Hardly;
    }
    if figures.requests >= case.thresholds.min_turns * figures.opens {
        return Reuse::Mostly;
    }
    if stays && is_settled && has_spoken {
        // Streams have one request in their life.
        return Reuse::Mostly;
    }
    Reuse::Hardly
}

/// Many connections came and as many went, after so short a time and so few turns that each may have been
/// a handshake and one request.
fn may_be_handshakes(case: &Case<'_>) -> bool {
    let figures = case.figures;
    let (turns, of) = (figures.turns.sum, figures.turns.connections());
    of >= case.thresholds.min_closes
        && turns <= (1 + HANDSHAKE_TURNS) * of
        && figures.lifetime().p50_ns.is_some_and(|life| life < SHORT_LIFE_NS)
        && habitual(of, figures.opens)
        // Of a crowd, those that stay only briefly are the first to go.
        && 2 * figures.held.established <= of
        // What it keeps beside these carries its requests.
        && figures.requests < 2 * (1 + HANDSHAKE_TURNS) * figures.opens
}

/// About one request for each connection.
pub fn one_request_each(case: &Case<'_>) -> bool {
    let (turns, of) = (case.figures.turns.sum, case.figures.turns.connections());
    // Counted or bounded: in neither case can there have been more.
    of > 0 && share(turns, of) <= 1.0 + EXCEPTION
}

/// What the peer had in hand when it opened another connection.
pub fn in_hand(case: &Case<'_>) -> InHand {
    let figures = case.figures;
    // Each time that it held none, it may have filled its pool again.
    let refilled = figures.opens_with_none * figures.open_peak.max(1);
    let others = figures.opens.saturating_sub(refilled);
    if share(others, figures.opens) <= EXCEPTION {
        return InHand::Nothing;
    }
    if case.direction == Direction::Outbound && cleans_up(case) {
        return InHand::Nothing;
    }
    let looks = &figures.looks;
    let overlapping = figures.lifetime_sum_ns > figures.span_ns + figures.span_ns / 2;
    let idle = looks.established - looks.busy.min(looks.established);
    let always = share(looks.empty, looks.looks + looks.empty) <= EXCEPTION;
    if overlapping && always && looks.looks > 0 && idle >= looks.looks {
        InHand::Idle
    } else {
        InHand::Busy
    }
}

/// The pool of this host's process finds connections that the server has closed when it needs one, drops them and
/// opens others.
fn cleans_up(case: &Case<'_>) -> bool {
    let figures = case.figures;
    habitual(figures.server_fin, figures.closes)
        && figures.close_wait.p50_ns.is_some_and(|p50| p50 >= LATE_CLOSE_NS)
        && share(figures.closes, figures.opens) >= 1.0 - EXCEPTION
}
