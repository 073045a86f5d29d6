//! What a line may say of a peer's figures. What it does not say is unknown.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Population, is_of_ends, live::LiveLine};
use crate::{
    diagnosis::{Verdict, figures::Course},
    model::{figure::Table, peer::Counters, sample::Known, window::Level},
};

/// No period is longer: 73 years, ns.
const MAX_NS: u64 = 1 << 61;

/// How many connections the peer held over the period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Held {
    /// At its beginning.
    pub(super) start: Option<u64>,
    /// At its end.
    pub(super) end: Option<u64>,
    /// On average.
    pub(super) mean: Option<f64>,
    /// At most.
    pub(super) peak: Option<u64>,
    /// How it moved, as a recording knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) course: Option<CourseLine>,
    /// How it moved, as its value at several moments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) levels: Vec<LevelLine>,
}

/// The number held at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LevelLine {
    /// How long before the end of the period, s.
    ago: f64,
    held: u64,
    /// Connections ended since the period began.
    #[serde(default)]
    closes: u64,
}

impl Held {
    /// The levels, oldest first, that lie within the period.
    pub(super) fn levels(&self, begins_ns: u64, now_ns: u64) -> Vec<Level> {
        let level = |line: &LevelLine| Level {
            at_ns: now_ns.saturating_sub(nanoseconds(line.ago)),
            held: line.held,
            opens: 0,
            closes: line.closes,
        };
        let mut levels: Vec<Level> = self.levels.iter().map(level).collect();
        levels.retain(|level| level.at_ns >= begins_ns);
        levels.sort_by_key(|level| level.at_ns);
        levels
    }
}

/// [`Course`] without a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CourseLine {
    start: u64,
    low: u64,
    peak: u64,
    grown: u64,
    grown_for_ns: u64,
    lately: u64,
    closes_since: u64,
    closes_at_once: u64,
}

impl CourseLine {
    pub(super) fn from(course: &Course, now_ns: u64) -> Self {
        Self {
            start: course.start,
            low: course.low,
            peak: course.peak,
            grown: course.grown,
            grown_for_ns: now_ns.saturating_sub(course.since_ns),
            lately: course.lately,
            closes_since: course.closes_since,
            closes_at_once: course.closes_at_once,
        }
    }

    pub(super) fn of(self, end: u64, now_ns: u64) -> Course {
        Course {
            start: self.start,
            low: self.low,
            peak: self.peak,
            end,
            grown: self.grown.min(end),
            since_ns: now_ns.saturating_sub(self.grown_for_ns),
            lately: self.lately,
            closes_since: self.closes_since,
            closes_at_once: self.closes_at_once,
        }
    }
}

/// The figures of a line.
pub(super) struct Input {
    pub(super) counters: Counters,
    /// Which of them the line has.
    pub(super) known: Known,
    /// Whether it says how long the connections were busy.
    pub(super) has_busy: bool,
    has_ends: bool,
    has_turns: bool,
    has_requests: bool,
    /// Length of the period, ns; 0: unknown.
    pub(super) window_ns: u64,
    /// How much of it the peer was there for.
    pub(super) present_ns: Option<u64>,
    pub(super) held: Option<Held>,
    pub(super) live: Option<LiveLine>,
    pub(super) population: Option<Population>,
}

/// What a line does not say and some verdicts need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing(Option<&'static str>);

impl Missing {
    /// What a verdict would need, if it is missing.
    pub(super) fn for_verdict(self, verdict: Verdict) -> Option<&'static str> {
        self.0.filter(|_| is_of_ends(verdict))
    }
}

impl Input {
    /// Takes the figures out of the fields.
    pub(super) fn take(fields: &mut Map<String, Value>) -> Result<Self, String> {
        let figures = match fields.remove("figures") {
            Some(Value::Object(figures)) => figures,
            _ => return Err("has no object `figures`".to_owned()),
        };
        let figures: Map<String, Value> = figures
            .into_iter()
            .filter_map(|(name, value)| Some((name, whole(value)?)))
            .collect();
        let has = |name: &str| figures.contains_key(name);
        let known = Known {
            turns: has("turns"),
            requests: has("protocol") && has("requests_bounded"),
            late_requests: has("late_requests"),
            held: has("held_ms"),
            idle: has("idle"),
            bytes_received: has("bytes_received"),
            bytes_sent: has("bytes_sent"),
            retransmits: has("retransmits"),
            heard: true,
        };
        let has_ends = has("opens_by_held") && has("closes");
        let (has_hold, has_busy) = (has("hold"), has("busy_ms"));
        let mut counters: Counters =
            serde_json::from_value(Value::Object(figures)).map_err(|error| format!("figures: {error}"))?;
        if !counters.are_possible() {
            return Err("figures: a number is too large to be one".to_owned());
        }
        for durations in [
            &mut counters.lifetime,
            &mut counters.idle,
            &mut counters.gap,
            &mut counters.close_wait,
            &mut counters.hold,
            &mut counters.pause,
        ] {
            durations.bound_by_buckets();
        }
        let live: Option<LiveLine> = part(fields, "live")?;
        let is_open = counters.open_now > 0 || counters.seeded > 0;
        let input = Self {
            known,
            has_busy,
            has_ends,
            has_turns: known.turns,
            has_requests: !is_open || has_hold || live.as_ref().is_some_and(LiveLine::has_requests),
            window_ns: part(fields, "seconds")?.map_or(0, nanoseconds),
            present_ns: part(fields, "present_seconds")?.map(nanoseconds),
            held: part(fields, "held")?,
            live,
            population: part(fields, "population")?,
            counters,
        };
        if input.live.as_ref().is_some_and(|live| !live.is_possible()) {
            return Err("live: a number is too large to be one".to_owned());
        }
        Ok(input)
    }

    /// What it does not say.
    pub(super) fn missing(&self) -> Missing {
        let missing = [
            (self.has_ends, "`figures.opens_by_held` or `figures.closes`"),
            (self.has_turns, "`figures.turns`"),
            (
                self.has_requests,
                "the requests on open connections (`live.requests` or `figures.hold`)",
            ),
            (self.window_ns > 0, "`seconds`"),
        ];
        let first = missing.into_iter().find(|(has, _)| !has);
        Missing(first.map(|(_, what)| what))
    }
}

/// Takes a part of a line; `None`: it is not there.
fn part<T: DeserializeOwned>(fields: &mut Map<String, Value>, name: &str) -> Result<Option<T>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|error| format!("{name}: {error}")),
    }
}

/// A figure as [`Counters`] reads it: a histogram as places and numbers. A figure of which a part is null is
/// unknown.
fn whole(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(parts) => {
            let all = parts.into_iter().map(|(name, part)| Some((name, whole(part)?)));
            all.collect::<Option<Map<String, Value>>>().map(Value::Object)
        }
        Value::Array(counts) if counts.iter().all(Value::is_number) => {
            let places = counts.into_iter().enumerate();
            // Zeros beyond the last bucket do no harm.
            let used = places.filter(|(_, count)| count.as_u64() != Some(0));
            Some(
                used.map(|(place, count)| Value::from(vec![place.into(), count]))
                    .collect(),
            )
        }
        other => Some(other),
    }
}

/// A time in seconds; nothing is longer than [`MAX_NS`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and no time is negative"
)]
fn nanoseconds(seconds: f64) -> u64 {
    ((seconds * 1e9).round() as u64).min(MAX_NS)
}

/// A mean over a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a cast of a float saturates; the mean is known no better"
)]
pub(super) fn product(mean: f64, length: u64) -> u64 {
    (mean * length as f64).round() as u64
}
