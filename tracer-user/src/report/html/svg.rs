//! Charts as SVG: functions of series, without colours, which the style sheet has by class.

use std::fmt::Write;

use maud::{Markup, html};

use crate::report::{clock_of, day_of};
use crate::units::S;

/// Size of a chart in its own units, of which the text has 11 in a line.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 20.0;

/// Room for each bar of a time line.
const BAR: f64 = 13.0;

/// Width of the text before the bars, and after.
const LABEL: f64 = 60.0;
const END: f64 = 130.0;

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
    fn x(&self, at: i128) -> f64 {
        LEFT + part(at, self.from, self.to) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let room = HEIGHT - TOP - BOTTOM;
        HEIGHT - BOTTOM - (value / self.most).clamp(0.0, 1.0) * room
    }

    fn grid(&self, step: f64) -> Markup {
        html! {
            @for n in 0..=4_u8 {
                @let at = f64::from(n) * step;
                @if at <= self.most + step / 100.0 {
                    @let y = self.y(at);
                    line class="grid" x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y)) y2=(px(y)) {}
                    text x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (value(at)) }
                }
            }
            @for (at, label) in times(self.from, self.to) {
                @let x = self.x(at).clamp(LEFT + 20.0, WIDTH - RIGHT - 20.0);
                text x=(px(x)) y=(px(HEIGHT - 5.0)) text-anchor="middle" { (label) }
            }
        }
    }

    /// Lines at moments. A label that would lie on one of a mark before it is left out.
    fn marks(&self, marks: &[Mark]) -> Markup {
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let inside = marks
            .iter()
            .filter(|mark| (self.from..=self.to).contains(&mark.at));
        html! {
            @for mark in inside {
                @let x = self.x(mark.at);
                line class="mark" x1=(px(x)) x2=(px(x)) y1=(px(TOP)) y2=(px(HEIGHT - BOTTOM)) {}
                @if let Some(begins) = room(x, &mark.label, &mut taken) {
                    text x=(px(begins)) y=(px(TOP + 10.0)) { (mark.label) }
                }
            }
        }
    }

    fn path(&self, points: &[(i128, f64)]) -> String {
        let mut path = String::with_capacity(points.len() * 12);
        for (n, (at, value)) in points.iter().enumerate() {
            let letter = if n == 0 { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = write!(path, "{letter}{} {}", px(self.x(*at)), px(self.y(*value)));
        }
        path
    }
}

/// Where the label of a mark at `x` begins: right of it, or left where the chart ends.
fn room(x: f64, label: &str, taken: &mut Vec<(f64, f64)>) -> Option<f64> {
    let width = LETTER * label.chars().count() as f64;
    let is_at_end = x + APART + width > WIDTH - RIGHT;
    let begins = if is_at_end { x - APART - width } else { x + APART };
    let ends = begins + width;
    let is_free = taken
        .iter()
        .all(|(from, to)| ends + APART <= *from || begins >= *to + APART);
    is_free.then(|| {
        taken.push((begins, ends));
        begins
    })
}

