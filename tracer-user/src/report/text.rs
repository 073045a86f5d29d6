//! The diagnosis as text in 80 columns: the answer first, the losses last.

mod capacity;
mod changes;
mod fine_print;
mod first_aid;
mod peers;
mod surge;

use std::{
    io::{self, Write},
    sync::Arc,
};

pub(in crate::report) use self::{
    capacity::said as capacity_lines, fine_print::changed_thresholds, peers::most_urgent,
};
pub use self::{
    changes::{change, more_verdicts},
    fine_print::{drift, lost},
    first_aid::first_aid,
};
use super::Origin;
use crate::{
    diagnosis::{
        Answer, Constant, Diagnosis, Judged, Party,
        words::{count, duration, form, number},
    },
    model::{history::Surge, owner::one_of_several, peer::Direction},
};

const WIDTH: usize = 80;

/// The style of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to use terminal colours.
    pub color: bool,
}

/// Writes the report.
///
/// # Errors
/// If `to` cannot be written.
pub fn write(to: &mut dyn Write, diagnosis: &Diagnosis, origin: &Origin, style: Style) -> io::Result<()> {
    let paint = Paint(style.color);
    writeln!(to, "{}", paint.bold(&wrap(&headline(diagnosis), 0)))?;
    paragraph(to, &counted(diagnosis), 0)?;
    if let Some(line) = most_urgent(diagnosis) {
        paragraph(to, &line, 0)?;
    }
    if let Some(surge) = &diagnosis.movement.surge {
        writeln!(
            to,
            "{}",
            paint.bad(&wrap(
                &format!("Surge {}", surge::course(surge, diagnosis.taken)),
                0
            ))
        )?;
    }
    capacity::write(to, diagnosis, &paint)?;
    writeln!(to)?;
    peers::causes(to, diagnosis, &paint)?;
    peers::others(to, diagnosis, &paint)?;
    compared_with(to, diagnosis)?;
    fine_print::write(to, diagnosis, origin, &paint)
}

/// The answer in one sentence that fits a terminal, and who has to act.
pub fn headline(diagnosis: &Diagnosis) -> String {
    let answer = answer(diagnosis);
    match diagnosis.losses.peers_dropped {
        0 => answer,
        n => format!(
            "{answer} NOT JUDGED: {}, for which the peer table had no room.",
            Nouns::of(diagnosis).count(n)
        ),
    }
}

fn answer(diagnosis: &Diagnosis) -> String {
    let peers = diagnosis.tally.peers;
    let window = duration(diagnosis.window_ns());
    let nouns = Nouns::of(diagnosis);
    match diagnosis.answer {
        Answer::Yes => problem(diagnosis),
        Answer::No if diagnosis.tally.to_decide > 0 => format!(
            "NO: nobody is at fault, but {} of {} {} far more than usual.",
            number(diagnosis.tally.to_decide),
            nouns.count(peers),
            form(diagnosis.tally.to_decide, "holds", "hold"),
        ),
        Answer::No => format!(
            "NO: no {} opens connections instead of reusing its own ({}, {window}).",
            nouns.one,
            nouns.count(peers),
        ),
        Answer::InsufficientData if diagnosis.is_too_early() => format!(
            "TOO EARLY: the first answer comes after {}, and tracing began {} ago.",
            duration(diagnosis.thresholds.settled),
            duration(diagnosis.run_ns()),
        ),
        Answer::InsufficientData if peers == 0 => format!(
            "NOTHING TO JUDGE: no connection passed the filters in {window}. \
             Check --port, --peer and --direction, or trace for longer.",
        ),
        Answer::InsufficientData if diagnosis.tally.stray == peers => format!(
            "NO CLIENT TO JUDGE: {} connected in {window} without sending a request (stray). \
             Check --port, or trace for longer.",
            nouns.count(peers),
        ),
        Answer::InsufficientData => format!(
            "NOT ENOUGH DATA: no pattern yet ({}, {window}). Trace for longer.",
            nouns.count(peers),
        ),
    }
}

/// Nouns for the parties that connect.
struct Nouns {
    one: &'static str,
    many: &'static str,
}

impl Nouns {
    fn of(diagnosis: &Diagnosis) -> Self {
        match diagnosis.tally.inbound == diagnosis.tally.peers {
            true => Self {
                one: "client",
                many: "clients",
            },
            false => Self {
                one: "peer",
                many: "peers",
            },
        }
    }

    fn count(&self, n: u64) -> String {
        count(n, self.one, self.many)
    }
}

