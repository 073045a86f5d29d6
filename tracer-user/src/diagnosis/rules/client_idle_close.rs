//! The client's pool drops idle connections before the next request.

use super::{Case, Match, Rule, words};
use crate::diagnosis::{
    Verdict,
    thresholds::{EXCEPTION, MANY_TURNS, MIN_ALIKE, confidence, habitual, share},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::ClientIdleClose,
    test,
    fix: "raise the idle timeout of the client's connection pool above its pause between polls",
};

/// The client sends its FIN after the same idle time again and again, with nothing left to answer.
fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    if !habitual(figures.client_fin, figures.closes)
        || share(figures.unanswered, figures.closes) > EXCEPTION
        || figures.turns.sum == 0
        || figures.turns.sum >= MANY_TURNS * figures.turns.connections().max(1)
    {
        return None;
    }
    let (cluster, idle) = case.constant_idle()?;
    if cluster.count < MIN_ALIKE || idle < case.thresholds.client_at_once {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}; {} by the client after {} idle ({})",
            words::opens_and_pause(case),
            words::count(figures.client_fin, "was closed", "were closed"),
            words::duration(idle),
            words::spread(&cluster),
        )
    });
    Some(Match {
        confidence: confidence(cluster.count.min(figures.client_fin), figures.closes),
        explanation,
    })
}
