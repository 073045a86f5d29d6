//! Charts as SVG: functions of series, without colours, which the style sheet has by class.
//!
//! A chart is as wide as its page: what lies on the axis of time is placed in percent, and its text keeps its
//! size.

use std::fmt::Write;

use maud::{Markup, html};

use crate::report::{clock_of, day_of};
use crate::units::S;

/// Height of a chart, and of what lies above and below its lines. The style sheet leaves room beside it.
const HEIGHT: f64 = 158.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 20.0;

/// Width of the lines' own coordinates.
const ACROSS: f64 = 1000.0;

/// Widths between the axes for which labels are placed: that of a telephone, and that of a desk.
const NARROW: f64 = 290.0;
const WIDE: f64 = 656.0;

/// Room for each bar of a time line.
const BAR: f64 = 13.0;

/// The least and the largest width of a bar, of the chart's.
const THIN: f64 = 0.003;
const THICK: f64 = 0.043;

/// Width of a letter of a mark's label, and the least distance between two of them.
const LETTER: f64 = 6.5;
const APART: f64 = 4.0;

/// Maximum number of labels on an axis of time.
const TIMES: i128 = 6;

/// The steps between them, s.
const STEPS: [i128; 22] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_419_200, 9_676_800,
];

/// A line of a chart over time.
pub(super) struct Series {
    /// Its name in the key.
    pub(super) name: &'static str,
    /// Its class: how it looks.
    pub(super) class: &'static str,
    /// Its values at moments in UTC, ns.
    pub(super) points: Vec<(i128, f64)>,
}

/// A moment to point out.
pub(super) struct Mark {
    pub(super) at: i128,
    pub(super) label: String,
}

/// A coordinate, to a tenth.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A place across the chart, of 1.
fn across(part: f64) -> String {
    format!("{}%", px(part * 100.0))
}

/// Where a value is between two others, from 0 to 1.
fn part(value: i128, from: i128, to: i128) -> f64 {
    let span = (to - from).max(1);
    (value.clamp(from, to.max(from)) - from) as f64 / span as f64
}

