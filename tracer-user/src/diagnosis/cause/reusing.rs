//! Requests travel over connections that the peer keeps.

use super::{
    Case, Match,
    words::{count, number},
};
use crate::diagnosis::{
    reuse::{self, Reuse},
    thresholds::confidence,
};

/// There are several requests for each connection, or connections stay open.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    if !matches!(reuse::of(case), Reuse::Steady | Reuse::Mostly) {
        return None;
    }
    let figures = case.figures;
    let explanation = case.say(|| {
        let requests = if figures.requests > 0 {
            let bound = if figures.turns_counted && figures.seeded == 0 {
                ""
            } else {
                "up to "
            };
            format!(", {bound}{}", count(figures.requests, "request", "requests"))
        } else {
            String::new()
        };
        let grew = if figures.course.grown >= case.thresholds.min_pile {
            let others = match case.norm.peers {
                0 | 1 => ", and there is no other peer to compare it with".to_owned(),
                peers if !case.norm.is_population() => format!(
                    ", and {} too few to compare it with",
                    count(peers - 1, "other peer is", "other peers are")
                ),
                _ => String::new(),
            };
            let (from, to) = (number(figures.course.from()), number(figures.course.end));
            format!("; it grew from {from} to {to}{others}")
        } else {
            String::new()
        };
        format!(
            "holds {}; {} opened and {} ended in {}{requests}{grew}",
            count(figures.open_now, "connection", "connections"),
            number(figures.opens),
            number(figures.closes),
            case.span(),
        )
    });
    // Each request that needed no new connection, and each connection that stays open, is an observation.
    let seen = figures.requests.max(figures.opens) + figures.held.established;
    Some(Match {
        confidence: confidence(seen - figures.opens.min(seen), seen),
        explanation,
    })
}
