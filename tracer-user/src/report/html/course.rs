//! The course of the run: connections held, opened and closed, and how near the server came to its limits.

use maud::{Markup, html};

use super::{
    MAX_ROWS, Material, figure, short,
    svg::{self, Mark, Series, value},
    table,
};
use crate::{
    diagnosis::{Diagnosis, What, words::number},
    model::chronicle::{Chronicle, Point},
    report::{clock_of, text},
    units::S,
};

/// Maximum number of hosts with a course of their own.
const MAX_HOSTS: usize = 8;

/// A rate over less time than this says nothing, s: the last look comes right after the one before.
const MIN_STEP: f64 = 0.2;

/// Maximum number of changes listed, the latest.
const MAX_CHANGES: usize = 60;

/// Maximum number of moments marked in a chart.
const MAX_MARKS: usize = 12;

pub(super) fn section(diagnosis: &Diagnosis, material: &Material) -> Markup {
    let marks = marks(diagnosis);
    html! {
        @for line in text::capacity_lines(diagnosis) { p { (capital(&short(&line))) } }
        @if material.chronicles.iter().all(|(_, chronicle)| chronicle.points().len() < 2) {
            p { "There was only one look, so there is no course to show." }
        }
        @for (host, chronicle) in material.chronicles.iter().take(MAX_HOSTS) {
            @if chronicle.points().len() > 1 {
                @if let Some(host) = host { h3 { (short(host)) } }
                (charts(diagnosis, chronicle, &marks))
            }
        }
        (changes(diagnosis))
    }
}

/// The moments to mark: surges, then changes of verdicts.
fn marks(diagnosis: &Diagnosis) -> Vec<Mark> {
    let mut marks = Vec::new();
    if let Some(surge) = &diagnosis.movement.surge {
        let mut mark = |at: i128, label: &str| {
            marks.push(Mark {
                at,
                label: label.to_owned(),
            });
        };
        mark(surge.started.utc_ns, "surge");
        if let Some(ended) = surge.ended {
            mark(ended.utc_ns, "surge over");
        }
    }
    let moments = diagnosis.changes.chunk_by(|a, b| a.at == b.at);
    let accusing = moments.filter_map(|moment| {
        let verdicts = moment.iter().map(|change| match change.what {
            What::Verdict { .. } => 1,
            What::MoreVerdicts { peers } => peers,
            _ => 0,
        });
        let verdicts: u64 = verdicts.sum();
        let at = moment.first()?.at.utc_ns;
        (verdicts > 0).then_some((at, verdicts))
    });
    let mut accusing: Vec<(i128, u64)> = accusing.collect();
    accusing.sort_by_key(|(_, verdicts)| std::cmp::Reverse(*verdicts));
    accusing.truncate(MAX_MARKS);
    marks.extend(accusing.into_iter().map(|(at, verdicts)| Mark {
        at,
        label: number(verdicts),
    }));
    marks
}

fn series(
    points: &[Point],
    name: &'static str,
    class: &'static str,
    of: impl Fn(&Point) -> Option<u64>,
) -> Series {
    let points = points
        .iter()
        .filter_map(|point| Some((point.at, of(point)? as f64)));
    Series {
        name,
        class,
        points: points.collect(),
    }
}

/// How many a second, from totals.
fn rate(points: &[Point], name: &'static str, class: &'static str, of: fn((u64, u64)) -> u64) -> Series {
    let steps = points.iter().zip(points.iter().skip(1));
    let rates = steps.filter_map(|(before, after)| {
        let n = of(after.moved?).saturating_sub(of(before.moved?)) as f64;
        let seconds = (after.at - before.at) as f64 / S as f64;
        (seconds >= MIN_STEP).then_some((after.at, n / seconds))
    });
    Series {
        name,
        class,
        points: rates.collect(),
    }
}

/// Moment and amount of the greatest value.
fn peak(series: &Series) -> Option<(i128, f64)> {
    let greatest = |a: &&(i128, f64), b: &&(i128, f64)| a.1.total_cmp(&b.1);
    series.points.iter().max_by(greatest).copied()
}

/// The chart of the connections held by the first host alone.
pub(super) fn first(diagnosis: &Diagnosis, material: &Material) -> Markup {
    let chronicle = material.chronicles.first().map(|(_, chronicle)| chronicle);
    let held = held(chronicle.map_or(&[], Chronicle::points));
    let said = said_held(&held);
    html! {
        figure {
            (svg::lines(&said, &held, &marks(diagnosis), None))
            figcaption { (said) }
        }
    }
}

fn held(points: &[Point]) -> Vec<Series> {
    vec![
        series(points, "open", "b only", |point| Some(point.open)),
        series(points, "in CLOSE_WAIT", "a", |point| Some(point.close_wait)),
        series(points, "not accepted", "c", |point| Some(point.never_accepted)),
    ]
}

