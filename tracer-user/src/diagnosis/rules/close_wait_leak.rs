//! The server's process does not close after the client's FIN.

use super::{
    Case, Match, Rule,
    words::{count, duration, process},
};
use crate::diagnosis::{
    Verdict,
    thresholds::{MAX_LEFT_CLOSE_WAIT, confidence, share},
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
    let (close_wait, lingering) = (&case.figures.close_wait, case.figures.lingering.as_ref()?);
    let overdue = lingering.overdue(case.thresholds, case.hold_ns);
    if overdue < case.thresholds.min_lingering
        || share(close_wait.left, close_wait.left + overdue) > MAX_LEFT_CLOSE_WAIT
    {
        return None;
    }
    let explanation = case.say(|| {
        let holder = match &lingering.owner {
            Some((owner, _)) => process(owner),
            None => "a process of this host".to_owned(),
        };
        format!(
        "{} in CLOSE_WAIT that {holder} holds and has not closed, the oldest for {}; {} entered CLOSE_WAIT in {} and \
         {} left it",
        count(
            close_wait.now - close_wait.never_accepted.min(close_wait.now),
            "connection is",
            "connections are"
        ),
        duration(lingering.oldest_ns()),
        close_wait.entered,
        duration(case.window_ns),
        close_wait.left,
    )});
    Some(Match {
        confidence: confidence(overdue, overdue + close_wait.left),
        explanation,
    })
}
