//! Where snapshots come from: a feed, live or recorded, in a thread of its own, so that the screen
//! never waits for a sample.

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
    keeper::{Batch, Keeper, Prefixes},
    snapshot::Snapshot,
};
use crate::exit::Failure;

/// Gives what is known, one moment after another.
pub trait Feed {
    /// Everything known now; `None` when nothing more will come.
    ///
    /// # Errors
    /// When it cannot be read; nothing more will come then either.
    fn next(&mut self) -> Result<Option<Batch>, Failure>;

    /// Called several times between two batches, for what must not wait so long.
    fn between(&mut self) {}
}

/// How often [`Feed::between`] is called.
const BETWEEN: Duration = Duration::from_millis(200);

/// A feed at work. Dropping it ends it.
#[derive(Debug)]
pub struct Feeding {
    /// The newest snapshot; `None` before the first.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// How it ended: well when the feed has no more, or not at all when the thread broke down.
    pub end: oneshot::Receiver<Result<(), Failure>>,
    _stop: Sender<()>,
}

/// Starts a feed. It is made in its thread, so it need not be able to change threads.
///
/// # Errors
/// When there is no thread to be had.
pub fn start<F: Feed>(
    make: impl FnOnce() -> Result<F, Failure> + Send + 'static,
    prefixes: Prefixes,
    interval: Duration,
) -> io::Result<Feeding> {
    let (publish, snapshots) = watch::channel(None);
    let (tell_end, end) = oneshot::channel();
    let (stop, stopped) = channel::<()>();
    let work = move || {
        let mut keeper = Keeper::new(prefixes);
        let feed = || -> Result<(), Failure> {
            let mut feed = make()?;
            let mut due = Instant::now();
            while let Some(batch) = feed.next()? {
                if publish.send(Some(Arc::new(keeper.add(batch)))).is_err() {
                    return Ok(());
                }
                due = next_due(due, interval, Instant::now());
                // Nothing is ever sent: it ends the wait by being dropped.
                while let Some(left) = due.checked_duration_since(Instant::now()) {
                    match stopped.recv_timeout(left.min(BETWEEN)) {
                        Err(RecvTimeoutError::Timeout) => feed.between(),
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    }
                }
            }
            Ok(())
        };
        let result = feed();
        // Nobody listens when the view has ended first.
        let _ = tell_end.send(result);
        // The last snapshot stays until then.
        let _ = stopped.recv();
    };
    thread::Builder::new().name("feed".to_owned()).spawn(work)?;
    Ok(Feeding {
        snapshots,
        end,
        _stop: stop,
    })
}

/// When the next batch is due: whole intervals after the first, leaving out those that have passed.
fn next_due(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::example;

    struct Short(u32);

    impl Feed for Short {
        fn next(&mut self) -> Result<Option<Batch>, Failure> {
            self.0 += 1;
            Ok((self.0 <= 3).then(|| example::batch(self.0)))
        }
    }

    fn until_end(feeding: Feeding) -> (Result<(), Failure>, Option<Arc<Snapshot>>) {
        let Feeding {
            snapshots,
            end,
            _stop,
        } = feeding;
        let end = end.blocking_recv().unwrap();
        let last = snapshots.borrow().clone();
        (end, last)
    }

    #[test]
    fn the_last_snapshot_of_a_feed_stays() {
        let feeding = start(|| Ok(Short(0)), example::PREFIXES, Duration::from_millis(1)).unwrap();
        let (end, last) = until_end(feeding);
        assert!(end.is_ok());
        assert_eq!(last.unwrap().course.len(), 3);
    }

    #[test]
    fn a_feed_that_cannot_begin_says_so() {
        let make = || Err::<Short, _>(Failure::Usage("no".to_owned()));
        let feeding = start(make, example::PREFIXES, Duration::from_secs(1)).unwrap();
        let (end, last) = until_end(feeding);
        assert_eq!(end.unwrap_err().to_string(), "no");
        assert!(last.is_none());
    }

    #[test]
    fn a_late_feed_does_not_catch_up() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(next_due(start, second, start), start + second);
        let late = start + second * 5;
        assert_eq!(next_due(start, second, late), late + second);
    }
}
