//! The header: the answer first, then the figures behind it.

use ratatui::layout::Rect;

use super::{playback, row_of};
use crate::{
    diagnosis::{Answer, Capacity, Diagnosis, ListenerNow, words::count},
    report::text,
    view::{
        answer,
        app::App,
        fit::width,
        format::{age, elapsed, every, rate, slowed},
        pen::Pen,
        snapshot::Point,
        theme::{Glyphs, Role},
    },
};

/// A piece of a line.
type Piece = (String, Role);

/// Width before a chart: its name and its value.
const LABEL: u16 = 18;

/// Minimum width to show growth beside the losses.
const WIDE: u16 = 110;

/// Shown if nothing says how many workers there are and there is room to say so.
const NO_WORKERS: &str = ", workers not known";

/// Maximum width of a chart, so that the text after it stays near.
const MAX_CHART: u16 = 80;

/// The header with charts; returns its height.
pub(super) fn tall(app: &App, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let diagnosis = &app.shown.diagnosis;
    draw_answer(app, row_of(area, 0), pen);
    let (open, close_wait) = (diagnosis.accounting.open_now, close_wait(app));
    let chart = area.width.saturating_sub(LABEL + 38).clamp(10, MAX_CHART);
    let course = thinned(&app.shown.course, chart.into());
    let span_ns = span(&app.shown.course);
    let values = |of: fn(&Point) -> u64| -> Vec<u64> { course.iter().map(of).collect() };
    let opens = app
        .shown
        .opens_per_s
        .map_or_else(|| pen.glyphs.unknown.to_string(), rate);
    let most = app
        .shown
        .course
        .iter()
        .map(|point| point.open)
        .max()
        .unwrap_or(open);
    let lines = [
        (
            "open",
            open,
            values(|point| point.open),
            most,
            Role::Plain,
            format!("{opens} opens/s; last {}: most {most}", age(span_ns)),
        ),
        (
            "CLOSE_WAIT",
            close_wait,
            values(|point| point.close_wait),
            // Scaled to the open connections, so that its share of them is visible.
            most,
            if close_wait > 0 {
                Role::Doubtful
            } else {
                Role::Plain
            },
            oldest(app),
        ),
    ];
    for (row, (name, value, values, most, role, after)) in (1..).zip(lines) {
        let line = row_of(area, row);
        pen.text(line.x, line.y, 11, name, Role::Faint);
        let value = format!("{value:>6}");
        pen.text(
            line.x + 11,
            line.y,
            6,
            &value,
            if role == Role::Plain { Role::Strong } else { role },
        );
        pen.text(
            line.x + LABEL,
            line.y,
            chart,
            &pen.glyphs.chart(&values, most),
            role,
        );
        let x = LABEL + chart + 1;
        pen.text(
            line.x + x,
            line.y,
            line.width.saturating_sub(x),
            &after,
            Role::Faint,
        );
    }
    pen.line(
        row_of(area, 3),
        &capacity_and_losses(diagnosis, area.width, &pen.glyphs),
    );
    pen.line(row_of(area, 4), &about(app, &pen.glyphs));
    5 + time_line(app, row_of(area, 5), pen)
}

/// The header for few rows; returns its height.
pub(super) fn short(app: &App, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let diagnosis = &app.shown.diagnosis;
    draw_answer(app, row_of(area, 0), pen);
    let close_wait = close_wait(app);
    let mut line = vec![
        (format!("{} open", diagnosis.accounting.open_now), Role::Strong),
        (
            format!(" {close_wait} CLOSE_WAIT"),
            if close_wait > 0 {
                Role::Doubtful
            } else {
                Role::Plain
            },
        ),
    ];
    if let Some(per_second) = app.shown.opens_per_s {
        line.push((format!(" {} opens/s", rate(per_second)), Role::Plain));
    }
    let losses = losses(diagnosis);
    if losses.iter().any(|(_, role)| *role == Role::Bad) {
        line.extend(separated(losses, &pen.glyphs));
    }
    if let Some(paused) = paused(app) {
        line.extend(separated(vec![paused], &pen.glyphs));
    }
    line.extend(separated(capacity(diagnosis, &pen.glyphs, true), &pen.glyphs));
    pen.line(row_of(area, 1), &line);
    // Otherwise the list would not even have one row.
    if area.height < 7 {
        return 2;
    }
    2 + time_line(app, row_of(area, 2), pen)
}

