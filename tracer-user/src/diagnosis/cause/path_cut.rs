//! A firewall or balancer cuts idle connections.

use super::{
    Case, Match,
    words::{self, count, duration},
};
use crate::{
    diagnosis::{
        reuse,
        thresholds::{EXCEPTION, MANY_TURNS, MIN_ALIKE, confidence, habitual, share},
    },
    model::peer::Direction,
};

/// The other side repeatedly resets connections after the same idle time, with no request unanswered.
/// Well-behaved clients close with a FIN.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    // Without those that the other side ends in answer to a goodbye.
    let cut = match case.direction {
        Direction::Inbound => figures.client_rst,
        Direction::Outbound => figures.server_rst,
    };
    if !habitual(cut, figures.closes)
        || share(figures.counted.unanswered, figures.closes) > EXCEPTION
        || !case.costs(MANY_TURNS)
        || reuse::forgets(case)
    {
        return None;
    }
    let (cluster, idle) = case.constant_idle()?;
    if cluster.count < MIN_ALIKE || idle < case.thresholds.client_at_once {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "of {} that ended in {}, {} were reset from outside after {} of idle time ({})",
            count(figures.closes, "connection", "connections"),
            case.span(),
            words::number(cut),
            duration(idle),
            words::spread(&cluster),
        )
    });
    Some(Match {
        confidence: confidence(cluster.count.min(cut), figures.closes),
        explanation,
    })
}
