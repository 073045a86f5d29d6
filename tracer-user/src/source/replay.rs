//! Samples from a recording, one per interval, as [`super::live`] gives them; with control over time.

mod overview;
mod reading;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::overview::Level;
use self::{overview::Overview, reading::Reading};
use crate::{
    diagnosis::{Judge, Options, thresholds::Thresholds},
    evidence::{EvidenceError, load, manifest::Manifest, state::State},
    model::{
        ended::Ended,
        sample::{Moment, Sample},
    },
    report::Origin,
};

/// Slower or faster than this makes no sense.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1_000_000.0;

/// The judge is told of everything so often within the window, and at each interval that is shown.
const TOLD: i128 = 60;

/// A recording being played.
pub struct Replay {
    path: PathBuf,
    number: Option<u32>,
    /// How many recordings are in the directory.
    recordings: usize,
    manifest: Manifest,
    options: Options,
    /// The last sample as it was live, if that is known.
    state: Option<State>,
    /// The intervals.
    levels: Vec<Level>,
    /// When the greatest surge began.
    surge: Option<Moment>,
    /// How many intervals have been taken in.
    position: usize,
    /// By other thresholds than then, so that what was said then does not count.
    judges_otherwise: bool,
    speed: f64,
    /// Played time that has not come to the next interval yet, ns.
    ahead_ns: f64,
    reading: Reading,
}

impl Replay {
    /// Opens a recording before its first interval: the one with this number in its directory, counted from 1,
    /// else the last.
    ///
    /// # Errors
    /// When it is no evidence directory, there is no such recording, or a row is none.
    pub fn open(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        let Overview {
            evidence,
            state,
            levels,
            surge,
        } = Overview::of(path, number)?;
        let options = match &state {
            Some(state) => state.options.clone(),
            None => load::options(&evidence.manifest),
        };
        let (_, reading) = Reading::open(path, number)?;
        Ok(Self {
            path: path.to_owned(),
            number,
            recordings: evidence.recordings,
            manifest: evidence.manifest,
            options,
            state,
            levels,
            surge,
            position: 0,
            judges_otherwise: false,
            speed: 1.0,
            ahead_ns: 0.0,
            reading,
        })
    }

    /// Where it was recorded.
    pub fn origin(&self) -> Origin {
        self.manifest.origin()
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Which recording of its directory it is, counted from 1, and how many there are.
    pub fn number(&self) -> (usize, usize) {
        (self.manifest.recordings(), self.recordings)
    }

    /// The connections that have ended since this was asked last, as far as there is room, or since
    /// the beginning after a way back.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        self.reading.walk.take_ended()
    }

    /// How much was open at each interval.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// When the greatest surge began, if there was one at any time.
    pub fn surge(&self) -> Option<Moment> {
        self.surge
    }

    /// What the diagnosis was told.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The run up to the present interval, and what was said of it then: at the last one all of it, before that the
    /// verdicts, as far as the rows have them.
    pub fn judge(&self) -> Judge {
        if let Some(state) = self.state.as_ref().filter(|_| self.is_at_end()) {
            return state.judge();
        }
        let mut judge = self.reading.judge.clone();
        if self.shows_what_was_said() {
            judge.recall(self.reading.walk.rebuild.said());
        }
        judge
    }

    /// Whether the verdicts of the present interval are those that were given then, and not made from its rows: these
    /// have less than was known then.
    pub fn shows_what_was_said(&self) -> bool {
        let is_whole = self.state.is_some() && self.is_at_end();
        !is_whole && !self.judges_otherwise && self.reading.walk.rebuild.said().next().is_some()
    }

    /// How many intervals there are.
    pub fn intervals(&self) -> usize {
        self.levels.len()
    }

    /// How many of them have been played.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the last one has been played.
    pub fn is_at_end(&self) -> bool {
        self.position >= self.levels.len()
    }

    /// When the interval at a position was sampled, UTC, ns.
    pub fn time(&self, position: usize) -> Option<i128> {
        self.levels.get(position).map(|level| level.at.utc_ns)
    }

    /// The next interval; `None` after the last.
    ///
    /// # Errors
    /// When a row is none.
    pub fn step(&mut self) -> Result<Option<Sample>, EvidenceError> {
        Ok(if self.advance(self.position)? {
            Some(self.sample())
        } else {
            None
        })
    }