/// The position in the recording, if it is one; returns the number of rows used.
fn time_line(app: &App, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let Some(at) = &app.shown.playback else {
        return 0;
    };
    playback::draw(at, area, pen);
    1
}

fn draw_answer(app: &App, area: Rect, pen: &mut Pen<'_>) {
    let role = match app.shown.diagnosis.answer {
        Answer::Yes => Role::Bad,
        Answer::No => Role::Good,
        Answer::InsufficientData => Role::Strong,
    };
    let text = answer::line(&app.shown, area.width.into());
    pen.text(area.x, area.y, area.width, &text, role);
}

fn close_wait(app: &App) -> u64 {
    let counted: u64 = app.shown.rows.iter().map(|row| row.close_wait).sum();
    counted + app.shown.diagnosis.unattributed.close_wait_now
}

fn oldest(app: &App) -> String {
    let rows = app.shown.rows.iter();
    let oldest = rows
        .filter_map(|row| Some((row.oldest_ns?, row.oldest_is_bound)))
        .max();
    match oldest {
        Some((ns, true)) => format!("oldest for at least {}", age(ns)),
        Some((ns, false)) => format!("oldest for {}", age(ns)),
        None => "none".to_owned(),
    }
}

/// The capacity and the losses in one line. Where it is too narrow for both, the end of the line is cut off,
/// so the losses come first.
fn capacity_and_losses(diagnosis: &Diagnosis, columns: u16, glyphs: &Glyphs) -> Vec<Piece> {
    let fits = |pieces: &[Piece]| pieces.iter().map(|(text, _)| width(text)).sum::<usize>() <= columns.into();
    let mut pieces = capacity(diagnosis, glyphs, columns >= WIDE);
    pieces.extend(separated(losses(diagnosis), glyphs));
    if !fits(&pieces) {
        pieces.retain(|(text, _)| text != NO_WORKERS);
    }
    if !fits(&pieces) {
        pieces = losses(diagnosis);
        pieces.extend(separated(capacity(diagnosis, glyphs, false), glyphs));
    }
    pieces
}

/// The worker pool and accept queue of the listener that holds the most connections; with `growth`, also how
/// fast these increase.
fn capacity(diagnosis: &Diagnosis, glyphs: &Glyphs, growth: bool) -> Vec<Piece> {
    let busiest = diagnosis
        .listeners
        .iter()
        .max_by_key(|now| (now.exhausted_in_s == Some(0.0), now.held));
    let Some(now) = busiest else {
        return vec![("no listener".to_owned(), Role::Faint)];
    };
    let mut pieces = vec![(format!("port {} ", now.port), Role::Faint)];
    pieces.extend(workers(now, diagnosis.capacity_of(now)));
    // A rate that would be shown as 0 is left out.
    let per_second = now.per_second.filter(|_| growth);
    if let Some(growth) = per_second.filter(|growth| rate(growth.abs()) != "0") {
        let sign = if growth < 0.0 { '-' } else { '+' };
        pieces.push((format!(", {sign}{}/s", rate(growth.abs())), Role::Plain));
    }
    let queue = format!(
        "accept queue {} of {}",
        now.backlog.accept_queue, now.backlog.accept_queue_limit
    );
    let full =
        now.backlog.accept_queue_limit > 0 && now.backlog.accept_queue >= now.backlog.accept_queue_limit;
    let role = if full || now.never_accepted > 0 {
        Role::Bad
    } else {
        Role::Plain
    };
    pieces.push((glyphs.dot.to_owned(), Role::Faint));
    pieces.push((queue, role));
    if now.never_accepted > 0 {
        pieces.push((format!(", {} never accepted", now.never_accepted), Role::Bad));
    }
    pieces
}

