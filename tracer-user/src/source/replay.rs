//! Samples from a recording, one per interval, with control over the playback.

mod bookmarks;
mod overview;
mod reading;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::overview::Level;
use self::{bookmarks::Bookmarks, overview::Overview, reading::Reading};
use crate::{
    diagnosis::{Judge, Options, thresholds::Thresholds},
    evidence::{EvidenceError, load, manifest::Manifest, state::State},
    model::{
        ended::Ended,
        names::Names,
        sample::{Moment, Sample},
    },
    report::Origin,
};

/// The speeds allowed.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1_000_000.0;

/// How many full samples per window the judge gets, apart from those that are shown.
const TOLD: i128 = 60;

/// A recording with its playback position.
pub struct Replay {
    path: PathBuf,
    number: Option<u32>,
    /// Number of recordings in the directory.
    recordings: usize,
    manifest: Manifest,
    options: Options,
    /// The final state as it was recorded live, if available.
    state: Option<State>,
    /// All intervals.
    levels: Vec<Level>,
    /// Start of the greatest surge.
    surge: Option<Moment>,
    /// Number of intervals read so far.
    position: usize,
    /// Whether the thresholds differ from those of the recording, so that its verdicts no longer apply.
    judges_otherwise: bool,
    speed: f64,
    /// Playback time not yet used up by intervals, ns.
    ahead_ns: f64,
    reading: Reading,
    bookmarks: Bookmarks,
}

