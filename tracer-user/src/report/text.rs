//! The diagnosis as text: the answer first, what was lost last, 80 columns.

mod fine_print;

use std::io::{self, Write};

pub use self::fine_print::lost;
use super::Origin;
use crate::{
    diagnosis::{
        Answer, Constant, Diagnosis, Judged, ListenerNow, Verdict,
        rules::words::{self, count, duration},
    },
    model::{history::Shape, owner::one_of_several},
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
    capacity(to, diagnosis, &paint)?;
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

fn capacity(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    for now in diagnosis
        .listeners
        .iter()
        .filter(|now| now.held > 0 || now.accept_queue > 0)
    {
        let owner = now
            .owner
            .process()
            .map(|process| format!(", {}", words::process(process)))
            .unwrap_or_default();
        let queue = format!("accept queue {} of {}", now.accept_queue, now.accept_queue_limit);
        let peak = if now.accept_queue_peak > now.accept_queue {
            format!(" (at most {})", now.accept_queue_peak)
        } else {
            String::new()
        };
        let host = now
            .host
            .as_ref()
            .map(|host| format!("{host} "))
            .unwrap_or_default();
        let line = format!(
            "{host}port {}{owner}: {} held, {} in CLOSE_WAIT, {} never accepted, {queue}{peak}",
            now.port, now.held, now.close_wait, now.never_accepted,
        );
        writeln!(to, "{}", wrap(&line, 0))?;
        if let (Some(max), Some(busy)) = (now.max_workers, now.busy_workers) {
            writeln!(to, "{}", workers(now, busy, max, diagnosis, paint))?;
        }
    }
    Ok(())
}

fn workers(now: &ListenerNow, busy: u32, max: u32, diagnosis: &Diagnosis, paint: &Paint) -> String {
    let states = match &diagnosis.workers {
        Some(workers) if !workers.states.is_empty() => {
            let states: Vec<String> = workers
                .states
                .iter()
                .map(|(state, n)| format!("{n} {state}"))
                .collect();
            format!(" ({})", states.join(", "))
        }
        _ => String::new(),
    };
    let line = format!("workers: {busy} of {max} busy{states}");
    match now.exhausted_in_s {
        Some(0.0) => paint.bad(&wrap(
            &format!("{line}: none is left: httpd logs AH00286, new clients wait or get 503"),
            2,
        )),
        Some(seconds) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive, and a guess"
            )]
            let left = duration((seconds * 1e9) as u64);
            paint.bad(&wrap(
                &format!("{line}; at the present growth none is left in {left}, and httpd logs AH00286"),
                2,
            ))
        }
        None => wrap(&format!("{line}; they do not run out at present"), 2),
    }
}

fn movement(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let movement = &diagnosis.movement;
    writeln!(
        to,
        "open connections: {} at the start, {} now",
        movement.from, movement.to
    )?;
    if let Some(surge) = &movement.surge {
        let who = match surge.shape {
            Shape::Uniform => "evenly over the peers: look for one cause that they share",
            Shape::Concentrated => "in few peers: look at those",
        };
        let line = format!(
            "surge: from {} to {} since {}, {who} ({} of {} hold more than before)",
            surge.from,
            surge.to,
            super::clock(surge.started),
            surge.grown,
            count(surge.peers, "peer", "peers"),
        );
        writeln!(to, "{}", paint.bad(&wrap(&line, 0)))?;
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
pub fn name(peer: &Judged) -> String {
    let host = peer
        .host
        .as_ref()
        .map(|host| format!(" on {host}"))
        .unwrap_or_default();
    match peer.id.local_port() {
        Some(port) => format!("{} → :{port}{host}", peer.id.name()),
        None => format!("{} → {}{host}", client(peer), peer.id.endpoint()),
    }
}

/// The process of this host that connects.
fn client(peer: &Judged) -> String {
    let owner = peer.figures.owner.as_deref();
    match (peer.id.process, peer.id.program) {
        (Some(pid), _) => match owner.filter(|owner| owner.pid == pid) {
            Some(owner) => format!("{} (pid {pid})", one_of_several(&owner.comm)),
            None => format!("pid {pid}"),
        },
        (None, Some(comm)) => match owner {
            Some(owner) => owner.comm.clone(),
            None => comm.as_str().to_owned(),
        },
        (None, None) => "this host".to_owned(),
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