/// A number on an axis or in a table.
pub(super) fn value(value: f64) -> String {
    let is_whole = (value - value.round()).abs() < 0.05 || value >= 100.0;
    if is_whole {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// The distance of the lines of a grid: one, two or five of a power of ten.
fn step(most: f64) -> f64 {
    let mut step = 1.0;
    if most < 4.0 && most > 0.0 {
        step = 0.1;
    }
    loop {
        for times in [1.0, 2.0, 5.0] {
            if step * times * 4.0 >= most {
                return step * times;
            }
        }
        step *= 10.0;
    }
}

/// Moments to label.
fn times(from: i128, to: i128) -> Vec<(i128, String)> {
    let second = i128::from(S);
    let span = (to - from).max(1);
    let enough = |step: &&i128| span / (**step * second) <= TIMES;
    let Some(step) = STEPS.iter().find(enough) else {
        return Vec::new();
    };
    let apart = step * second;
    let first = from.div_euclid(apart) * apart;
    let all = (0..=TIMES + 1).map(|n| first + n * apart);
    let label = |at: i128| match *step {
        86_400.. => day_of(at),
        60.. => clock_of(at).chars().take(5).collect(),
        _ => clock_of(at),
    };
    all.filter(|at| (from..=to).contains(at))
        .map(|at| (at, label(at)))
        .collect()
}

/// A frame with its axes.
struct Frame {
    from: i128,
    to: i128,
    most: f64,
}

impl Frame {
    /// From 0 to 1.
    fn x(&self, at: i128) -> f64 {
        part(at, self.from, self.to)
    }

    fn y(&self, value: f64) -> f64 {
        let room = HEIGHT - TOP - BOTTOM;
        HEIGHT - BOTTOM - (value / self.most).clamp(0.0, 1.0) * room
    }

    /// Lines across it, with their values.
    fn grid(&self, step: f64, unit: &str) -> Markup {
        html! {
            @for n in 0..=4_u8 {
                @let at = f64::from(n) * step;
                @if at <= self.most + step / 100.0 {
                    @let y = self.y(at);
                    line class="grid" x2="100%" y1=(px(y)) y2=(px(y)) {}
                    text x="-6" y=(px(y + 4.0)) text-anchor="end" { (value(at)) (unit) }
                }
            }
        }
    }

    /// Lines at moments. A label that would lie on one of a mark before it is left out, or shown only where
    /// there is more room.
    fn marks(&self, marks: &[Mark]) -> Markup {
        let inside: Vec<&Mark> = marks
            .iter()
            .filter(|mark| (self.from..=self.to).contains(&mark.at))
            .collect();
        let mut taken: Vec<&Mark> = Vec::new();
        let mut free = |width: f64| -> Vec<&Mark> {
            let mut placed = Vec::new();
            for mark in &inside {
                let label = self.label(mark, width);
                let is_free = taken.iter().all(|other| apart(label, self.label(other, width)));
                if is_free {
                    taken.push(*mark);
                    placed.push(*mark);
                }
            }
            placed
        };
        let (always, wide) = (free(NARROW), free(WIDE));
        let labels = always.iter().map(|mark| (mark, None));
        let labels = labels.chain(wide.iter().map(|mark| (mark, Some("extra"))));
        html! {
            @for mark in &inside {
                @let x = across(self.x(mark.at));
                line class="mark" x1=(x) x2=(x) y1=(px(TOP)) y2=(px(HEIGHT - BOTTOM)) {}
            }
            @for (mark, class) in labels {
                (beside(self.x(mark.at), self.is_at_end(mark), TOP + 10.0, class, &mark.label))
            }
        }
    }

    /// From where to where a label reaches in a chart of this width.
    fn label(&self, mark: &Mark, width: f64) -> (f64, f64) {
        let (x, letters) = (self.x(mark.at) * width, letters(mark));
        match self.is_at_end(mark) {
            true => (x - APART - letters, x - APART),
            false => (x + APART, x + APART + letters),
        }
    }

    /// Whether a label has room only before its line.
    fn is_at_end(&self, mark: &Mark) -> bool {
        self.x(mark.at) * NARROW + APART + letters(mark) > NARROW
    }

    fn path(&self, points: &[(i128, f64)]) -> String {
        let mut path = String::with_capacity(points.len() * 12);
        for (n, (at, value)) in points.iter().enumerate() {
            let letter = if n == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(
                path,
                "{letter}{} {}",
                px(self.x(*at) * ACROSS),
                px(self.y(*value))
            );
        }
        path
    }
}

/// Width of a label.
fn letters(mark: &Mark) -> f64 {
    LETTER * mark.label.chars().count() as f64
}

/// Whether two labels leave each other room.
fn apart(one: (f64, f64), other: (f64, f64)) -> bool {
    one.1 + APART <= other.0 || one.0 >= other.1 + APART
}

/// A label beside the line at `x`.
fn beside(x: f64, is_before: bool, y: f64, class: Option<&str>, label: &str) -> Markup {
    let (anchor, aside) = if is_before {
        ("end", -APART)
    } else {
        ("start", APART)
    };
    html! {
        text class=[class] x=(across(x)) dx=(px(aside)) y=(px(y)) text-anchor=(anchor) { (label) }
    }
}

/// Labels of an axis of time at the height `y`. Where there is little room, one of `every` is shown.
fn moments(labels: &[(i128, String)], x: impl Fn(i128) -> f64, y: f64, every: usize) -> Markup {
    html! {
        @for (n, (at, label)) in labels.iter().enumerate() {
            @let x = x(*at);
            text class=[extra(n, every)] x=(across(x)) y=(px(y))
                text-anchor=(if x > 0.96 { "end" } else { "middle" }) { (label) }
        }
    }
}

/// The class of what is shown only where there is room: all but one of `every`.
fn extra(n: usize, every: usize) -> Option<&'static str> {
    (!n.is_multiple_of(every)).then_some("extra")
}

/// Names of the lines or bars, in front of a chart.
fn key<'a>(names: impl Iterator<Item = (&'a str, &'a str)>, of_bars: bool) -> Markup {
    html! {
        p class="key" {
            @for (name, class) in names {
                span {
                    svg width="18" height="9" aria-hidden="true" {
                        @if of_bars {
                            rect class=(class) x="4" width="10" height="9" {}
                        } @else {
                            line class={ (class) " line" } x2="18" y1="5" y2="5" {}
                        }
                    }
                    (name)
                }
                " "
            }
        }
    }
}

/// Lines over time. `said` is the chart in a sentence, `judged` the time that is judged.
pub(super) fn lines(said: &str, series: &[Series], marks: &[Mark], judged: Option<(i128, i128)>) -> Markup {
    let all = || series.iter().flat_map(|one| &one.points);
    let from = all().map(|(at, _)| *at).min().unwrap_or(0);
    let to = all().map(|(at, _)| *at).max().unwrap_or(1);
    let most = all().map(|(_, value)| *value).fold(0.0, f64::max).max(1.0);
    let step = step(most);
    let frame = Frame {
        from,
        to,
        most: (most / step).ceil() * step,
    };
    html! {
        (key(series.iter().map(|one| (one.name, one.class)), false))
        svg class="chart" role="img" aria-label=(said) height=(px(HEIGHT)) {
            @if let Some((begin, end)) = judged {
                @let (left, right) = (frame.x(begin), frame.x(end));
                rect class="band" x=(across(left)) y=(px(TOP)) width=(across(right - left))
                    height=(px(HEIGHT - TOP - BOTTOM)) {}
            }
            (frame.grid(step, ""))
            (moments(&times(from, to), |at| frame.x(at), HEIGHT - 5.0, 2))
            (frame.marks(marks))
            svg viewBox={ "0 0 " (px(ACROSS)) " " (px(HEIGHT)) } preserveAspectRatio="none" overflow="visible" {
                @for one in series {
                    path class={ (one.class) " line" } d=(frame.path(&one.points)) {}
                }
            }
        }
    }
}

