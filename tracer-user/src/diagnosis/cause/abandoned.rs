//! Earlier connections fell silent when a newer one was opened, and nothing shows whether the client forgot
//! them or the path died.

use super::{Case, Match, words};
use crate::diagnosis::thresholds::{MIN_ALIKE, confidence, habitual};

/// Connections were used one after the other and never again, and nothing was retransmitted or probed in
/// vain.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let (figures, held) = (case.figures, &case.figures.held);
    let earlier = held.in_use() + held.dead + held.silent;
    if held.silent < MIN_ALIKE
        || !habitual(held.silent, earlier)
        || figures.opens < MIN_ALIKE
        || !case.has_requests()
        || case.expected_is_given && held.established <= u64::from(case.expected)
        || figures.course.end < figures.course.from() + MIN_ALIKE
    {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}; {} of the {} open now fell silent before the next one was opened and have not been used since, and \
             nothing was sent on them in vain: either the client forgot them or their path died",
            words::opened_and_ended(case),
            words::number(held.silent),
            words::number(held.established),
        )
    });
    Some(Match {
        // Two possible causes look the same.
        confidence: confidence(held.silent, earlier + 2).min(0.75),
        explanation,
    })
}
