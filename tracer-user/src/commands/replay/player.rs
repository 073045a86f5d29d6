//! Plays a recording for the view and carries out the user's commands.

use std::time::{Duration, Instant};

use crate::{
    exit::Failure,
    model::sample::Sample,
    source::replay::{Level, Replay},
    view::{
        feed::{Feed, News},
        keeper::{Batch, Link, Replayed},
        playback::{Command, Playback},
        snapshot::Point,
    },
};

/// The speeds that `+` and `-` step through.
const SPEEDS: [f64; 13] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0,
];

/// Minimum time between two updates of the screen, however high the speed.
const MIN_WAIT: Duration = Duration::from_millis(40);

/// The wait when only a command can change anything.
const LONG: Duration = Duration::from_secs(3600);

/// A recording being played.
pub(super) struct Player {
    replay: Replay,
    playing: bool,
    /// The time up to which it has been played.
    played: Instant,
    /// Number of intervals delivered to the view.
    given: usize,
    /// Whether it has gone back since.
    went_back: bool,
    /// In that case, the sample before the current one, if there is one.
    before: Option<Box<Sample>>,
}

impl Player {
    /// Starts before the first interval, playing.
    pub(super) fn new(replay: Replay, now: Instant) -> Self {
        Self {
            replay,
            playing: true,
            played: now,
            given: 0,
            went_back: false,
            before: None,
        }
    }

    /// The next interval, without waiting; `None` after the last.
    pub(super) fn each(&mut self) -> Result<Option<Batch>, Failure> {
        let sample = self.replay.step()?;
        Ok(sample.map(|sample| self.batch(sample)))
    }

    /// Plays up to now, and returns the newest interval if it has changed.
    fn play(&mut self, now: Instant) -> Result<Option<Sample>, Failure> {
        let time = now.saturating_duration_since(self.played);
        self.played = now;
        if !self.playing {
            return Ok(None);
        }
        let sample = self.replay.play(time)?;
        self.playing = !self.replay.is_at_end();
        Ok(sample)
    }

    fn news(&mut self, now: Instant) -> Result<News, Failure> {
        Ok(match self.play(now)? {
            Some(sample) => News::Batch(Box::new(self.batch(sample))),
            None => News::Nothing,
        })
    }

    fn command(&mut self, command: Command, now: Instant) -> Result<News, Failure> {
        let moved = self.play(now)?;
        let last = self.replay.intervals().saturating_sub(1);
        let present = self.replay.position().saturating_sub(1);
        let target = match command {
            Command::PlayOrHold if self.replay.is_at_end() => {
                self.playing = true;
                Some(0)
            }
            Command::PlayOrHold => {
                self.playing = !self.playing;
                None
            }
            Command::Step(by) => {
                self.playing &= by.unsigned_abs() > 1;
                Some(present.saturating_add_signed(by).min(last))
            }
            Command::Faster => {
                self.change_speed(|now| SPEEDS.into_iter().find(|speed| *speed > now));
                None
            }
            Command::Slower => {
                self.change_speed(|now| SPEEDS.into_iter().rev().find(|speed| *speed < now));
                None
            }
            Command::ToStart => Some(0),
            Command::ToEnd => Some(last),
            Command::ToSurge => self.replay.surge().map(|at| self.replay.position_at(at.utc_ns)),
        };
        let sample = match target {
            Some(target) => self.go_to(target)?,
            None => moved,
        };
        self.playing &= !self.replay.is_at_end();
        Ok(match sample {
            Some(sample) if self.went_back || self.replay.position() != self.given => {
                News::Batch(Box::new(self.batch(sample)))
            }
            _ => News::Playback(self.playback()),
        })
    }

    fn change_speed(&mut self, next: impl FnOnce(f64) -> Option<f64>) {
        if let Some(speed) = next(self.replay.speed()) {
            self.replay.set_speed(speed);
        }
    }

    fn go_to(&mut self, target: usize) -> Result<Option<Sample>, Failure> {
        if target + 1 < self.replay.position() {
            self.went_back = true;
            self.before = match target.checked_sub(1) {
                Some(before) => self.replay.go_to(before)?.map(Box::new),
                None => None,
            };
        }
        Ok(self.replay.go_to(target)?)
    }

    /// The current interval, and how the view gets there from the last one delivered.
    fn batch(&mut self, sample: Sample) -> Batch {
        let position = self.replay.position();
        let (link, from) = match self.before.take() {
            _ if self.given > 0 && !self.went_back => (Link::Follows, self.given),
            Some(before) => (Link::Back(before), 0),
            None => (Link::Begins, 0),
        };
        self.given = position;
        self.went_back = false;
        let ended = self.replay.take_ended();
        // The interval's own point is made from its sample.
        let levels = self.replay.levels().iter();
        let between = levels.take(position.saturating_sub(1)).skip(from);
        Batch {
            sample,
            ended,
            options: self.replay.options().clone(),
            notes: Vec::new(),
            replayed: Some(Box::new(Replayed {
                judge: self.replay.judge(),
                link,
                course: between.map(point).collect(),
                playback: self.playback(),
            })),
        }
    }

    fn playback(&self) -> Playback {
        let time = |position: usize| self.replay.time(position).unwrap_or(0);
        Playback {
            start: time(0),
            at: time(self.replay.position().saturating_sub(1)),
            end: time(self.replay.intervals().saturating_sub(1)),
            speed: self.replay.speed(),
            playing: self.playing,
            surge: self.replay.surge().map(|at| at.utc_ns),
            as_recorded: self.replay.shows_what_was_said(),
        }
    }

    /// How long nothing new is expected.
    fn wait(&self) -> Duration {
        let wait = self.playing.then(|| self.replay.wait()).flatten();
        wait.map_or(LONG, |wait| wait.clamp(MIN_WAIT, LONG))
    }
}

fn point(level: &Level) -> Point {
    Point {
        at_ns: level.at.monotonic_ns,
        open: level.open,
        close_wait: level.close_wait,
    }
}

impl Feed for Player {
    fn next(&mut self) -> Result<News, Failure> {
        self.news(Instant::now())
    }

    fn due(&self, _: Instant, _: Duration) -> Instant {
        Instant::now() + self.wait()
    }

    fn now(&mut self) -> Result<News, Failure> {
        let present = self.replay.position().saturating_sub(1);
        Ok(match self.go_to(present)? {
            Some(sample) => News::Batch(Box::new(self.batch(sample))),
            None => News::Nothing,
        })
    }

    fn obey(&mut self, command: Command) -> Result<News, Failure> {
        self.command(command, Instant::now())
    }
}

#[cfg(test)]
mod tests;