    /// The number of the last interval that was sampled at `utc_ns` or before, else 0.
    pub fn position_at(&self, utc_ns: i128) -> usize {
        let before = |level: &&Level| level.at.utc_ns <= utc_ns;
        self.levels.iter().take_while(before).count().saturating_sub(1)
    }

    /// The interval with this number, counted from 0.
    ///
    /// # Errors
    /// When a row is none.
    pub fn go_to(&mut self, position: usize) -> Result<Option<Sample>, EvidenceError> {
        self.ahead_ns = 0.0;
        if position + 1 < self.position {
            // Counting backwards is not possible; counting again is fast.
            self.reading = Reading::open(&self.path, self.number)?.1;
            self.position = 0;
        }
        while self.position <= position && self.advance(position)? {}
        Ok((self.position > 0).then(|| self.sample()))
    }

    /// Judges by other thresholds than it was made with.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.judges_otherwise |= self.options.thresholds != thresholds;
        self.options.thresholds = thresholds;
        if let Some(state) = &mut self.state {
            state.options.thresholds = thresholds;
        }
    }

    /// How much faster than it happened it is played.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Sets that.
    pub fn set_speed(&mut self, speed: f64) {
        self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
    }

    /// Plays for so much time of the one who looks on; the newest interval that this has come to,
    /// `None` when that is still the present one.
    ///
    /// # Errors
    /// When a row is none.
    pub fn play(&mut self, time: Duration) -> Result<Option<Sample>, EvidenceError> {
        self.ahead_ns += time.as_secs_f64() * 1e9 * self.speed;
        let mut moved = false;
        while let Some(gap_ns) = self.gap_ns()
            && self.ahead_ns >= gap_ns
        {
            self.ahead_ns -= gap_ns;
            // Which of them will be shown is not known here.
            moved |= self.advance(self.position + 1)?;
        }
        if moved {
            self.tell_of_present();
        }
        if self.is_at_end() {
            self.ahead_ns = 0.0;
        }
        Ok(moved.then(|| self.sample()))
    }

    /// How long the one who looks on waits for the next interval; `None` after the last.
    pub fn wait(&self) -> Option<Duration> {
        let ns = (self.gap_ns()? - self.ahead_ns).max(0.0);
        Duration::try_from_secs_f64(ns / 1e9 / self.speed).ok()
    }

    /// From the present interval to the next; the first comes at once.
    fn gap_ns(&self) -> Option<f64> {
        let next = self.time(self.position)?;
        let now = match self.position.checked_sub(1) {
            Some(before) => self.time(before)?,
            None => return Some(0.0),
        };
        #[expect(clippy::cast_precision_loss, reason = "a time to wait")]
        let gap = (next - now).max(0) as f64;
        Some(gap)
    }

    /// Takes in the next interval, on the way to the one with this number.
    fn advance(&mut self, to: usize) -> Result<bool, EvidenceError> {
        let Some(at) = self.time(self.position) else {
            return Ok(false);
        };
        self.reading.step()?;
        if self.position + 1 == self.levels.len() {
            self.reading.walk.rest()?;
        }
        let of_everything = self.position == to || self.is_wanted(at, self.time(to).unwrap_or(at));
        self.reading.tell(at, of_everything);
        self.position += 1;
        Ok(true)
    }

    /// Whether the judge has to know everything of an interval to judge a later one: it lies within the window.
    fn is_wanted(&self, at: i128, shown: i128) -> bool {
        let start = self.time(0).unwrap_or(at);
        let end = self.time(self.levels.len().saturating_sub(1)).unwrap_or(at);
        let window = self.manifest.session.window_ns.map(i128::from);
        let gap = window.unwrap_or(end - start) / TOLD;
        let begin = window.map_or(start, |window| shown - window - 2 * gap);
        at >= begin && self.reading.told.is_none_or(|told| at - told >= gap)
    }

    /// Tells the judge of everything at the present interval, if it was not told yet.
    fn tell_of_present(&mut self) {
        let present = self.position.checked_sub(1).and_then(|before| self.time(before));
        if let Some(at) = present.filter(|at| self.reading.told != Some(*at)) {
            self.reading.tell(at, true);
        }
    }

    fn sample(&self) -> Sample {
        match &self.state {
            Some(state) if self.is_at_end() => state.sample.clone(),
            _ => {
                let at = self.position.checked_sub(1).and_then(|before| self.time(before));
                self.reading.walk.rebuild.sample(at)
            }
        }
    }
}

#[cfg(test)]
mod tests;