fn workers(now: &ListenerNow, process: Option<&Capacity>) -> Vec<Piece> {
    let process = process.filter(|process| process.max_workers.is_some() || process.busy_workers.is_some());
    let Some(process) = process else {
        let held = format!("holds {}", now.held);
        return vec![(held, Role::Plain), (NO_WORKERS.to_owned(), Role::Plain)];
    };
    let most = if process.at_most { "at most " } else { "" };
    let text = match (process.busy_workers, process.max_workers) {
        // Only the number of connections is known, not how many occupy a worker.
        (Some(_), Some(max)) if process.is_assumed() => format!("holds {} for {max} workers", process.held),
        (Some(busy), Some(max)) => format!("workers {busy} of {most}{max}"),
        (Some(busy), None) => format!("workers {busy} busy"),
        (None, max) => format!(
            "holds {} for {most}{} workers",
            process.held,
            max.unwrap_or_default()
        ),
    };
    let mut pieces = vec![(text, Role::Strong)];
    let role = if process.is_assumed() {
        Role::Doubtful
    } else {
        Role::Bad
    };
    match process.exhausted_in_s {
        Some(0.0) if process.is_assumed() => pieces.push((", none left if each takes one".to_owned(), role)),
        Some(0.0) => pieces.push((", none left".to_owned(), role)),
        Some(seconds) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive, and a guess"
            )]
            let ns = (seconds * 1e9) as u64;
            pieces.push((format!(", none left in {}", age(ns)), role));
        }
        None => {}
    }
    pieces
}

/// The losses and the drift, in red if there are any.
fn losses(diagnosis: &Diagnosis) -> Vec<Piece> {
    let lost = text::lost(&diagnosis.losses);
    let first = match lost.first() {
        None => ("lost 0".to_owned(), Role::Faint),
        Some(first) => (format!("LOST {first}"), Role::Bad),
    };
    let drift = match diagnosis.accounting.drift {
        Some(0) => (", drift 0".to_owned(), Role::Faint),
        Some(drift) => (format!(", DRIFT {drift}"), Role::Bad),
        None => (", drift not checked".to_owned(), Role::Faint),
    };
    let mut pieces = vec![first, drift];
    let left = diagnosis.accounting.peers_left;
    if left > 0 {
        pieces.push((format!(", {} left", count(left, "peer", "peers")), Role::Faint));
    }
    pieces
}

fn about(app: &App, glyphs: &Glyphs) -> Vec<Piece> {
    let window = app.shown.diagnosis.window_ns();
    let mut pieces = vec![
        (format!("{} ", elapsed(window)), Role::Strong),
        (app.look.host.clone(), Role::Faint),
        (glyphs.dot.to_owned(), Role::Faint),
        (app.look.filters.clone(), Role::Faint),
    ];
    let often = match (app.shown.slowed, &app.live) {
        (Some(interval), _) => Some((slowed(interval), Role::Doubtful)),
        (None, Some(live)) => Some((every(live.interval), Role::Faint)),
        (None, None) => None,
    };
    pieces.extend(often.into_iter().flat_map(|often| separated(vec![often], glyphs)));
    if app.shown.playback.is_some_and(|playback| playback.as_recorded) {
        let recorded = ("verdicts as recorded".to_owned(), Role::Faint);
        pieces.extend(separated(vec![recorded], glyphs));
    }
    if let Some(paused) = paused(app) {
        pieces.extend(separated(vec![paused], glyphs));
    }
    pieces
}

fn paused(app: &App) -> Option<Piece> {
    let behind = app.behind_ns()?;
    Some((
        format!("PAUSED, {} behind (space resumes)", age(behind)),
        Role::Bad,
    ))
}

fn separated(pieces: Vec<Piece>, glyphs: &Glyphs) -> Vec<Piece> {
    let mut all = vec![(glyphs.dot.to_owned(), Role::Faint)];
    all.extend(pieces);
    all
}

/// The span of the chart, ns.
fn span(course: &[Point]) -> u64 {
    match (course.first(), course.last()) {
        (Some(first), Some(last)) => last.at_ns.saturating_sub(first.at_ns),
        _ => 0,
    }
}

/// The chart in at most this many points, each the maximum of those it replaces.
fn thinned(course: &[Point], most: usize) -> Vec<Point> {
    let each = course.len().div_ceil(most.max(1)).max(1);
    // Fixed steps from the beginning, so that points do not change as others are added.
    course
        .chunks(each)
        .filter_map(|chunk| {
            let last = chunk.last()?;
            Some(Point {
                at_ns: last.at_ns,
                open: chunk.iter().map(|point| point.open).max()?,
                close_wait: chunk.iter().map(|point| point.close_wait).max()?,
            })
        })
        .collect()
}
