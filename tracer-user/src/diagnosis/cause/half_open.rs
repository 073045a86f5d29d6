//! The path to the client died silently, and it came back on a new connection.

use super::{
    Case, Match,
    words::{count, duration, number, opened},
};
use crate::diagnosis::thresholds::{MIN_ALIKE_TO_OTHERS, confidence, share};

/// Connections on which this host retransmitted or probed in vain since before the peer opened another one,
/// or which timed out while the peer held another one.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let (figures, held) = (case.figures, &case.figures.held);
    let timeouts = figures.close_reasons.timeout;
    let died = held.dead + timeouts;
    // Once is an accident, such as a laptop that went to sleep.
    let is_habit = died >= MIN_ALIKE_TO_OTHERS && share(died, figures.closes + held.dead) >= 0.5;
    if !is_habit || (held.dead == 0 && figures.overlaps == 0) || held.alive > died {
        return None;
    }
    let explanation = case.say(|| {
    let now = match held.dead {
        0 => "no connection is dead now".to_owned(),
        dead => format!(
            "{} dead: nothing was heard for {} while this host retransmitted or probed, and the peer has opened another \
             one since",
            count(dead, "connection is", "connections are"),
            duration(held.dead_longest_ns)
        ),
    };
    format!(
        "{now}; {} timed out, and {} of the {} came while earlier ones were still open",
        count(timeouts, "connection", "connections"),
        number(figures.overlaps),
        opened(case),
    )
    });
    Some(Match {
        confidence: confidence(held.dead + timeouts, held.dead + timeouts + held.alive),
        explanation,
    })
}