impl Replay {
    /// Opens a recording at the position before its first interval. `number` selects a recording in the
    /// directory, counted from 1; the default is the last one.
    ///
    /// # Errors
    /// If this is not an evidence directory, the recording does not exist, or a row is invalid.
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
        let mut bookmarks = Bookmarks::default();
        bookmarks.set(0, &reading, 0);
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
            bookmarks,
        })
    }

    /// Where it was recorded.
    pub fn origin(&self) -> Origin {
        self.manifest.origin()
    }

    /// The manifest of the recording.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The number of this recording in its directory, counted from 1, and the number of recordings there.
    pub fn number(&self) -> (usize, usize) {
        (self.manifest.recordings(), self.recordings)
    }

    /// The connections that ended since the last call, or since the start after going back. Limited to a
    /// maximum number.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        self.reading.walk.ended.take()
    }

    /// The number of open connections at each interval.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Start of the greatest surge, if there was any.
    pub fn surge(&self) -> Option<Moment> {
        self.surge
    }

    /// The options of the diagnosis.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A judge of the run up to the current interval, with the verdicts given at the time. At the last
    /// interval it has the complete recorded state; before that, only the verdicts found in the rows.
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

    /// Whether the current interval shows the verdicts given at the time. Otherwise they are derived from its
    /// rows, which contain less than was known then.
    pub fn shows_what_was_said(&self) -> bool {
        let is_whole = self.state.is_some() && self.is_at_end();
        !is_whole && !self.judges_otherwise && self.reading.walk.rebuild.said().next().is_some()
    }

    /// The number of intervals.
    pub fn intervals(&self) -> usize {
        self.levels.len()
    }

    /// The number of intervals played.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the last interval has been played.
    pub fn is_at_end(&self) -> bool {
        self.position >= self.levels.len()
    }

    /// When the interval at a position was sampled, UTC, ns.
    pub fn time(&self, position: usize) -> Option<i128> {
        self.levels.get(position).map(|level| level.at.utc_ns)
    }

    /// Moves to the next interval; `None` after the last.
    ///
    /// # Errors
    /// If a row is invalid.
    pub fn step(&mut self) -> Result<Option<Sample>, EvidenceError> {
        if !self.read()? {
            return Ok(None);
        }
        self.tell(self.position - 1);
        Ok(Some(self.sample()))
    }

    /// The number of the last interval that was sampled at `utc_ns` or before, else 0.
    pub fn position_at(&self, utc_ns: i128) -> usize {
        // The clock may have been set back in between.
        let last = self.levels.iter().rposition(|level| level.at.utc_ns <= utc_ns);
        last.unwrap_or(0)
    }

    /// Moves to an interval by position, counted from 0.
    ///
    /// # Errors
    /// If a row is invalid.
    pub fn go_to(&mut self, position: usize) -> Result<Option<Sample>, EvidenceError> {
        self.ahead_ns = 0.0;
        let goes_back = position + 1 < self.position;
        let nearest = self.bookmarks.nearest(position + 1).filter(|(bookmark, _)| {
            let is_better = goes_back || *bookmark > self.position;
            is_better && self.is_within_window(*bookmark, position)
        });
        if let Some((bookmark, reading)) = nearest {
            let before = std::mem::replace(&mut self.reading, reading.clone());
            match goes_back {
                true => self.reading.walk.ended.begin_anew(),
                false => self.reading.walk.ended.follow(&before.walk.ended),
            }
            self.position = bookmark;
            self.tell(position);
        } else if goes_back {
            // Rows cannot be undone, so going back starts from a key frame before the window.
            let at = self.time(position).unwrap_or(0);
            let (intervals, reading) = Reading::open_at(&self.path, self.number, at)?;
            self.reading = reading;
            let left_out = intervals.map(|intervals| self.levels.len().saturating_sub(intervals));
            self.position = left_out.unwrap_or(0).min(position);
            self.bookmarks = Bookmarks::default();
        }
        self.read_to(position)?;
        Ok((self.position > 0).then(|| self.sample()))
    }

    /// Judges with these thresholds from now on.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.judges_otherwise |= self.options.thresholds != thresholds;
        self.options.thresholds = thresholds;
        if let Some(state) = &mut self.state {
            state.options.thresholds = thresholds;
        }
    }

    /// Calls peers by these names from now on.
    pub fn set_names(&mut self, names: &Names) {
        self.options.names.clone_from(names);
        if let Some(state) = &mut self.state {
            state.options.names.clone_from(names);
        }
    }

    /// Playback speed, as a multiple of real time.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Sets the playback speed, within [`SPEEDS`].
    pub fn set_speed(&mut self, speed: f64) {
        self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
    }

    /// Advances the playback by `time` as it passes for the viewer. Returns the newest interval reached, or
    /// `None` if it has not changed.
    ///
    /// # Errors
    /// If a row is invalid.
    pub fn play(&mut self, time: Duration) -> Result<Option<Sample>, EvidenceError> {
        self.ahead_ns += time.as_secs_f64() * 1e9 * self.speed;
        let mut target = None;
        let mut next = self.position;
        while let Some(gap_ns) = self.gap_ns(next)
            && self.ahead_ns >= gap_ns
        {
            self.ahead_ns -= gap_ns;
            target = Some(next);
            next += 1;
        }
        if let Some(target) = target {
            self.read_to(target)?;
        }
        if self.is_at_end() {
            self.ahead_ns = 0.0;
        }
        Ok(target.map(|_| self.sample()))
    }

    /// Time until the next interval, as it passes for the viewer; `None` after the last.
    pub fn wait(&self) -> Option<Duration> {
        let ns = (self.gap_ns(self.position)? - self.ahead_ns).max(0.0);
        Duration::try_from_secs_f64(ns / 1e9 / self.speed).ok()
    }

    /// Time from the interval before a position to the one there, ns. The first interval follows at once.
    fn gap_ns(&self, position: usize) -> Option<f64> {
        let next = self.time(position)?;
        let now = match position.checked_sub(1) {
            Some(before) => self.time(before)?,
            None => return Some(0.0),
        };
        #[expect(clippy::cast_precision_loss, reason = "a waiting time")]
        let gap = (next - now).max(0) as f64;
        Some(gap)
    }

    /// Reads up to the interval at position `to`, and sets bookmarks on the way.
    fn read_to(&mut self, to: usize) -> Result<(), EvidenceError> {
        while self.position <= to && self.read()? {
            // At the end the rows of all open connections have been read.
            if !self.is_at_end() {
                self.bookmarks.set(self.position, &self.reading, to + 1);
            }
            self.tell(to);
        }
        Ok(())
    }

    /// Reads the next interval, which the judge is to be told of then. Returns false after the last.
    fn read(&mut self) -> Result<bool, EvidenceError> {
        if self.is_at_end() {
            return Ok(false);
        }
        self.reading.step()?;
        self.position += 1;
        if self.is_at_end() {
            self.reading.walk.rest()?;
        }
        Ok(true)
    }

    /// Tells the judge of the interval just read, on the way to the one at position `to`.
    fn tell(&mut self, to: usize) {
        if let Some(present) = self.position.checked_sub(1)
            && let Some(at) = self.time(present)
        {
            let of_everything = present == to || self.is_wanted(at, self.time(to).unwrap_or(at));
            self.reading.tell(at, of_everything);
        }
    }

    /// Whether there is no more time between two intervals than is judged. From further away it takes less
    /// time to begin at a key frame.
    fn is_within_window(&self, first: usize, second: usize) -> bool {
        let window = self.manifest.session.window_ns.map(i128::from);
        let apart = self
            .time(second)
            .zip(self.time(first))
            .map(|(second, first)| second - first);
        window.zip(apart).is_none_or(|(window, apart)| apart <= window)
    }

    /// Whether the judge needs the full sample of an interval: the interval lies within the window of
    /// `shown`, and enough time has passed since the last full sample.
    fn is_wanted(&self, at: i128, shown: i128) -> bool {
        let start = self.time(0).unwrap_or(at);
        let end = self.time(self.levels.len().saturating_sub(1)).unwrap_or(at);
        let window = self.manifest.session.window_ns.map(i128::from);
        let gap = window.unwrap_or(end - start) / TOLD;
        let begin = window.map_or(start, |window| shown - window - 2 * gap);
        at >= begin && self.reading.told.is_none_or(|told| at - told >= gap)
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
