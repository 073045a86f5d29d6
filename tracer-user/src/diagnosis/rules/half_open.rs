//! The path to the client died silently, and it came back on a new connection.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{Verdict, thresholds::confidence};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::HalfOpen,
    test,
    fix: "send a heartbeat more often than the NAT or firewall on the way forgets a connection; on this host lower \
          net.ipv4.tcp_keepalive_time to 60-120 s or set TCP_USER_TIMEOUT, so that dead connections go sooner",
};

/// Connections on which something was sent in vain since before the peer opened another one, or
/// which timed out while the peer held another one.
fn test(case: &Case<'_>) -> Option<Match> {
    let (figures, held) = (case.figures, &case.figures.held);
    let timeouts = figures.close_reasons.timeout;
    if held.dead + timeouts == 0
        || (held.dead == 0 && figures.overlaps == 0)
        || held.alive > held.dead + timeouts
    {
        return None;
    }
    let explanation = case.say(|| {
    let now = match held.dead {
        0 => "none is dead now".to_owned(),
        dead => format!(
            "{} dead now: nothing was heard for {} while this host sent again or probed, and the peer has opened another \
             one since",
            count(dead, "connection is", "connections are"),
            duration(held.dead_longest_ns)
        ),
    };
    format!(
        "{now}; {} ended because the path was silent, and {} of {} in {} came while earlier ones were open",
        count(timeouts, "connection", "connections"),
        figures.overlaps,
        count(figures.opens, "open", "opens"),
        duration(case.window_ns),
    )
    });
    Some(Match {
        confidence: confidence(held.dead + timeouts, held.dead + timeouts + held.alive),
        explanation,
    })
}
