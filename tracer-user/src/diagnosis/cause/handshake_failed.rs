//! The client never gets as far as a request.

use super::{
    Case, Match, early_abort,
    words::{count, number},
};
use crate::{
    diagnosis::thresholds::{confidence, habitual},
    model::protocol::Protocol,
};

/// Nearly all connections ended after a TLS handshake, or a part of one, and none carried a request.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let alone = figures.counted.handshakes_alone;
    // Where not every read was told, the number of requests is the most there can have been. Within TLS nobody
    // asks for anything before it has read the server's hello, so that the others carried none either.
    let are_others_alike = figures.protocol == Some(Protocol::Tls) && 2 * alone > figures.closes;
    if figures.requests > 0
        || figures.closes < case.thresholds.min_closes
        || !(habitual(alone, figures.closes) || are_others_alike)
        // Its requests were never answered, which the client's end alone does not count.
        || early_abort::gives_up(case)
    {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{} in {}, {} of them ended after a TLS handshake or a part of it; not one carried a request",
            count(figures.opens, "open", "opens"),
            case.span(),
            number(alone),
        )
    });
    Some(Match {
        confidence: confidence(alone, figures.closes),
        explanation,
    })
}
