//! The diagnosis as text: the answer first, what was lost last, 80 columns.

mod capacity;
mod fine_print;
mod surge;

use std::io::{self, Write};

pub use self::{fine_print::lost, surge::sentence as surge};
use super::Origin;
use crate::diagnosis::{
    Answer, Constant, Diagnosis, Judged, Verdict,
    words::{count, duration},
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
    capacity::write(to, diagnosis, &paint)?;
    movement(to, diagnosis, &paint)?;
    causes(to, diagnosis, &paint)?;
    peers(to, diagnosis, &paint)?;
    fine_print::write(to, diagnosis, origin, &paint)
}

/// The answer in one sentence.
pub fn headline(diagnosis: &Diagnosis) -> String {
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
        Answer::InsufficientData if diagnosis.peers.iter().all(is_stray) => format!(
            "NO CLIENT TO JUDGE: {} connected in {window}, and no request came (stray). \
             Check --port, or trace for longer.",
            count(peers, "peer", "peers"),
        ),
        Answer::InsufficientData => format!(
            "NOT ENOUGH DATA: none of {} showed a pattern in {window}. Trace for longer with --duration.",
            count(peers, "peer", "peers"),
        ),
    }
}

fn is_stray(peer: &Judged) -> bool {
    peer.finding.verdict == Verdict::Stray
}

fn movement(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let movement = &diagnosis.movement;
    writeln!(
        to,
        "open connections: {} at the start, {} now",
        movement.from, movement.to
    )?;
    if let Some(surge) = &movement.surge {
        writeln!(to, "{}", paint.bad(&wrap(&surge::sentence(surge), 0)))?;
    }
    let expected = &diagnosis.expected;
    let origin = match expected.learned_from {
        Some(0) => "assumed; --expect sets it".to_owned(),
        Some(peers) => format!(
            "learned from what {} held at the start",
            count(peers as u64, "peer", "peers")
        ),
        None => "as given".to_owned(),
    };
    writeln!(to, "expected per peer: {} ({origin})", expected.connections)?;
    learned(to, diagnosis)?;
    writeln!(to)
}

fn learned(to: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let learned = &diagnosis.learned;
    let origin = |constant: &Constant| {
        format!(
            "learned from {} of {}",
            count(constant.closes, "close", "closes"),
            count(constant.peers, "peer", "peers")
        )
    };
    match (learned.keepalive_given_ns, &learned.keepalive) {
        (Some(given), _) => writeln!(to, "keep-alive timeout: {} (as given)", duration(given))?,
        (None, Some(constant)) => writeln!(
            to,
            "keep-alive timeout: {} ({})",
            duration(constant.value),
            origin(constant)
        )?,
        (None, None) => {}
    }
    if let Some(constant) = &learned.request_limit {
        writeln!(
            to,
            "requests per connection: {} ({})",
            constant.value,
            origin(constant)
        )?;
    }
    Ok(())
}

fn causes(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    if diagnosis.causes.is_empty() {
        return Ok(());
    }
    writeln!(to, "{}", paint.bold("Causes"))?;
    for cause in &diagnosis.causes {
        let peers = count(cause.peers, "peer", "peers");
        writeln!(
            to,
            "  {}  {peers}, {} held ({:.0} % of all)",
            paint.bad(&format!("{:<19}", cause.verdict.id())),
            cause.held,
            cause.share_of_held * 100.0,
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
                "  {:<19}  {:<30}  {opens}, {} held{}",
                peer.finding.verdict.id(),
                name(peer),
                figures.open_now,
                if peer.shared_address { ", shared" } else { "" },
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
    let verdict = paint.bad(&format!("{:<19}", finding.verdict.id()));
    writeln!(
        to,
        "  {verdict}  {:<30}  confidence {:.2}",
        name(peer),
        finding.confidence
    )?;
    for also in &finding.also {
        writeln!(to, "    also: {also}")?;
    }
    writeln!(to, "{}", wrap(&peer.explanation(), 4))
}

/// Who connects to which port of whom.
fn name(peer: &Judged) -> String {
    let host = peer
        .host
        .as_ref()
        .map(|host| format!(" on {host}"))
        .unwrap_or_default();
    match peer.id.local_port() {
        Some(port) => format!("{} → :{port}{host}", peer.id.name()),
        None => format!(":{} of {}{host}", peer.id.port, peer.id.name()),
    }
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
