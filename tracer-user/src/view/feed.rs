//! The source of snapshots: a feed, live or recorded, in its own thread, so that the screen never waits for a
//! sample.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{oneshot, watch};

use super::{
    keeper::{Batch, Film, Keeper, Numbers, Prefixes},
    pace::Pace,
    playback::{Command, Playback},
    snapshot::Snapshot,
};
use crate::{
    diagnosis::{Judge, Options},
    exit::Failure,
    model::{ended::Ended, sample::Sample},
};

/// What a feed delivers.
#[derive(Debug)]
pub enum News {
    /// Everything known now.
    Batch(Box<Batch>),
    /// Nothing new, but the playback has changed.
    Playback(Playback),
    /// Nothing.
    Nothing,
}

/// Delivers what is known, one moment after another.
pub trait Feed {
    /// What is known when the next batch is due.
    ///
    /// # Errors
    /// If it cannot be read; nothing more can be expected after that.
    fn next(&mut self) -> Result<News, Failure>;

    /// When the next batch is due, given that the last was due at `due`.
    fn due(&self, due: Instant, interval: Duration) -> Instant {
        next_due(due, interval, Instant::now())
    }

    /// Carries out a command at once.
    ///
    /// # Errors
    /// As for [`Feed::next`].
    fn obey(&mut self, _: Command) -> Result<News, Failure> {
        Ok(News::Nothing)
    }

    /// What is known at this moment, due or not.
    ///
    /// # Errors
    /// As for [`Feed::next`].
    fn now(&mut self) -> Result<News, Failure> {
        self.next()
    }

    /// Called several times between batches, for work that must not wait that long.
    fn between(&mut self) {}
}

/// How often [`Feed::between`] is called.
const BETWEEN: Duration = Duration::from_millis(200);

/// A request from the view to its feed.
pub enum Request {
    /// Move in time.
    Play(Command),
    /// Judge only what happens from now on.
    BeginAnew,
    /// Sample at this interval from now on.
    Interval(Duration),
    /// Collect everything known now, and pass it to this function, which runs in the feed's thread.
    Keep(Box<dyn FnOnce(Kept) + Send>),
}

/// Everything known at one moment.
#[derive(Debug)]
pub struct Kept {
    /// The counters and sockets.
    pub sample: Sample,
    /// The run up to it, with the verdicts so far.
    pub judge: Judge,
    /// The options of the diagnosis.
    pub options: Options,
    /// The snapshot made from it.
    pub snapshot: Arc<Snapshot>,
    /// Earlier verdicts and listeners.
    pub film: Film,
    /// The number of each peer in it.
    pub numbers: Numbers,
    /// The connections ended by then whose records are still there, oldest first.
    pub ended: Vec<Ended>,
    /// The interval between samples at that moment; `None` for a recording.
    pub interval: Option<Duration>,
}

/// A running feed. Dropping it ends it.
#[derive(Debug)]
pub struct Feeding {
    /// The newest snapshot; `None` before the first.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// How it ended: with success if the feed had no more, and not at all if the thread panicked.
    pub end: oneshot::Receiver<Result<(), Failure>>,
    /// Accepts requests; the feed ends once all senders are dropped.
    pub commands: Sender<Request>,
}

/// Makes snapshots and publishes them.
struct Publisher {
    keeper: Keeper,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    /// Waiting to receive everything known with the next batch.
    keep: Option<Box<dyn FnOnce(Kept) + Send>>,
    pace: Pace,
}

impl Publisher {
    /// Returns whether to go on, that is, whether anyone still receives snapshots.
    fn publish(&mut self, news: News) -> bool {
        let snapshot = match news {
            News::Nothing => return true,
            News::Batch(batch) => {
                let snapshot = self.batch(*batch);
                self.pace.looked();
                snapshot
            }
            News::Playback(playback) => {
                let Some(last) = self.snapshots.borrow().clone() else {
                    return true;
                };
                Arc::new(Snapshot {
                    playback: Some(playback),
                    ..Snapshot::clone(&last)
                })
            }
        };
        self.snapshots.send(Some(snapshot)).is_ok()
    }

    fn snapshot(&mut self, batch: Batch) -> Snapshot {
        // A recording is played at its own speed.
        let live = batch.replayed.is_none();
        Snapshot {
            slowed: self.pace.slowed().filter(|_| live),
            ..self.keeper.add(batch)
        }
    }

    fn batch(&mut self, batch: Batch) -> Arc<Snapshot> {
        let Some(keep) = self.keep.take() else {
            return Arc::new(self.snapshot(batch));
        };
        let (sample, options) = (batch.sample.clone(), batch.options.clone());
        let live = batch.replayed.is_none();
        let replayed = batch.replayed.as_ref().map(|replayed| replayed.judge.clone());
        let snapshot = Arc::new(self.snapshot(batch));
        let taken_ns = sample.taken.monotonic_ns;
        keep(Kept {
            judge: replayed.unwrap_or_else(|| self.keeper.judge().clone()),
            film: self.keeper.film().clone(),
            numbers: self.keeper.numbers().clone(),
            ended: self.keeper.ended(taken_ns),
            interval: live.then(|| self.pace.asked()),
            sample,
            options,
            snapshot: Arc::clone(&snapshot),
        });
        snapshot
    }
}

