//! Polls travel over the connections the peer keeps.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{Verdict, thresholds::confidence};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::Reusing,
    test,
    fix: "nothing to change",
};

/// Several turns per connection on average, and no pile of connections.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    // Ended connections that were seeded have no turns to their name and do not count here.
    let connections = figures.turns.connections() + figures.held.established;
    let turns = figures.turns.sum + figures.held.turns;
    if connections == 0 || turns < case.thresholds.min_turns * connections {
        return None;
    }
    let shared = figures.held.looks_shared(case.expected);
    if figures.held.is_pile(case.expected, case.thresholds) && !shared {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{} carried {}{}; {} and {} in {}{}",
            count(connections, "connection", "connections"),
            if figures.turns_counted && figures.seeded == 0 {
                ""
            } else {
                "up to "
            },
            count(turns, "request turn", "request turns"),
            count(figures.opens, "open", "opens"),
            count(figures.closes, "close", "closes"),
            duration(case.window_ns),
            if shared && figures.held.is_pile(case.expected, case.thresholds) {
                "; many clients seem to share this address"
            } else {
                ""
            },
        )
    });
    Some(Match {
        confidence: confidence(turns - connections.min(turns), turns),
        explanation,
    })
}