/// Names of the lines or bars, in a row above a chart.
fn key<'a>(names: impl Iterator<Item = (&'a str, &'a str)>, of_bars: bool) -> Markup {
    let mut x = LEFT;
    let placed: Vec<(f64, &str, &str)> = names
        .map(|(name, class)| {
            let at = x;
            x += 34.0 + 6.3 * name.chars().count() as f64;
            (at, name, class)
        })
        .collect();
    html! {
        @for (x, name, class) in placed {
            @if of_bars {
                rect class=(class) x=(px(x + 4.0)) y="3" width="10" height="9" {}
            } @else {
                line class={ (class) " line" } x1=(px(x)) x2=(px(x + 18.0)) y1="8" y2="8" {}
            }
            text class="key" x=(px(x + 22.0)) y="12" { (name) }
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
        svg role="img" aria-label=(said) viewBox={ "0 0 " (px(WIDTH)) " " (px(HEIGHT)) } {
            @if let Some((begin, end)) = judged {
                @let (left, right) = (frame.x(begin), frame.x(end));
                rect class="band" x=(px(left)) y=(px(TOP)) width=(px(right - left))
                    height=(px(HEIGHT - TOP - BOTTOM)) {}
            }
            (frame.grid(step))
            (frame.marks(marks))
            @for one in series {
                path class={ (one.class) " line" } d=(frame.path(&one.points)) {}
            }
            (key(series.iter().map(|one| (one.name, one.class)), false))
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
        let room = (WIDTH - LEFT - RIGHT) / self.edges.len().max(1) as f64;
        let width = (room * 0.8 / self.groups.len().max(1) as f64).min(28.0);
        let left = |range: usize| LEFT + range as f64 * room;
        let every = self.edges.len().div_ceil(10).max(1);
        html! {
            svg role="img" aria-label=(self.said) viewBox={ "0 0 " (px(WIDTH)) " " (px(HEIGHT)) } {
                @for n in 0..=4_u8 {
                    @let at = f64::from(n) * step;
                    @if at <= frame.most + step / 100.0 {
                        @let y = frame.y(at);
                        line class="grid" x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y)) y2=(px(y)) {}
                        text x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (value(at)) " %" }
                    }
                }
                @for (range, label) in self.edges.iter().enumerate().step_by(every) {
                    text x=(px(left(range))) y=(px(HEIGHT - 5.0)) { (label) }
                }
                @for (group, (_, class, shares)) in self.groups.iter().enumerate() {
                    @for (range, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                        @let y = frame.y(share * 100.0);
                        rect class=(class) x=(px(left(range) + 2.0 + group as f64 * (width + 1.0))) y=(px(y))
                            width=(px(width)) height=(px((HEIGHT - BOTTOM - y).max(1.0))) {}
                    }
                }
                @for (at, label) in &self.marks {
                    @let x = LEFT + at * room;
                    @let is_right = x > WIDTH * 0.7;
                    line class="mark" x1=(px(x)) x2=(px(x)) y1=(px(TOP - 4.0)) y2=(px(HEIGHT - BOTTOM)) {}
                    text x=(px(if is_right { x - 4.0 } else { x + 4.0 })) y=(px(TOP + 6.0))
                        text-anchor=(if is_right { "end" } else { "start" }) { (label) }
                }
                (key(self.groups.iter().map(|(name, class, _)| (*name, *class)), true))
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
    let x = |at: i128| LABEL + part(at, span.0, span.1) * (WIDTH - LABEL - END);
    html! {
        svg role="img" aria-label=(said) viewBox={ "0 0 " (px(WIDTH)) " " (px(height)) } {
            @for (at, label) in times(span.0, span.1) {
                line class="grid" x1=(px(x(at))) x2=(px(x(at))) y1=(px(TOP - 4.0))
                    y2=(px(height - BOTTOM + 2.0)) {}
                text x=(px(x(at))) y=(px(height - 5.0)) text-anchor="middle" { (label) }
            }
            @for (n, life) in all.iter().enumerate() {
                @let y = TOP + n as f64 * BAR;
                @let (from, to) = (x(life.from), x(life.to).max(x(life.from) + 1.5));
                @let wait = life.wait.map_or(to, |at| x(at).clamp(from, to));
                text x=(px(LABEL - 6.0)) y=(px(y + 9.0)) text-anchor="end" { (life.label) }
                @if wait > from {
                    rect class="open" x=(px(from)) y=(px(y + 1.0)) width=(px(wait - from)) height="8" {}
                }
                @if to > wait {
                    rect class="wait" x=(px(wait)) y=(px(y + 3.0)) width=(px(to - wait)) height="4" {}
                }
                text x=(px(WIDTH - END + 6.0)) y=(px(y + 9.0)) { (life.end) }
            }
            (key([("open", "open"), ("in CLOSE_WAIT", "wait")].into_iter(), true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_few_round_steps() {
        for most in [0.3, 1.0, 3.0, 7.0, 99.0, 100.0, 15_000.0, 1e9] {
            let step = step(most);
            assert!(
                step * 4.0 >= most && step <= most.max(0.1) * 1.001,
                "{most}: {step}"
            );
        }
    }

    #[test]
    fn few_moments_are_labelled_whatever_the_span() {
        let second = i128::from(S);
        let from = 1_767_225_600 * second + second / 3;
        for span in [1, 7, 59, 60, 601, 3_600, 86_399, 700_000, 40_000_000] {
            let labels = times(from, from + span * second);
            assert!(labels.len() <= 8, "{span}: {labels:?}");
            assert!(!labels.is_empty(), "{span}");
        }
        let labels: Vec<String> = times(from, from + 600 * second)
            .into_iter()
            .map(|one| one.1)
            .collect();
        assert_eq!(labels, ["00:02", "00:04", "00:06", "00:08", "00:10"]);
    }

    #[test]
    fn labels_of_marks_do_not_lie_on_each_other() {
        let series = [Series {
            name: "open",
            class: "b",
            points: vec![(0, 1.0), (1000, 2.0)],
        }];
        let mark = |at: i128, label: &str| Mark {
            at,
            label: label.to_owned(),
        };
        let marks = [
            mark(500, "178"),
            mark(480, "15"),
            mark(990, "surge over"),
            mark(100, "surge"),
        ];
        let drawn = lines("said", &series, &marks, None).into_string();
        let labels = |label: &str| drawn.matches(&format!(">{label}</text>")).count();
        assert_eq!(drawn.matches("class=\"mark\"").count(), 4);
        assert_eq!(
            ["surge", "15", "178", "surge over"].map(labels),
            [1, 0, 1, 1],
            "{drawn}"
        );
    }

    #[test]
    fn coordinates_stay_within_the_chart() {
        let series = [Series {
            name: "open",
            class: "a",
            points: vec![(5, 0.0), (5, 1e18), (9, 3.0)],
        }];
        let drawn = lines("said", &series, &[], Some((i128::MIN / 2, i128::MAX / 2))).into_string();
        let numbers = drawn.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
        let largest = numbers
            .filter_map(|text| text.parse::<f64>().ok())
            .fold(0.0, f64::max);
        assert!(drawn.contains("M52 "), "{drawn}");
        assert!(largest <= 1e18 * 5.0, "{largest}");
    }
}
