//! The figures of each group as text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use tcpreuse::testing::{diagnosis::Figures, model::peer::Direction};

use crate::scenarios::outcome::{Outcome, Peer};

/// The figures of each group: the median over its peers, and minimum and maximum where they differ.
pub fn figures(outcome: &Outcome) -> String {
    let mut text = format!("== {}\n", outcome.scenario);
    for (n, (group, done)) in outcome.groups.iter().zip(&outcome.done).enumerate() {
        let _ = writeln!(
            text,
            "  {} ×{}: by its own count {} opened, {} polls, {} failed",
            group.name, group.clients, done.opened, done.polls, done.failed
        );
        add_end(&mut text, outcome, n, Direction::Inbound);
        if group.from_client.is_some() {
            add_end(&mut text, outcome, n, Direction::Outbound);
        }
    }
    for listener in &outcome.listeners {
        let _ = writeln!(text, "  {listener:?}");
    }
    let surges = &outcome.surges;
    let _ = writeln!(
        text,
        "  {} surges reported, {}; drift {}, lost {}",
        surges.begun.len(),
        if surges.at_the_end {
            "one of them at the end"
        } else {
            "none at the end"
        },
        outcome.drift,
        outcome.lost
    );
    text
}

/// Adds the figures of a group in one direction.
fn add_end(text: &mut String, outcome: &Outcome, group: usize, direction: Direction) {
    let peers: Vec<&Peer> = outcome.of_group(group, direction).collect();
    let Some(truth) = peers.first().map(|peer| outcome.truth(peer)) else {
        return;
    };
    let right = truth.verdicts.join("|");
    let _ = writeln!(text, "   {direction:?}, right is {right}");
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for peer in &peers {
        let also = if peer.also.is_empty() {
            String::new()
        } else {
            format!(" also {}", peer.also.join(", "))
        };
        *verdicts.entry(format!("{}{also}", peer.verdict)).or_default() += 1;
    }
    let _ = writeln!(text, "    verdicts   {verdicts:?}");
    for (title, columns) in COLUMNS {
        let _ = write!(text, "    {title:<10}");
        for (name, value) in *columns {
            let _ = write!(text, " {name} {};", spread(&peers, *value));
        }
        text.push('\n');
    }
    let mistakes: BTreeSet<_> = peers.iter().filter_map(|peer| peer.mistake).collect();
    if !mistakes.is_empty() {
        let mistaken = peers.iter().filter(|peer| peer.mistaken > 0).count();
        let _ = writeln!(
            text,
            "    wrongly accused at least once: {mistaken} of {mistakes:?}"
        );
    }
}

type Column = (&'static str, fn(&Figures) -> Option<u64>);

const COLUMNS: &[(&str, &[Column])] = &[
    (
        "open",
        &[
            ("seeded", |f| Some(f.seeded)),
            ("opens", |f| Some(f.opens)),
            ("now", |f| Some(f.open_now)),
            ("peak", |f| Some(f.open_peak)),
            ("overlaps", |f| Some(f.overlaps)),
            ("gap ms", |f| in_ms(f.gap.p50_ns)),
            ("gap max", |f| in_ms(f.gap.max_ns)),
        ],
    ),
    (
        "closes",
        &[
            ("local FIN", |f| Some(f.close_reasons.local_fin)),
            ("remote FIN", |f| Some(f.close_reasons.remote_fin)),
            ("local RST", |f| Some(f.close_reasons.local_rst)),
            ("remote RST", |f| Some(f.close_reasons.remote_rst)),
            ("timeout", |f| Some(f.close_reasons.timeout)),
        ],
    ),
    (
        "of closed",
        &[
            ("life ms", |f| in_ms(f.lifetime().p50_ns)),
            ("life max", |f| in_ms(f.lifetime().max_ns)),
            ("idle ms", |f| in_ms(f.idle.p50_ns)),
            ("idle max", |f| in_ms(f.idle.max_ns)),
            ("turns", |f| f.turns.median()),
            ("turns max", |f| f.turns.max()),
        ],
    ),
    (
        "close-wait",
        &[
            ("now", |f| Some(f.close_wait.now)),
            ("entered", |f| Some(f.close_wait.entered)),
            ("left", |f| Some(f.close_wait.left)),
            ("oldest ms", |f| in_ms(f.close_wait.oldest_ns)),
            ("longest ms", |f| in_ms(f.close_wait.longest_ns)),
            ("unaccepted", |f| Some(f.close_wait.never_accepted)),
        ],
    ),
    (
        "held",
        &[
            ("established", |f| Some(f.held.established)),
            ("grown", |f| Some(f.course.grown)),
            ("alive", |f| Some(f.held.alive)),
            ("holding", |f| Some(f.held.holding)),
            ("dead", |f| Some(f.held.dead)),
            ("silent", |f| Some(f.held.silent)),
            ("turns", |f| Some(f.held.turns)),
            ("unanswered", |f| Some(f.counted.unanswered)),
            ("late reads", |f| Some(f.counted.late_reads)),
            ("never accepted", |f| Some(f.waiting.now)),
        ],
    ),
    (
        "looks",
        &[
            ("held", |f| Some(f.looks.looks)),
            ("empty", |f| Some(f.looks.empty)),
            ("established", |f| Some(f.looks.established)),
            ("busy", |f| Some(f.looks.busy)),
            ("none idle", |f| Some(f.looks.none_idle)),
            ("just opened", |f| Some(f.looks.just_opened)),
            ("beside a free one", |f| Some(f.looks.beside_free)),
        ],
    ),
    (
        "traffic",
        &[
            ("received", |f| f.bytes_received),
            ("sent", |f| f.bytes_sent),
            ("retransmits", |f| f.retransmits),
        ],
    ),
];

fn in_ms(ns: Option<u64>) -> Option<u64> {
    ns.map(|ns| ns / 1_000_000)
}

fn spread(peers: &[&Peer], value: fn(&Figures) -> Option<u64>) -> String {
    let mut values: Vec<u64> = peers.iter().filter_map(|peer| value(&peer.figures)).collect();
    values.sort_unstable();
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(low), Some(middle), Some(high)) if low < high => format!("{middle} ({low}-{high})"),
        (_, Some(middle), _) => middle.to_string(),
        _ => "-".to_owned(),
    }
}
