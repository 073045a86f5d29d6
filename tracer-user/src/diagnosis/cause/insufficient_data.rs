//! Too short a window or too few connections to say.

use super::{
    Case, Match,
    words::{count, duration, number, opened_and_ended},
};

/// Always matches. States how long to trace if that follows from the rate so far.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let explanation = case.say(|| {
    let failed = match figures.failed {
        0 => String::new(),
        failed => format!(", {} failed", count(failed, "connect", "connects")),
    };
    let seen = format!(
        "{}{failed}, {} open now",
        opened_and_ended(case),
        number(figures.open_now),
    );
    if figures.closes == 0 {
        format!("{seen}: no pattern yet")
    } else if figures.closes < case.thresholds.min_closes {
        let wait = (figures.span_ns / figures.closes).saturating_mul(case.thresholds.min_closes);
        format!(
            "{seen}: too few to say; at this rate trace for {}",
            duration(wait)
        )
    } else {
        let reasons = figures.close_reasons;
        format!(
            "{seen}: no pattern stands out (ended by this host: {} by FIN, {} by reset; by the other side: {} by FIN, {} \
             by reset; {} by timeout)",
            number(reasons.local_fin),
            number(reasons.local_rst),
            number(reasons.remote_fin),
            number(reasons.remote_rst),
            number(reasons.timeout)
        )
    }
    });
    Some(Match {
        confidence: 0.0,
        explanation,
    })
}
