//! Too short a window or too few connections to say.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::Verdict;

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::InsufficientData,
    of_ends: false,
    test,
};

/// Always matches. States how long to trace if that follows from the rate so far.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let explanation = case.say(|| {
    let seen = format!(
        "{}, {} and {} in {}",
        count(figures.opens, "open", "opens"),
        count(figures.closes, "close", "closes"),
        count(figures.open_now, "connection held", "connections held"),
        case.span(),
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
            "{seen}: no pattern stands out (closed by this host's FIN {}, the other side's {}, resets {} and {}, timeouts {})",
            reasons.local_fin, reasons.remote_fin, reasons.local_rst, reasons.remote_rst, reasons.timeout
        )
    }
    });
    Some(Match {
        confidence: 0.0,
        explanation,
    })
}
