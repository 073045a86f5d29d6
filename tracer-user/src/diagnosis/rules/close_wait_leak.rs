//! The server's process does not close after the client's FIN.

use super::{
    Case, Match, Rule,
    words::{count, duration},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{LINGERING_NS, MAX_LEFT_CLOSE_WAIT, MIN_LINGERING, confidence, share},
};

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::CloseWaitLeak,
    test,
    fix: "fix the close path of that process: it must close a connection once the other side has closed \
          (read until end of file, then close); restarting it frees what has leaked so far",
};

/// Accepted, in CLOSE_WAIT for longer than a poll is held, and hardly any ever leaves. Sockets
/// that no process has accepted are not the process's fault and do not count.
fn test(case: &Case<'_>) -> Option<Match> {
    let close_wait = &case.figures.close_wait;
    let patience = case.hold_ns.unwrap_or(0).max(LINGERING_NS);
    let lingering = case
        .figures
        .close_wait_ages_ns
        .iter()
        .filter(|age| **age >= patience)
        .count() as u64;
    if lingering < MIN_LINGERING || share(close_wait.left, close_wait.left + lingering) > MAX_LEFT_CLOSE_WAIT
    {
        return None;
    }
    let oldest = case.figures.close_wait_ages_ns.first().copied().unwrap_or(0);
    let explanation = format!(
        "{} in CLOSE_WAIT that a process of this host holds and has not closed, the oldest for {}; {} entered CLOSE_WAIT \
         in {} and {} left it",
        count(
            close_wait.now - close_wait.never_accepted.min(close_wait.now),
            "connection is",
            "connections are"
        ),
        duration(oldest),
        close_wait.entered,
        duration(case.window_ns),
        close_wait.left,
    );
    Some(Match {
        confidence: confidence(lingering, lingering + close_wait.left),
        explanation,
    })
}