/// Starts a feed. It is created in its own thread, so it need not be `Send`.
///
/// # Errors
/// If the thread cannot be started.
pub fn start<F: Feed>(
    make: impl FnOnce() -> Result<F, Failure> + Send + 'static,
    prefixes: Prefixes,
    window_ns: Option<u64>,
    interval: Duration,
) -> io::Result<Feeding> {
    let (publish, snapshots) = watch::channel(None);
    let (tell_end, end) = oneshot::channel();
    let (commands, told) = channel();
    let work = move || {
        let mut publisher = Publisher {
            keeper: Keeper::new(prefixes, window_ns),
            snapshots: publish,
            keep: None,
            pace: Pace::new(interval),
        };
        let feed = || -> Result<(), Failure> {
            let mut feed = make()?;
            // The cost of starting is not the cost of a look.
            publisher.pace = Pace::new(interval);
            let mut due = Instant::now();
            while publisher.publish(feed.next()?) {
                due = feed.due(due, publisher.pace.interval());
                while let Some(left) = due.checked_duration_since(Instant::now()) {
                    match told.recv_timeout(left.min(BETWEEN)) {
                        Err(RecvTimeoutError::Timeout) => feed.between(),
                        Err(RecvTimeoutError::Disconnected) => return Ok(()),
                        Ok(request) => {
                            let news = match request {
                                Request::Play(command) => feed.obey(command)?,
                                Request::BeginAnew => {
                                    publisher.keeper.begin_anew();
                                    News::Nothing
                                }
                                Request::Interval(interval) => {
                                    publisher.pace.ask(interval);
                                    due = feed.due(Instant::now(), publisher.pace.interval());
                                    News::Nothing
                                }
                                Request::Keep(keep) => {
                                    publisher.keep = Some(keep);
                                    feed.now()?
                                }
                            };
                            let changed = !matches!(news, News::Nothing);
                            if !publisher.publish(news) {
                                return Ok(());
                            }
                            if changed {
                                due = feed.due(Instant::now(), publisher.pace.interval());
                            }
                        }
                    }
                }
            }
            Ok(())
        };
        let result = feed();
        // There is no receiver if the view has ended first.
        let _ = tell_end.send(result);
        // Keeps the last snapshot available until then.
        while told.recv().is_ok() {}
    };
    thread::Builder::new().name("feed".to_owned()).spawn(work)?;
    Ok(Feeding {
        snapshots,
        end,
        commands,
    })
}

/// When the next batch is due: a whole number of intervals after the first, skipping those already past.
fn next_due(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{
        example,
        keeper::{Link, Replayed},
    };

    struct Short(u32);

    impl Feed for Short {
        fn next(&mut self) -> Result<News, Failure> {
            self.0 += 1;
            match self.0 {
                ..=3 => Ok(News::Batch(Box::new(example::batch(self.0)))),
                _ => Err(Failure::Usage("over".to_owned())),
            }
        }
    }

    fn until_end(feeding: Feeding) -> (Result<(), Failure>, Option<Arc<Snapshot>>) {
        let Feeding {
            snapshots,
            end,
            commands: _commands,
        } = feeding;
        let end = end.blocking_recv().unwrap();
        let last = snapshots.borrow().clone();
        (end, last)
    }

    #[test]
    fn the_last_snapshot_of_a_feed_stays() {
        let feeding = start(|| Ok(Short(0)), example::PREFIXES, None, Duration::from_millis(1)).unwrap();
        let (end, last) = until_end(feeding);
        assert_eq!(end.unwrap_err().to_string(), "over");
        assert_eq!(last.unwrap().course.len(), 3);
    }

    #[test]
    fn a_feed_that_cannot_begin_says_so() {
        let make = || Err::<Short, _>(Failure::Usage("no".to_owned()));
        let feeding = start(make, example::PREFIXES, None, Duration::from_secs(1)).unwrap();
        let (end, last) = until_end(feeding);
        assert_eq!(end.unwrap_err().to_string(), "no");
        assert!(last.is_none());
    }

    #[test]
    fn only_a_live_view_is_slowed() {
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.cost_was(Duration::from_secs(1));
        let mut publisher = Publisher {
            keeper: Keeper::new(example::PREFIXES, None),
            snapshots: watch::channel(None).0,
            keep: None,
            pace,
        };
        let mut batch = example::batch(1);
        assert!(publisher.snapshot(batch.clone()).slowed.is_some());
        batch.replayed = Some(Box::new(Replayed {
            judge: Judge::default(),
            link: Link::Begins,
            course: Vec::new(),
            playback: Playback {
                start: 0,
                at: 0,
                end: 1,
                speed: 1.0,
                playing: true,
                surge: None,
                as_recorded: false,
            },
        }));
        assert_eq!(publisher.snapshot(batch).slowed, None);
    }

    #[test]
    fn a_late_feed_does_not_catch_up() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(next_due(start, second, start), start + second);
        let late = start + second * 5;
        assert_eq!(next_due(start, second, late), late + second);
    }
}
