//! Proof: single connections of the worst peers over time.

use maud::{Markup, html};

use super::{
    Material, PerPeer, figure,
    material::to_prove,
    short,
    svg::{self, Life},
    table,
};
use crate::{
    diagnosis::{Diagnosis, Judged, words::count},
    model::{
        bar::{Bar, End},
        sample::Moment,
    },
    report::{clock_of, text},
    units::age,
};

pub(super) fn section(diagnosis: &Diagnosis, material: &Material) -> Markup {
    let peers = to_prove(diagnosis);
    let shown: Vec<(&Judged, &PerPeer, Moment)> = peers
        .iter()
        .filter_map(|place| {
            let own = material.peers.get(*place)?;
            Some((diagnosis.peers.get(*place)?, own, own.now?))
        })
        .filter(|(_, own, _)| !own.bars.is_empty())
        .collect();
    html! {
        @if shown.is_empty() {
            p { "There are no single connections to show." }
        } @else {
            p class="faint" {
                "The latest connections of the worst peers of each verdict and, if there is one, of a peer that "
                "reuses, each by the port of the connecting side. A connection that was open before tracing began "
                "has no known age: > says that it is a lower bound."
            }
        }
        @for (peer, own, now) in &shown { (one(peer, own, *now)) }
    }
}

fn one(peer: &Judged, own: &PerPeer, now: Moment) -> Markup {
    let utc = |ns: u64| now.earlier(ns.min(now.monotonic_ns)).utc_ns;
    let lives: Vec<Life> = own.bars.iter().map(|bar| life(bar, &utc)).collect();
    let from = lives.iter().map(|life| life.from).min().unwrap_or(now.utc_ns);
    let said = format!(
        "{}, {}: its latest {} from {} to {} UTC.",
        short(&text::name(peer)),
        peer.finding.verdict.id(),
        count(lives.len() as u64, "connection", "connections"),
        clock_of(from),
        clock_of(now.utc_ns)
    );
    let rows: Vec<Vec<String>> = own
        .bars
        .iter()
        .zip(&lives)
        .map(|(bar, life)| {
            let wait = bar
                .close_wait_ns
                .map(|since| age(bar.to_ns.saturating_sub(since)));
            let end = match bar.end {
                End::Live => "still open",
                end => end.reason().unwrap_or_default(),
            };
            vec![
                bar.port.to_string(),
                if bar.seeded {
                    "before tracing".to_owned()
                } else {
                    clock_of(life.from)
                },
                age(bar.to_ns.saturating_sub(bar.from_ns)),
                wait.unwrap_or_default(),
                end.to_owned(),
            ]
        })
        .collect();
    let titles = ["Port", "Opened (UTC)", "Lived", "In CLOSE_WAIT", "Ended by"];
    html! {
        h3 { (short(&text::name(peer))) ", " code { (peer.finding.verdict.id()) } }
        (figure(&said, svg::lives(&said, &lives, (from, now.utc_ns)), table(&titles, &rows)))
    }
}

fn life(bar: &Bar, utc: &impl Fn(u64) -> i128) -> Life {
    let end = match bar.end {
        End::Live => format!("{}, open", bar.end()),
        End::Closed(_) => bar.end(),
    };
    Life {
        label: format!(":{}", bar.port),
        from: utc(bar.from_ns),
        wait: bar.close_wait_ns.map(|ns| utc(ns.max(bar.from_ns))),
        to: utc(bar.to_ns),
        end,
    }
}
