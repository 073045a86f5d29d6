//! The client's pool drops idle connections before the next request.

use super::{Case, Match, early_abort, words};
use crate::diagnosis::{
    reuse,
    thresholds::{MANY_TURNS, MIN_ALIKE, confidence, habitual},
};

/// The client repeatedly sends its FIN after the same idle time, when the server is working on no request,
/// and it had no other connection for its next request.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if !habitual(figures.client_fin, figures.closes)
        || early_abort::gives_up(case)
        || figures.turns.sum == 0
        || !case.costs(MANY_TURNS)
        || reuse::forgets(case)
        || case.are_streams_of_one_age()
    {
        return None;
    }
    let (cluster, idle) = case.constant_idle()?;
    if cluster.count < MIN_ALIKE || idle < case.thresholds.client_at_once {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}; the client closed {} after {} of idle time ({})",
            words::opens_and_pause(case),
            words::number(figures.client_fin),
            words::duration(idle),
            words::spread(&cluster),
        )
    });
    Some(Match {
        confidence: confidence(cluster.count.min(figures.client_fin), figures.closes),
        explanation,
    })
}
