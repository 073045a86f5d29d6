//! What the answer is based on: the accounting, the losses, the comparison, and the host.

use std::io::{self, Write};

use super::{Paint, paragraph, wrap};
use crate::{
    diagnosis::{
        Diagnosis,
        thresholds::{THRESHOLDS, Thresholds},
        words::{count, form, number},
    },
    model::accounting::Losses,
    report::{Origin, clock_seen_from, day_and_clock},
    text::sanitise,
};

/// Writes it.
pub(super) fn write(
    to: &mut dyn Write,
    diagnosis: &Diagnosis,
    origin: &Origin,
    paint: &Paint,
) -> io::Result<()> {
    let (accounting, totals) = (&diagnosis.accounting, diagnosis.accounting.totals);
    let counts = format!(
        "Accounting: {} already open + {} opened - {} closed = {} open now;",
        number(totals.seeded),
        number(totals.opened),
        number(totals.closed),
        number(accounting.open_now)
    );
    match accounting.drift {
        Some(0) => paragraph(to, &format!("{counts} the kernel's socket list agrees"), 0)?,
        Some(distance) => writeln!(
            to,
            "{}\n{}",
            wrap(&counts, 0),
            paint.bad(&wrap(&drift(distance), 0))
        )?,
        None => paragraph(
            to,
            &format!("{counts} not checked against the kernel's socket list"),
            0,
        )?,
    }
    if accounting.peers_left > 0 {
        let left = format!(
            "{} left after they had been quiet: the totals count them, but they are not listed",
            count(accounting.peers_left, "peer", "peers")
        );
        paragraph(to, &left, 0)?;
    }
    let lost = lost(&diagnosis.losses);
    // For a selection from a recording nothing can be checked, and the losses are not those of the selection.
    let whose = match accounting.drift {
        Some(_) => "",
        None => " (of all peers)",
    };
    if lost.is_empty() {
        writeln!(to, "Nothing was lost or left out")?;
    } else {
        writeln!(
            to,
            "{}",
            paint.bad(&wrap(&format!("NOT COVERED{whose}: {}", lost.join("; ")), 0))
        )?;
    }
    let changed = changed_thresholds(diagnosis);
    if !changed.is_empty() {
        paragraph(to, &format!("Changed thresholds: {}", changed.join(", ")), 0)?;
    }
    let traced = format!(
        "Traced from {} to {} on host {}, kernel {}, tcpreuse {}",
        day_and_clock(diagnosis.started),
        clock_seen_from(diagnosis.taken, diagnosis.started),
        sanitise(&origin.host),
        sanitise(&origin.kernel),
        env!("CARGO_PKG_VERSION")
    );
    paragraph(to, &traced, 0)
}

/// The thresholds that are not as they come.
pub(in crate::report) fn changed_thresholds(diagnosis: &Diagnosis) -> Vec<String> {
    THRESHOLDS
        .iter()
        .filter(|one| (one.get)(&diagnosis.thresholds) != (one.get)(&Thresholds::DEFAULT))
        .map(|one| {
            let written = |all| one.kind.written((one.get)(all));
            format!(
                "{} {} (default {})",
                one.name,
                written(&diagnosis.thresholds),
                written(&Thresholds::DEFAULT)
            )
        })
        .collect()
}

/// Says that the counts differ from the kernel's list.
pub fn drift(distance: i64) -> String {
    let sockets = count(distance.unsigned_abs(), "more socket is", "more sockets are");
    let (more, fewer) = match distance < 0 {
        true => ("listed", "counted"),
        false => ("counted", "listed"),
    };
    format!(
        "counters and the kernel's socket list disagree: {sockets} {more} than {fewer}; treat the figures of single \
         peers as approximate"
    )
}

/// Each non-zero loss, in words.
pub fn lost(losses: &Losses) -> Vec<String> {
    let at_least = if losses.peers_dropped_unlisted > 0 {
        "at least "
    } else {
        ""
    };
    let connections = count(losses.connections_unattributed, "connection", "connections");
    let reported = |n: u64, one: &str, many: &str| {
        let verb = form(n, "was", "were");
        format!("{} {verb} not reported by the kernel", count(n, one, many))
    };
    let forgotten = |n: u64, one: &str, many: &str| {
        let verb = form(n, "was", "were");
        format!("{} {verb} forgotten for want of room", count(n, one, many))
    };
    let dropped = match losses.peers_dropped {
        0 => (
            losses.connections_unattributed,
            format!(
                "{connections} {} in the totals but {} to no listed peer",
                form(losses.connections_unattributed, "counts", "count"),
                form(losses.connections_unattributed, "belongs", "belong"),
            ),
        ),
        n => (
            n,
            format!(
                "{at_least}{} ({connections}) came after the peer table was full and {} not judged: raise --max-peers, \
                 or group peers with --prefix4 24",
                count(n, "peer", "peers"),
                form(n, "was", "were"),
            ),
        ),
    };
    [
        dropped,
        (
            losses.connections_dropped,
            format!(
                "{} not traced, since the connection table was full: raise --max-connections",
                count(losses.connections_dropped, "connection was", "connections were")
            ),
        ),
        (
            losses.records_lost,
            format!(
                "{} of ended connections lost",
                count(losses.records_lost, "record", "records")
            ),
        ),
        (
            losses.records_raced,
            format!(
                "{} of ended connections lost, since many CPUs wrote one at once",
                count(losses.records_raced, "record", "records")
            ),
        ),
        (
            losses.programs_skipped,
            format!(
                "up to {}",
                reported(losses.programs_skipped, "state change", "state changes")
            ),
        ),
        (
            losses.reads_skipped,
            format!(
                "{}, each at most one request turn",
                reported(losses.reads_skipped, "read", "reads")
            ),
        ),
        (
            losses.namespaces_skipped,
            format!(
                "{} could not be listed",
                count(
                    losses.namespaces_skipped,
                    "network namespace",
                    "network namespaces"
                )
            ),
        ),
        (
            losses.rows_not_written,
            format!(
                "{} of the recording could not be written",
                count(losses.rows_not_written, "row", "rows")
            ),
        ),
        (
            losses.listeners_forgotten,
            format!(
                "{} for a while, so the direction of some connections may be wrong",
                forgotten(losses.listeners_forgotten, "listener", "listeners")
            ),
        ),
        (
            losses.names_forgotten,
            format!(
                "the {} of {}",
                form(losses.names_forgotten, "name", "names"),
                forgotten(losses.names_forgotten, "ended process", "ended processes")
            ),
        ),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(_, text)| text)
    .collect()
}
