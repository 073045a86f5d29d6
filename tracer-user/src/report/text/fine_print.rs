//! What the answer rests on: the accounting, what was lost, what was compared with, where it was made.

use std::io::{self, Write};

use super::{Paint, wrap};
use crate::{
    diagnosis::{
        Diagnosis,
        thresholds::{THRESHOLDS, Thresholds},
    },
    model::accounting::Losses,
    report::Origin,
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
    let drift = match accounting.drift {
        Some(0) => "as many as the kernel's socket list shows".to_owned(),
        Some(drift) => paint.bad(&format!("{drift} more than the kernel's socket list explains")),
        None => "not checked against the kernel's socket list".to_owned(),
    };
    writeln!(
        to,
        "{} found open + {} opened - {} closed = {} open now,\n{drift}",
        totals.seeded, totals.opened, totals.closed, accounting.open_now
    )?;
    let lost = lost(&diagnosis.losses);
    if lost.is_empty() {
        writeln!(to, "nothing was lost or left out")?;
    } else {
        writeln!(
            to,
            "{}",
            paint.bad(&wrap(&format!("lost: {}", lost.join("; ")), 0))
        )?;
    }
    let changed: Vec<String> = THRESHOLDS
        .iter()
        .filter(|one| (one.get)(&diagnosis.thresholds) != (one.get)(&Thresholds::DEFAULT))
        .map(|one| {
            let written = |all| one.kind.written((one.get)(all));
            format!(
                "{} {} (else {})",
                one.name,
                written(&diagnosis.thresholds),
                written(&Thresholds::DEFAULT)
            )
        })
        .collect();
    if !changed.is_empty() {
        writeln!(
            to,
            "{}",
            wrap(&format!("changed thresholds: {}", changed.join(", ")), 0)
        )?;
    }
    writeln!(
        to,
        "host {}, kernel {}, tcpreuse {}",
        sanitise(&origin.host),
        sanitise(&origin.kernel),
        env!("CARGO_PKG_VERSION")
    )
}

/// Each loss that is not zero, in words.
pub fn lost(losses: &Losses) -> Vec<String> {
    let at_least = if losses.peers_dropped_unlisted > 0 {
        "at least "
    } else {
        ""
    };
    [
        (
            losses.peers_dropped,
            format!(
                "{at_least}{} peers found the peer table full (raise --max-peers)",
                losses.peers_dropped
            ),
        ),
        (
            losses.connections_unattributed,
            format!(
                "{} connections are in the totals but of no listed peer",
                losses.connections_unattributed
            ),
        ),
        (
            losses.connections_dropped,
            format!(
                "{} connections were not counted for lack of room (raise --max-connections)",
                losses.connections_dropped
            ),
        ),
        (
            losses.records_lost,
            format!("{} records of ended connections", losses.records_lost),
        ),
        (
            losses.programs_skipped,
            format!(
                "at most {} state changes the kernel did not show",
                losses.programs_skipped
            ),
        ),
        (
            losses.reads_skipped,
            format!(
                "{} reads the kernel did not show, a request turn each at most",
                losses.reads_skipped
            ),
        ),
        (
            losses.namespaces_skipped,
            format!(
                "{} network namespaces could not be listed",
                losses.namespaces_skipped
            ),
        ),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(_, text)| text)
    .collect()
}
