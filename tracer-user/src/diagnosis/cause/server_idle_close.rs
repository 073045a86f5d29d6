//! The server's keep-alive timeout is shorter than the client's pause.

use super::{Case, Match, words};
use crate::{
    diagnosis::{
        Figures, reuse,
        thresholds::{MANY_TURNS, MIN_ALIKE, MIN_ALIKE_TO_OTHERS, TIGHT_NS, confidence, habitual, same},
    },
    model::peer::Direction,
};

/// This host's server repeatedly ends connections after the same idle time, and the client comes back. A few
/// closes are enough if other peers show the same idle time.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    // Seen from the client, something on the path may have reset them.
    let resets = match case.direction {
        Direction::Inbound => figures.server_rst,
        Direction::Outbound => 0,
    };
    let by_server = figures.server_fin + resets;
    if !habitual(by_server, figures.closes)
        || !case.costs(MANY_TURNS)
        || reuse::forgets(case)
        || were_spare(figures)
        || case.are_streams_of_one_age()
    {
        return None;
    }
    let (cluster, idle) = case.constant_idle()?;
    let learned = &case.norm.learned;
    let expected = learned.is_keepalive(idle);
    let at_once = match learned.keepalive_given_ns {
        // If the timeout is known to be short, the limit follows it.
        Some(given) if same(idle, given) => given / 2,
        _ => case.thresholds.server_at_once,
    };
    let enough = if expected == Some(true) {
        MIN_ALIKE_TO_OTHERS
    } else {
        MIN_ALIKE
    };
    if cluster.count < enough || idle < at_once || has_survived(figures, cluster.high_ns) {
        return None;
    }
    if learned.keepalive_given_ns.is_some() && expected == Some(false) {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}; the server closed {} after {} of idle time ({}){}{}",
            words::opens_and_pause(case),
            words::number(by_server),
            words::duration(idle),
            words::spread(&cluster),
            needed(case, idle),
            lost(case),
        )
    });
    Some(Match {
        confidence: confidence(cluster.count.min(by_server), figures.closes),
        explanation,
    })
}

/// Whether nothing was asked on those that ended, while others are in use: a browser opens some in advance.
fn were_spare(figures: &Figures) -> bool {
    figures.turns.connections() > 0 && figures.turns.sum == 0 && figures.held.reused > 0
}

/// Whether connections were used again after longer pauses than such a timeout lets pass: usually, or once by
/// more than a busy machine explains.
fn has_survived(figures: &Figures, idle_ns: u64) -> bool {
    let pause = &figures.pause;
    pause.p50_ns.is_some_and(|usual| usual > idle_ns + idle_ns / 20)
        || pause
            .max_ns
            .is_some_and(|longest| longest > idle_ns + idle_ns / 4 + TIGHT_NS)
}

/// How long the timeout would have to be: the idle time, and how long the peer then held nothing.
fn needed(case: &Case<'_>, idle: u64) -> String {
    let Some(gap) = case.figures.gap.p50_ns else {
        return String::new();
    };
    let round_trip = match case.figures.counted.rtt_us {
        0 => "a round trip".to_owned(),
        us => format!("a round trip of {}", words::duration(u64::from(us) * 1_000)),
    };
    format!(
        "; its next request came {} after the last answer (median), so only a timeout above that plus {round_trip} \
         would keep the connection",
        words::duration(idle + gap),
    )
}

/// What it costs beside connections.
fn lost(case: &Case<'_>) -> String {
    let figures = case.figures;
    match figures.counted.late_requests {
        late if late > 0 && figures.known.late_requests => format!(
            "; {} came after the close and got a reset",
            words::count(late, "request", "requests")
        ),
        _ => String::new(),
    }
}