/// Bars beside each other for each of several ranges.
pub(super) struct Bars<'a> {
    /// The chart in a sentence.
    pub(super) said: &'a str,
    /// The names of the groups, their classes and shares, 0 to 1, one for each range.
    pub(super) groups: Vec<(&'a str, &'static str, Vec<f64>)>,
    /// The ranges' lower edges, in words.
    pub(super) edges: Vec<String>,
    /// What to point out, in ranges from the left.
    pub(super) marks: Vec<(f64, String)>,
}

impl Bars<'_> {
    /// The chart.
    pub(super) fn draw(&self) -> Markup {
        let shares = self.groups.iter().flat_map(|(_, _, shares)| shares);
        let most = shares.copied().fold(0.0, f64::max).max(0.01);
        let step = step(most * 100.0);
        let frame = Frame {
            from: 0,
            to: 1,
            most: (most * 100.0 / step).ceil() * step,
        };
        let room = 1.0 / self.edges.len().max(1) as f64;
        let width = (room * 0.8 / self.groups.len().max(1) as f64).min(THICK);
        let every = self.edges.len().div_ceil(10).max(1);
        html! {
            (key(self.groups.iter().map(|(name, class, _)| (*name, *class)), true))
            svg class="chart" role="img" aria-label=(self.said) height=(px(HEIGHT)) {
                (frame.grid(step, " %"))
                @for (n, (range, label)) in self.edges.iter().enumerate().step_by(every).enumerate() {
                    text class=[extra(n, 2)] x=(across(range as f64 * room)) y=(px(HEIGHT - 5.0)) { (label) }
                }
                @for (group, (_, class, shares)) in self.groups.iter().enumerate() {
                    @for (range, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                        @let x = (range as f64 + 0.05) * room + group as f64 * width * 1.05;
                        @let y = frame.y(share * 100.0);
                        rect class=(class) x=(across(x)) y=(px(y)) width=(across(width))
                            height=(px((HEIGHT - BOTTOM - y).max(1.0))) {}
                    }
                }
                @for (at, label) in &self.marks {
                    @let (x, place) = (at * room, across(at * room));
                    line class="mark" x1=(place) x2=(place) y1=(px(TOP - 4.0)) y2=(px(HEIGHT - BOTTOM)) {}
                    (beside(x, x > 0.5, TOP + 6.0, None, label))
                }
            }
        }
    }
}

/// A line without axes, for a cell of a table. All of one table have the same scales.
pub(super) fn spark(said: &str, points: &[(i128, f64)], span: (i128, i128), most: f64) -> Markup {
    let (width, height) = (128.0, 28.0);
    let mut path = String::new();
    for (n, (at, value)) in points.iter().enumerate() {
        let letter = if n == 0 { 'M' } else { 'L' };
        let x = part(*at, span.0, span.1) * width;
        let y = height - 2.0 - (value / most.max(1.0)).clamp(0.0, 1.0) * (height - 4.0);
        let _ = write!(path, "{letter}{} {}", px(x), px(y));
    }
    html! {
        svg class="spark" role="img" aria-label=(said) viewBox="0 0 128 28" preserveAspectRatio="none" {
            line class="grid" x1="0" x2="128" y1="26" y2="26" {}
            path class="b only line" d=(path) {}
        }
    }
}

/// A connection in a time line.
pub(super) struct Life {
    pub(super) label: String,
    pub(super) from: i128,
    /// When it entered CLOSE_WAIT.
    pub(super) wait: Option<i128>,
    pub(super) to: i128,
    pub(super) end: String,
}

/// Connections as bars under each other.
pub(super) fn lives(said: &str, all: &[Life], span: (i128, i128)) -> Markup {
    let height = TOP + BAR * all.len() as f64 + BOTTOM;
    let x = |at: i128| part(at, span.0, span.1);
    let times = times(span.0, span.1);
    html! {
        (key([("open", "open"), ("in CLOSE_WAIT", "wait")].into_iter(), true))
        svg class="chart lives" role="img" aria-label=(said) height=(px(height)) {
            @for (at, _) in &times {
                @let x = across(x(*at));
                line class="grid" x1=(x) x2=(x) y1=(px(TOP - 4.0)) y2=(px(height - BOTTOM + 2.0)) {}
            }
            (moments(&times, x, height - 5.0, 3))
            @for (n, life) in all.iter().enumerate() {
                @let y = TOP + n as f64 * BAR;
                @let (from, to) = (x(life.from), x(life.to).max(x(life.from) + THIN));
                @let wait = life.wait.map_or(to, |at| x(at).clamp(from, to));
                text x="-6" y=(px(y + 9.0)) text-anchor="end" { (life.label) }
                @if wait > from {
                    rect class="open" x=(across(from)) y=(px(y + 1.0)) width=(across(wait - from)) height="8" {}
                }
                @if to > wait {
                    rect class="wait" x=(across(wait)) y=(px(y + 3.0)) width=(across(to - wait)) height="4" {}
                }
                text x="100%" dx="6" y=(px(y + 9.0)) { (life.end) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
