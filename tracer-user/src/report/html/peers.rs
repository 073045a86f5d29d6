//! Whom it concerns: the peers that cost most, and how many connections each held.

use maud::{Markup, html};

use super::{Material, short, svg, table};
use crate::{
    diagnosis::{Diagnosis, Judged, OverHosts, Verdict, words::number},
    report::{clock_of, text},
};

/// Maximum number of hosts listed for a peer.
const MAX_HOSTS: usize = 30;

/// Names of the columns that have numbers. Where a row has no room, each number has its name beside it.
const NUMBERS: [&str; 4] = ["Impact", "Opened", "Open now", "Requests each"];

pub(super) fn section(diagnosis: &Diagnosis, material: &Material) -> Markup {
    let shown = material.peers.len();
    let held = || material.peers.iter().flat_map(|peer| &peer.held);
    let from = held().map(|(at, _)| *at).min().unwrap_or(0);
    let to = held().map(|(at, _)| *at).max().unwrap_or(1);
    let most = held().map(|(_, n)| *n).max().unwrap_or(1);
    let hidden = diagnosis.peers.len().saturating_sub(shown) as u64;
    html! {
        @if shown == 0 {
            p { "No peer was seen." }
        } @else {
            p class="faint" {
                "Worst first. Impact is a peer's share of its service's opens or of the connections held, "
                "whichever is larger. All curves have the same scales: time from " (clock_of(from)) " to " (clock_of(to)) " UTC, and up to "
                (number(most)) " connections."
            }
            div class="scroll" {
                table class="peers" {
                    thead {
                        tr {
                            th scope="col" { "Peer" }
                            th scope="col" { "Verdict" }
                            @for number in NUMBERS { th scope="col" class="n" { (number) } }
                            th scope="col" { "Held" }
                        }
                    }
                    tbody {
                        @for (peer, own) in diagnosis.peers.iter().zip(&material.peers) {
                            (row(peer, &own.held, (from, to), most))
                        }
                    }
                }
            }
            @if hidden > 0 {
                p {
                    (number(hidden)) " more "
                    @if hidden == 1 { "peer is" } @else { "peers are" }
                    " not listed (" code { "diagnose --format json" } " lists all): " (others(diagnosis, shown)) "."
                }
            }
        }
    }
}

fn row(peer: &Judged, held: &[(i128, u64)], span: (i128, i128), most: u64) -> Markup {
    let verdict = peer.finding.verdict;
    let also: Vec<&str> = peer.finding.also.iter().map(|verdict| verdict.id()).collect();
    let impact = peer.impact.opens_share.max(peer.impact.held_share);
    let turns = match peer.figures.turns.median() {
        Some(turns) if peer.figures.turns_counted => number(turns),
        Some(turns) => format!("at most {}", number(turns)),
        None => "–".to_owned(),
    };
    let numbers = [
        format!("{:.1} %", impact * 100.0),
        number(peer.figures.opens),
        number(peer.figures.open_now),
        turns,
    ];
    let course = course(held);
    let points: Vec<(i128, f64)> = held.iter().map(|(at, n)| (*at, *n as f64)).collect();
    html! {
        tr {
            td class="whole" {
                (short(&text::name(peer)))
                @if let Some(over) = peer.over.as_ref().filter(|over| over.hosts.len() > 1) { (hosts(over)) }
            }
            td {
                code class=[verdict.accuses().then_some("bad")] { (verdict.id()) }
                @for (n, id) in also.iter().enumerate() {
                    (if n == 0 { " also " } else { ", " }) span class="whole" { (id) }
                }
                @if let Some(recovered) = &peer.recovered {
                    @if !verdict.accuses() { " was " (recovered.verdict.id()) }
                }
            }
            @for (name, number) in NUMBERS.iter().zip(&numbers) { td class="n" data-name=(name) { (number) } }
            td {
                (svg::spark(&format!("Held: {course}"), &points, span, most as f64))
                " " span class="whole" { (course) }
            }
        }
    }
}

/// What each host has of a peer.
fn hosts(over: &OverHosts) -> Markup {
    let shown = over.hosts.iter().take(MAX_HOSTS);
    let rows: Vec<Vec<String>> = shown
        .map(|on| {
            let verdict = on.verdict.id().to_owned();
            vec![short(&on.host), number(on.opens), number(on.held), verdict]
        })
        .collect();
    let hidden = over.hosts.len().saturating_sub(MAX_HOSTS) as u64;
    html! {
        details {
            summary { "Each host" }
            (table(&["Host", "Opened", "Held", "Verdict there"], &rows))
            @if hidden > 0 { p { (number(hidden)) " more (" code { "--format json" } " lists all)" } }
        }
    }
}

/// From what to what, and the most between, if it is more.
fn course(held: &[(i128, u64)]) -> String {
    let (Some((_, first)), Some((_, last))) = (held.first(), held.last()) else {
        return "–".to_owned();
    };
    let most = held.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let peak = if most > *first.max(last) {
        format!(", at most {}", number(most))
    } else {
        String::new()
    };
    format!("{} → {}{peak}", number(*first), number(*last))
}

/// The verdicts of those that are not shown.
fn others(diagnosis: &Diagnosis, shown: usize) -> String {
    let rest = || diagnosis.peers.iter().skip(shown);
    let parts = Verdict::ALL.iter().filter_map(|verdict| {
        let n = rest().filter(|peer| peer.finding.verdict == *verdict).count() as u64;
        (n > 0).then(|| format!("{} {}", number(n), verdict.id()))
    });
    parts.collect::<Vec<_>>().join(", ")
}
