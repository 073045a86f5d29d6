//! This host's process does not close after the other side's FIN.

use super::{
    Case, Match,
    words::{self, count, duration, process},
};
use crate::{
    diagnosis::{
        Lingering,
        thresholds::{FORGOTTEN, confidence, share},
    },
    model::peer::Direction,
};

/// Accepted connections stay in CLOSE_WAIT for longer than a poll is held, and for much longer than those
/// that did get closed. Sockets that no process has accepted are not the process's fault and do not count.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let (close_wait, lingering) = (&case.figures.close_wait, case.figures.lingering.as_ref()?);
    let leaked = match case.direction {
        Direction::Inbound => overdue(case, lingering),
        Direction::Outbound => forgotten(case, lingering),
    };
    if leaked < case.thresholds.min_lingering {
        return None;
    }
    let explanation = case.say(|| {
        let holder = match &lingering.owner {
            Some((owner, _)) => process(owner),
            None => "a process of this host".to_owned(),
        };
        let bound = if close_wait.oldest_is_bound { "at least " } else { "" };
        format!(
            "{holder} has not closed {} that the other side has closed (CLOSE_WAIT), the oldest for {bound}{}; in {} {} \
             entered CLOSE_WAIT and {} left it",
            count(
                close_wait.now - close_wait.never_accepted.min(close_wait.now),
                "connection",
                "connections"
            ),
            duration(lingering.oldest_ns()),
            case.span(),
            words::number(close_wait.entered),
            words::number(close_wait.left),
        )
    });
    Some(Match {
        confidence: confidence(leaked, leaked),
        explanation,
    })
}

/// If this host is the server: the number of connections in CLOSE_WAIT for longer than anything justifies.
fn overdue(case: &Case<'_>, lingering: &Lingering) -> u64 {
    // A server that closes late is busy with the poll until then. The same may hold for connections still in
    // CLOSE_WAIT.
    let late = case
        .figures
        .close_wait
        .p50_ns
        .unwrap_or(0)
        .saturating_mul(FORGOTTEN);
    lingering.overdue(case.thresholds, case.hold_ns, late)
}

/// If this host is the client: the number of connections in CLOSE_WAIT that its later connections have passed
/// by. A connection the server closed while it was idle in a pool stays until the pool needs it again, however
/// often the others are used meanwhile; that is not a leak, and no more are added to it.
fn forgotten(case: &Case<'_>, lingering: &Lingering) -> u64 {
    let figures = case.figures;
    let stays = share(
        figures.close_wait.left,
        figures.close_wait.left + lingering.passed_by,
    ) <= 0.5;
    let is_most = share(lingering.passed_by, figures.open_now) > 0.5;
    let is_old = lingering.oldest_ns() >= case.thresholds.lingering;
    let keep_coming = lingering.keep_coming >= case.thresholds.min_lingering;
    if stays && is_most && is_old && keep_coming {
        lingering.passed_by
    } else {
        0
    }
}