/// Who has to act, most affected first, as far as there is room.
fn problem(diagnosis: &Diagnosis) -> String {
    let of = Nouns::of(diagnosis).count(diagnosis.tally.peers);
    let mut parties = Party::ALL.map(|party| (diagnosis.tally.of_party(party), party));
    parties.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let mut text = "PROBLEM:".to_owned();
    for (place, (n, party)) in parties.into_iter().filter(|(n, _)| *n > 0).enumerate() {
        let n = (n, number(n));
        let part = match (place, party, n) {
            (0, Party::Client, (1, _)) => format!(" 1 of {of} does not reuse connections."),
            (0, Party::Client, (_, n)) => format!(" {n} of {of} do not reuse connections."),
            (0, Party::Server, (_, n)) => format!(" the server mishandles connections of {n} of {of}."),
            (0, Party::Network, (_, n)) => format!(" the network cuts off {n} of {of}."),
            (_, Party::Client, (_, n)) => format!(" Clients at fault: {n}."),
            (_, Party::Server, (_, n)) => format!(" Server at fault: {n}."),
            (_, Party::Network, (_, n)) => format!(" Network at fault: {n}."),
        };
        if text.len() + part.len() <= WIDTH {
            text.push_str(&part);
        }
    }
    text
}

/// The counts, and remarks on the answer.
pub(super) fn counted(diagnosis: &Diagnosis) -> String {
    let mut parts = vec![
        format!("{} opened", number(diagnosis.tally.opens)),
        format!("{} open now", number(diagnosis.accounting.open_now)),
    ];
    if diagnosis.tally.recovered > 0 {
        parts.push(format!("{} recovered", number(diagnosis.tally.recovered)));
    }
    if diagnosis.tally.to_decide > 0 && diagnosis.answer == Answer::Yes {
        parts.push(format!("{} to decide", number(diagnosis.tally.to_decide)));
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

/// What the clients were compared with.
fn compared_with(to: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    for line in expectations(diagnosis) {
        writeln!(to, "{line}")?;
    }
    writeln!(to)
}

/// The same, a sentence each.
pub(super) fn expectations(diagnosis: &Diagnosis) -> Vec<String> {
    let movement = &diagnosis.movement;
    let mut lines = vec![format!(
        "Open connections: {} at the start, {} now",
        number(movement.from),
        number(movement.to)
    )];
    let expected = &diagnosis.expected;
    let origin = match expected.learned_from {
        Some(0) => "assumed; --expect changes it".to_owned(),
        Some(1) => "learned from what 1 peer held at the start".to_owned(),
        Some(peers) => format!(
            "learned from what {} peers held at the start",
            number(peers as u64)
        ),
        None => "as given".to_owned(),
    };
    lines.push(format!(
        "Expected of each {}: {} ({origin})",
        Nouns::of(diagnosis).one,
        count(expected.connections.into(), "connection", "connections")
    ));
    let learned = &diagnosis.learned;
    let origin = |constant: &Constant| {
        format!(
            "learned from {} of {}",
            count(constant.closes, "close", "closes"),
            count(constant.peers, "peer", "peers")
        )
    };
    lines.extend(match (learned.keepalive_given_ns, &learned.keepalive) {
        (Some(given), _) => Some(format!("Keep-alive timeout: {} (as given)", duration(given))),
        (None, Some(constant)) => Some(format!(
            "Keep-alive timeout: {} ({})",
            duration(constant.value),
            origin(constant)
        )),
        (None, None) => None,
    });
    lines.extend(learned.request_limit.as_ref().map(|constant| {
        format!(
            "Request limit: {} per connection ({})",
            number(constant.value),
            origin(constant)
        )
    }));
    lines
}

/// A surge, as described on the day it began.
pub fn surge(surge: &Surge) -> String {
    format!("surge {}", surge::course(surge, surge.started))
}

/// Which client connects to which port of which server.
pub fn name(peer: &Judged) -> String {
    let host = peer
        .host
        .as_ref()
        .map(|host| format!(" on {host}"))
        .or_else(|| peer.over.as_ref().and_then(|over| over.place()))
        .unwrap_or_default();
    match peer.id.local_port() {
        Some(port) => format!("{} → :{port}{host}", called(peer, peer.id.name())),
        None => format!("{} → {}{host}", client(peer), called(peer, peer.id.endpoint())),
    }
}

/// A peer's name where its port is already known: a client's address, or the destination of a process of this
/// host.
pub fn short_name(peer: &Judged) -> String {
    match peer.id.direction {
        Direction::Inbound => called(peer, peer.id.name()),
        Direction::Outbound => name(peer),
    }
}

/// An address of a peer, with what the user calls it in front.
fn called(peer: &Judged, address: String) -> String {
    with_name(peer.name(), address)
}

/// The same, where the name is known.
pub fn with_name(name: Option<&Arc<str>>, address: String) -> String {
    match name {
        Some(name) => format!("{name} ({address})"),
        None => address,
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

/// Writes a text in lines that fit, indented.
fn paragraph(to: &mut dyn Write, text: &str, indent: usize) -> io::Result<()> {
    writeln!(to, "{}", wrap(text, indent))
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

/// Terminal colours, if enabled.
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
