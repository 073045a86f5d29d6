//! Outcomes as text: the confusion matrix, how soon each verdict was right, the groups' figures.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use tcpreuse::diagnosis::Figures;

use super::outcome::{Outcome, Peer};

/// Truth by row, verdict by column, peers in the cells. An accepted verdict counts as the truth.
pub fn matrix(outcomes: &[Outcome]) -> String {
    let mut cells: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for outcome in outcomes {
        for peer in &outcome.peers {
            let truth = truth(outcome, peer);
            let group = &outcome.groups[peer.group];
            let accepted = group.truth.contains(&peer.verdict);
            let verdict = if accepted { truth } else { peer.verdict };
            *cells.entry((truth, verdict)).or_default() += 1;
        }
    }
    let rows: BTreeSet<&str> = cells.keys().map(|(truth, _)| *truth).collect();
    let columns: BTreeSet<&str> = cells.keys().map(|(_, verdict)| *verdict).collect();
    let mut text = format!("{:<20}", "truth \\ verdict");
    for column in &columns {
        let _ = write!(text, " {column:>19}");
    }
    text.push('\n');
    for row in &rows {
        let _ = write!(text, "{row:<20}");
        for column in &columns {
            match cells.get(&(row, column)) {
                Some(n) => {
                    let _ = write!(text, " {n:>19}");
                }
                None => {
                    let _ = write!(text, " {:>19}", ".");
                }
            }
        }
        text.push('\n');
    }
    text
}

/// How soon each verdict was right and stayed so: medians and the slowest.
pub fn speed(outcomes: &[Outcome]) -> String {
    let mut by_truth: BTreeMap<&str, (Vec<f64>, Vec<u64>, usize)> = BTreeMap::new();
    for outcome in outcomes {
        for peer in &outcome.peers {
            let (seconds, opens, never) = by_truth.entry(truth(outcome, peer)).or_default();
            match peer.right {
                Some(right) => {
                    seconds.push(right.seconds);
                    opens.push(right.opens);
                }
                None => *never += 1,
            }
        }
    }
    let mut text = format!(
        "{:<20} {:>8} {:>8} {:>8} {:>8} {:>7}\n",
        "right for good after", "s p50", "s max", "opens", "max", "never"
    );
    for (truth, (mut seconds, mut opens, never)) in by_truth {
        seconds.sort_unstable_by(f64::total_cmp);
        opens.sort_unstable();
        let s = |value: Option<&f64>| value.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"));
        let n = |value: Option<&u64>| value.map_or_else(|| "-".to_owned(), u64::to_string);
        let _ = writeln!(
            text,
            "{truth:<20} {:>8} {:>8} {:>8} {:>8} {never:>7}",
            s(seconds.get(seconds.len() / 2)),
            s(seconds.last()),
            n(opens.get(opens.len() / 2)),
            n(opens.last()),
        );
    }
    text
}

fn truth(outcome: &Outcome, peer: &Peer) -> &'static str {
    let group = &outcome.groups[peer.group];
    group.truth.first().copied().unwrap_or("?")
}

/// The figures of each group: the median over its peers, and the extremes where they differ.
pub fn figures(outcome: &Outcome) -> String {
    let mut text = format!("== {}\n", outcome.scenario);
    for (n, (group, done)) in outcome.groups.iter().zip(&outcome.done).enumerate() {
        let peers: Vec<&Peer> = outcome.of_group(n).collect();
        let _ = writeln!(
            text,
            "  {} ×{} ({}): by its own count {} opened, {} polls, {} failed",
            group.name,
            group.clients,
            group.truth.join("|"),
            done.opened,
            done.polls,
            done.failed
        );
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
        let slandered = peers.iter().filter(|peer| peer.slandered > 0).count();
        if slandered > 0 {
            let of: BTreeSet<_> = peers.iter().filter_map(|peer| peer.slander).collect();
            let _ = writeln!(text, "    wrongly accused at some look: {slandered} of {of:?}");
        }
    }
    for listener in &outcome.listeners {
        let _ = writeln!(text, "  {listener:?}");
    }
    let _ = writeln!(text, "  drift {}, lost {}", outcome.drift, outcome.lost);
    text
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
            ("life ms", |f| in_ms(f.lifetime.p50_ns)),
            ("life max", |f| in_ms(f.lifetime.max_ns)),
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
            ("late", |f| Some(f.held.late)),
            ("alive", |f| Some(f.held.alive)),
            ("holding", |f| Some(f.held.holding)),
            ("dead", |f| Some(f.held.dead)),
            ("silent", |f| Some(f.held.silent)),
            ("turns", |f| Some(f.held.turns)),
            ("unanswered", |f| Some(f.unanswered)),
            ("late reads", |f| Some(f.late_reads)),
            ("never accepted", |f| Some(f.waiting.now)),
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
