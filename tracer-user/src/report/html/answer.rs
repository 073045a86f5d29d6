//! How sure the answer is, and what to change.

use std::borrow::Cow;

use maud::{Markup, html};

use super::{MAX_PEERS, course::capital, short, words};
use crate::{
    diagnosis::{
        Diagnosis, Judged, Party, Verdict,
        words::{count, number},
    },
    report::text,
};

/// Maximum number of sentences for each thing to change.
const MAX_EACH: usize = 12;

/// What the answer rests on, and how far it can be trusted.
pub(super) fn sure(diagnosis: &Diagnosis) -> Markup {
    html! {
        p { (text::counted(diagnosis)) "." }
        @if let Some(line) = text::most_urgent(diagnosis) { p { (short(&line)) } }
        @if let Some(surge) = &diagnosis.movement.surge {
            p class="bad" { (capital(&text::surge(surge))) "." }
        }
        p { (confidence(diagnosis)) " " (coverage(diagnosis)) }
    }
}

fn confidence(diagnosis: &Diagnosis) -> String {
    let accused = diagnosis
        .peers
        .iter()
        .filter(|peer| peer.finding.verdict.accuses());
    let mut all: Vec<f64> = accused.map(|peer| peer.finding.confidence).collect();
    all.sort_by(f64::total_cmp);
    match (all.first(), all.get(all.len() / 2), all.last()) {
        (Some(least), Some(median), Some(most)) if all.len() > 1 => format!(
            "How sure: the median confidence of {} is {median:.2} ({least:.2} to {most:.2}).",
            count(all.len() as u64, "accusing verdict", "accusing verdicts")
        ),
        (Some(only), ..) => format!("How sure: confidence {only:.2}."),
        _ => format!(
            "How sure: {} judged, none accused.",
            count(diagnosis.peers.len() as u64, "peer", "peers")
        ),
    }
}

fn coverage(diagnosis: &Diagnosis) -> String {
    let lost = text::lost(&diagnosis.losses);
    let drift = match diagnosis.accounting.drift {
        Some(0) => "the counts agree with the kernel's list of sockets".to_owned(),
        Some(distance) => text::drift(distance),
        None => "the counts could not be checked against the kernel's list of sockets".to_owned(),
    };
    match &*lost {
        [] => format!("Nothing was lost, and {drift}."),
        lost => format!("Not covered: {}; {drift}.", lost.join("; ")),
    }
}

/// Peers that have to change the same thing.
struct Alike<'a> {
    verdict: Verdict,
    party: Option<Party>,
    fix: Cow<'static, str>,
    peers: Vec<&'a Judged>,
}

/// By cause and software, in the order of the causes.
fn alike(diagnosis: &Diagnosis) -> Vec<Alike<'_>> {
    let mut all: Vec<Alike<'_>> = Vec::new();
    for cause in &diagnosis.causes {
        let first = all.len();
        let theirs = diagnosis
            .peers
            .iter()
            .filter(|peer| peer.finding.verdict == cause.verdict);
        for peer in theirs {
            let fix = peer.fix();
            let known = all.iter_mut().skip(first).find(|known| known.fix == fix);
            match known {
                Some(known) => known.peers.push(peer),
                None => all.push(Alike {
                    verdict: cause.verdict,
                    party: peer.party(),
                    fix,
                    peers: vec![peer],
                }),
            }
        }
    }
    all
}

/// What to change, with a sentence for each client.
pub(super) fn changes(diagnosis: &Diagnosis) -> Markup {
    let all = alike(diagnosis);
    if all.is_empty() {
        return html! { p { "Nothing: nobody is accused." } };
    }
    let mut room = MAX_PEERS;
    let shown: Vec<(&Alike<'_>, usize)> = all
        .iter()
        .map(|one| {
            let n = one.peers.len().min(MAX_EACH).min(room);
            room -= n;
            (one, n)
        })
        .collect();
    html! {
        p class="faint" { "Each sentence names one client, and can be copied into a ticket as it is." }
        @for (one, n) in shown {
            h3 { code { (one.verdict.id()) } ": " (who(one.party)) ", " (concerned(diagnosis, one)) }
            p class="fix" { b { "What to change" } (words(&one.fix)) }
            @if n > 0 {
                ul class="quotes" {
                    @for peer in one.peers.iter().take(n) { li { (sentence(peer)) } }
                }
            }
            @if one.peers.len() > n {
                p class="faint" { "The same holds for " (number((one.peers.len() - n) as u64)) " more." }
            }
        }
    }
}

fn who(party: Option<Party>) -> &'static str {
    match party {
        Some(Party::Client) => "clients have to act",
        Some(Party::Server) => "the server has to change",
        Some(Party::Network) => "the network has to change",
        None => "to be decided",
    }
}

fn concerned(diagnosis: &Diagnosis, one: &Alike<'_>) -> String {
    let sum = |of: fn(&Judged) -> u64| one.peers.iter().map(|peer| of(peer)).sum::<u64>();
    format!(
        "{} of {} peers, {} opened, {} open now",
        number(one.peers.len() as u64),
        number(diagnosis.peers.len() as u64),
        number(sum(|peer| peer.figures.opens)),
        number(sum(|peer| peer.figures.open_now)),
    )
}

/// What can be pasted.
pub(super) fn sentence(peer: &Judged) -> String {
    short(&format!(
        "{}: {}. Confidence {:.2}.",
        text::name(peer),
        peer.explanation(),
        peer.finding.confidence
    ))
}