fn charts(diagnosis: &Diagnosis, chronicle: &Chronicle, marks: &[Mark]) -> Markup {
    let points = chronicle.points();
    let judged = Some((diagnosis.window_start.utc_ns, diagnosis.taken.utc_ns));
    let held = held(points);
    let moved = vec![
        rate(points, "opened a second", "b only", |(opened, _)| opened),
        rate(points, "closed a second", "c", |(_, closed)| closed),
    ];
    let queue = vec![
        series(points, "accept queue", "b only", |point| Some(point.queue.0)),
        series(points, "its limit", "a", |point| Some(point.queue.1)),
    ];
    let workers = vec![
        series(points, "busy workers", "b only", |point| Some(point.workers?.0)),
        series(points, "all workers", "a", |point| Some(point.workers?.1)),
    ];
    html! {
        (one(&said_held(&held), &held, marks, judged))
        @if moved.iter().any(|series| !series.points.is_empty()) {
            (one(&said_moved(&moved), &moved, &[], judged))
        }
        @if points.iter().any(|point| point.queue.1 > 0) {
            (one(&said_limit("The accept queue nearest to its limit", &queue), &queue, &[], judged))
        }
        @if points.iter().any(|point| point.workers.is_some()) {
            (one(&said_limit("Busy workers", &workers), &workers, &[], judged))
        }
    }
}

fn one(said: &str, series: &[Series], marks: &[Mark], judged: Option<(i128, i128)>) -> Markup {
    figure(said, svg::lines(said, series, marks, judged), numbers(series))
}

fn ends(series: &Series) -> (f64, f64) {
    let value = |point: Option<&(i128, f64)>| point.map_or(0.0, |(_, value)| *value);
    (value(series.points.first()), value(series.points.last()))
}

fn said_held(all: &[Series]) -> String {
    let mut said = "Connections held. ".to_owned();
    for series in all {
        let ((first, last), peak) = (ends(series), peak(series));
        if let Some((at, most)) = peak.filter(|(_, most)| *most > 0.0) {
            said.push_str(&format!(
                "{}: {} at first, {} at the end, at most {} at {}. ",
                capital(series.name),
                value(first),
                value(last),
                value(most),
                clock_of(at)
            ));
        }
    }
    said + "The judged time is shaded; a dotted line marks a surge or, with their number, verdicts that changed."
}

fn said_moved(all: &[Series]) -> String {
    let parts = all.iter().filter_map(|series| {
        let (at, most) = peak(series)?;
        Some(format!(
            "at most {} {} at {}",
            value(most),
            series.name,
            clock_of(at)
        ))
    });
    format!(
        "Connections opened and closed: {}.",
        parts.collect::<Vec<_>>().join(", ")
    )
}

fn said_limit(what: &str, all: &[Series]) -> String {
    let most = all.first().and_then(peak).unwrap_or_default();
    let limit = all.get(1).and_then(peak).map_or(0.0, |(_, limit)| limit);
    format!(
        "{what}: at most {} of {}, at {}.",
        value(most.1),
        value(limit),
        clock_of(most.0)
    )
}

/// With a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The numbers of a chart, thinned to what a person reads: each row has the most of its span.
fn numbers(all: &[Series]) -> Markup {
    let longest = all.iter().map(|series| series.points.len()).max().unwrap_or(0);
    let every = longest.div_ceil(MAX_ROWS).max(1);
    let mut titles = vec!["Until (UTC)"];
    titles.extend(all.iter().map(|series| series.name));
    let rows: Vec<Vec<String>> = (0..longest.div_ceil(every))
        .map(|row| {
            let part = |series: &Series| -> Option<(i128, f64)> {
                let points = series.points.iter().skip(row * every).take(every);
                points
                    .copied()
                    .reduce(|most, point| (point.0, most.1.max(point.1)))
            };
            let at = all.iter().filter_map(part).map(|(at, _)| at).max().unwrap_or(0);
            let cells = all
                .iter()
                .map(|series| part(series).map_or_else(String::new, |one| value(one.1)));
            std::iter::once(clock_of(at)).chain(cells).collect()
        })
        .collect();
    table(&titles, &rows)
}

fn changes(diagnosis: &Diagnosis) -> Markup {
    let skipped = diagnosis.changes.len().saturating_sub(MAX_CHANGES);
    let hidden = skipped as u64 + diagnosis.changes_dropped;
    html! {
        @if !diagnosis.changes.is_empty() {
            details {
                summary { "What changed, and when (UTC)" }
                @if hidden > 0 { p { (number(hidden)) " earlier changes are not listed." } }
                ul {
                    @for change in diagnosis.changes.iter().skip(skipped) {
                        li {
                            (clock_of(change.at.utc_ns)) " "
                            @if let Some(host) = &change.host { (short(host)) ": " }
                            (short(&text::change(&change.what, &diagnosis.options.names)))
                        }
                    }
                }
            }
        }
    }
}
