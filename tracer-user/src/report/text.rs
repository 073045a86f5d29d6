//! The diagnosis as text: the answer first, what was lost last, 80 columns.

mod capacity;
mod fine_print;
mod peers;
mod surge;

use std::io::{self, Write};

pub use self::{fine_print::lost, surge::sentence as surge};
use super::Origin;
use crate::{
    diagnosis::{
        Answer, Constant, Diagnosis, Judged, Party, Verdict,
        words::{count, duration, number},
    },
    model::{owner::one_of_several, peer::Direction},
};

const WIDTH: usize = 80;

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
    writeln!(to, "{}", wrap(&counted(diagnosis), 0))?;
    writeln!(to)?;
    peers::causes(to, diagnosis, &paint)?;
    capacity::write(to, diagnosis, &paint)?;
    movement(to, diagnosis, &paint)?;
    peers::others(to, diagnosis, &paint)?;
    fine_print::write(to, diagnosis, origin, &paint)
}

/// The answer in one sentence that fits a terminal, and who must act.
pub fn headline(diagnosis: &Diagnosis) -> String {
    let peers = diagnosis.peers.len() as u64;
    let window = duration(diagnosis.window_ns());
    match diagnosis.answer {
        Answer::Yes => problem(diagnosis),
        Answer::No if diagnosis.to_decide() > 0 => format!(
            "NO: nobody is accused; {} of {} to decide: far more held than usual.",
            number(diagnosis.to_decide()),
            count(peers, "peer", "peers"),
        ),
        Answer::No => format!(
            "NO: none of {} opens connections instead of reusing its own ({window}).",
            count(peers, "peer", "peers"),
        ),
        Answer::InsufficientData if diagnosis.is_too_early() => format!(
            "TOO EARLY: the first answer takes {}, and it has been {}.",
            duration(diagnosis.thresholds.settled),
            duration(diagnosis.run_ns()),
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

/// Who must act, the most concerned first, as far as there is room.
fn problem(diagnosis: &Diagnosis) -> String {
    let of = diagnosis.peers.len() as u64;
    let inbound = diagnosis
        .peers
        .iter()
        .all(|peer| peer.id.direction == Direction::Inbound);
    let (one, many) = if inbound {
        ("client", "clients")
    } else {
        ("peer", "peers")
    };
    let mut parties =
        [Party::Client, Party::Server, Party::Network].map(|party| (diagnosis.to_act(party), party));
    parties.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let mut text = "PROBLEM:".to_owned();
    for (place, (n, party)) in parties.into_iter().filter(|(n, _)| *n > 0).enumerate() {
        let of = count(of, one, many);
        let part = match (place, party, n) {
            (0, Party::Client, 1) => format!(" 1 of {of} does not reuse connections."),
            (0, Party::Client, _) => format!(" {} of {of} do not reuse connections.", number(n)),
            (0, Party::Server, _) => format!(" the server must act, for {} of {of}.", number(n)),
            (0, Party::Network, _) => format!(" the network cuts off {} of {of}.", number(n)),
            (_, Party::Client, _) => format!(" Clients: {}.", number(n)),
            (_, Party::Server, _) => format!(" Server: {}.", number(n)),
            (_, Party::Network, _) => format!(" Network: {}.", number(n)),
        };
        if text.len() + part.len() <= WIDTH {
            text.push_str(&part);
        }
    }
    text
}

/// What was counted, and what stands beside the answer.
fn counted(diagnosis: &Diagnosis) -> String {
    let opens: u64 = diagnosis.peers.iter().map(|peer| peer.figures.opens).sum();
    let mut parts = vec![
        format!("{} opened", number(opens)),
        format!("{} held now", number(diagnosis.accounting.open_now)),
    ];
    if diagnosis.recovered() > 0 {
        parts.push(format!("{} recovered", number(diagnosis.recovered())));
    }
    if diagnosis.to_decide() > 0 && diagnosis.answer == Answer::Yes {
        parts.push(format!("{} to decide", number(diagnosis.to_decide())));
    }
    let is_part = diagnosis.window_start != diagnosis.started;
    let run = if is_part {
        format!(" (traced for {})", duration(diagnosis.run_ns()))
    } else {
        String::new()
    };
    format!(
        "In the last {}: {}{run}",
        duration(diagnosis.window_ns()),
        parts.join(", ")
    )
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

/// The name of a peer where it is known which port it is about: of a client its address, of a process of this host
/// where it connects to.
pub fn short_name(peer: &Judged) -> String {
    match peer.id.direction {
        Direction::Inbound => peer.id.name(),
        Direction::Outbound => name(peer),
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
