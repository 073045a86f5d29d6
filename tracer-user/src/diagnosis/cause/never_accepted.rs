//! The server is not accepting: its workers are exhausted.

use super::{
    Case, Match,
    words::{count, duration, number},
};
use crate::diagnosis::thresholds::{MIN_ALIKE_TO_OTHERS, confidence, habitual};

/// Connections have waited in the accept queue for longer than accepting ever takes, or most requests had
/// waited for seconds when a process read them. Other connections waiting on the same listener count as
/// evidence too, since they share the queue.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let waits_now = figures.waiting.now > 0 && figures.waiting.oldest_ns >= case.thresholds.waiting;
    let waited = figures.counted.late_reads >= MIN_ALIKE_TO_OTHERS
        && habitual(figures.counted.late_reads, figures.opens);
    if !waits_now && !waited {
        return None;
    }
    let explanation = case.say(|| {
        let queue = match case.listener {
            Some(now) => format!(
                "; the accept queue of port {} has {} of {}, and {} already accepted",
                now.port,
                number(now.backlog.accept_queue),
                number(now.backlog.accept_queue_limit),
                count(
                    now.held - now.never_accepted.min(now.held),
                    "connection is",
                    "connections are"
                ),
            ),
            None => String::new(),
        };
        let mut parts = Vec::new();
        if waits_now {
            parts.push(format!(
                "{} to be accepted by the server, the oldest for {}",
                count(
                    figures.waiting.now,
                    "connection is waiting",
                    "connections are waiting"
                ),
                duration(figures.waiting.oldest_ns)
            ));
        }
        if figures.counted.late_reads > 0 {
            parts.push(format!(
                "{} waited for a second or longer to be read by the server, up to {}",
                count(figures.counted.late_reads, "first request", "first requests"),
                duration(figures.late_read_max_ns)
            ));
        }
        format!("{}{queue}", parts.join("; "))
    });
    let others = case.listener.map_or(0, |now| {
        now.never_accepted.max(figures.waiting.now) - figures.waiting.now
    });
    let seen = figures.waiting.now + figures.counted.late_reads + others;
    Some(Match {
        confidence: confidence(seen, seen),
        explanation,
    })
}

/// Whether the server had stopped accepting before the peer opened more than it needs: either none of its
/// connections was accepted, or the queue had visibly been stuck for a while.
pub(super) fn came_first(case: &Case<'_>) -> bool {
    let figures = case.figures;
    if figures.waiting.now > 0 && figures.waiting.now >= figures.held.established {
        return true;
    }
    let stuck = case.listener.and_then(|listener| listener.stuck_since_ns);
    let course = &figures.course;
    let piled_up = match figures.first_overlap_ns {
        // Of those that overlapped, the first may have ended since it began to grow.
        Some(first) if course.grown > 0 && course.closes_since > 0 => first.min(course.since_ns),
        Some(first) => first,
        None => course.since_ns,
    };
    stuck.is_some_and(|stuck| stuck.saturating_add(case.thresholds.waiting) <= piled_up)
}
