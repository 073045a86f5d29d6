//! The diagnosis as text: the answer first, what was lost last, 80 columns.

use std::io::{self, Write};

use super::Origin;
use crate::{
    diagnosis::{
        Answer, Diagnosis, Judged,
        rules::words::{count, duration},
    },
    model::accounting::Losses,
    text::sanitise,
};

const WIDTH: usize = 80;

/// Accused peers shown with their figures; a line says how many more there are.
const MAX_ACCUSED: usize = 20;

/// Other peers shown, a line each.
const MAX_OTHERS: usize = 15;

/// How the text may look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Use terminal colours.
    pub color: bool,
}

/// Writes the report.
///
/// # Errors
/// When `to` cannot be written.
pub fn write(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin, style: Style) -> io::Result<()> {
    let paint = Paint(style.color);
    writeln!(to, "{}", paint.bold(&wrap(&headline(diagnosis), 0)))?;
    writeln!(to)?;
    listeners(to, diagnosis)?;
    causes(to, diagnosis, &paint)?;
    peers(to, diagnosis, &paint)?;
    fine_print(to, diagnosis, origin, &paint)
}

fn headline(diagnosis: &Diagnosis) -> String {
    let peers = diagnosis.peers.len() as u64;
    let window = duration(diagnosis.window_ns());
    match diagnosis.answer {
        Answer::Yes => format!(
            "YES: {} of {} not reuse connections ({} in {window}, {} held now).",
            diagnosis.accused(),
            count(peers, "peer does", "peers do"),
            count(diagnosis.accounting.totals.opened, "open", "opens"),
            diagnosis.accounting.open_now,
        ),
        Answer::No => format!(
            "NO: no peer opens new connections instead of reusing its own ({} watched for {window}).",
            count(peers, "peer", "peers"),
        ),
        Answer::InsufficientData if peers == 0 => format!(
            "NOTHING TO JUDGE: no connection passed the filters in {window}. \
             Check --port and --direction, or trace for longer.",
        ),
        Answer::InsufficientData => format!(
            "NOT ENOUGH DATA: none of {} showed a pattern in {window}. Trace for longer with --duration.",
            count(peers, "peer", "peers"),
        ),
    }
}

fn listeners(to: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    for now in diagnosis
        .listeners
        .iter()
        .filter(|now| now.held > 0 || now.accept_queue > 0)
    {
        let workers = now
            .max_workers
            .map(|max| format!(" of {max} workers"))
            .unwrap_or_default();
        writeln!(
            to,
            "port {}: {} held{workers}, {} in CLOSE_WAIT, {} never accepted, accept queue {} of {}",
            now.port, now.held, now.close_wait, now.never_accepted, now.accept_queue, now.accept_queue_limit,
        )?;
    }
    writeln!(
        to,
        "open connections: {} at the start, {} now",
        diagnosis.surge.from, diagnosis.surge.to
    )?;
    let expected = &diagnosis.expected;
    let origin = match expected.learned_from {
        Some(0) => "assumed; --expect sets it".to_owned(),
        Some(peers) => format!("learned from {}", count(peers as u64, "peer", "peers")),
        None => "as given".to_owned(),
    };
    writeln!(to, "expected per peer: {} ({origin})", expected.connections)?;
    writeln!(to)
}

fn causes(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    if diagnosis.causes.is_empty() {
        return Ok(());
    }
    writeln!(to, "{}", paint.bold("Causes"))?;
    for cause in &diagnosis.causes {
        let held = count(cause.held, "connection held", "connections held");
        let peers = count(cause.peers, "peer", "peers");
        writeln!(
            to,
            "  {}  {peers}, {held}",
            paint.bad(&format!("{:<18}", cause.verdict.id()))
        )?;
        writeln!(to, "{}", wrap(&format!("change: {}", cause.fix), 4))?;
    }
    writeln!(to)
}

fn peers(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let (accused, others): (Vec<&Judged>, Vec<&Judged>) = diagnosis
        .peers
        .iter()
        .partition(|peer| peer.finding.verdict.accuses());
    if !accused.is_empty() {
        writeln!(to, "{}", paint.bold("Peers that do not reuse, worst first"))?;
        for peer in accused.iter().take(MAX_ACCUSED) {
            one_accused(to, peer, paint)?;
        }
        and_more(to, accused.len(), MAX_ACCUSED)?;
        writeln!(to)?;
    }
    if !others.is_empty() {
        writeln!(to, "{}", paint.bold("Other peers"))?;
        for peer in others.iter().take(MAX_OTHERS) {
            let figures = &peer.figures;
            let opens = count(figures.opens, "open", "opens");
            writeln!(
                to,
                "  {:<18}  {:<32}  {opens}, {} held",
                peer.finding.verdict.id(),
                name(peer),
                figures.open_now
            )?;
        }
        and_more(to, others.len(), MAX_OTHERS)?;
        writeln!(to)?;
    }
    Ok(())
}

fn and_more(to: &mut dyn Write, all: usize, shown: usize) -> io::Result<()> {
    let hidden = all.saturating_sub(shown) as u64;
    if hidden == 0 {
        return Ok(());
    }
    writeln!(
        to,
        "  … and {}; --format json lists all",
        count(hidden, "more", "more")
    )
}

fn one_accused(to: &mut dyn Write, peer: &Judged, paint: &Paint) -> io::Result<()> {
    let finding = &peer.finding;
    let verdict = paint.bad(&format!("{:<18}", finding.verdict.id()));
    writeln!(
        to,
        "  {verdict}  {:<32}  confidence {:.2}",
        name(peer),
        finding.confidence
    )?;
    for also in &finding.also {
        writeln!(to, "    also: {also}")?;
    }
    writeln!(to, "{}", wrap(&finding.explanation, 4))
}

/// Who connects to which port of whom.
fn name(peer: &Judged) -> String {
    match peer.id.local_port() {
        Some(port) => format!("{} → :{port}", peer.id.name()),
        None => format!(":{} of {}", peer.id.port, peer.id.name()),
    }
}

fn fine_print(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin, paint: &Paint) -> io::Result<()> {
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

/// Breaks a sentence into lines of at most [`WIDTH`] columns, each indented.
fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            if column > 0 {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Terminal colours, or none.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn bad(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
