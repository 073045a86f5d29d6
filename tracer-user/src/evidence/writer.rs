//! Writes a recording in a thread of its own, so that a slow or hung disk stops neither counting nor the
//! answer. What waits to be written is limited, and rows that find no room are counted.

mod target;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

pub(super) use self::target::Target;
use super::{
    flight::{Flight, Keep, Told},
    recording::{Block, Entry, Recording},
    rows::ConnectionRow,
};
use crate::diagnosis::words;

/// Maximum number of intervals that wait. One with 16,384 peers takes 10 MB.
const MAX_INTERVALS: usize = 4;

/// Maximum number of rows of connections that wait: some 60 MB, half a minute of 4,000 ends a second.
const MAX_ROWS: usize = 1 << 17;

/// A disk that takes this long for one thing is said to be slow.
const SLOW: Duration = Duration::from_secs(5);

enum Job {
    Rows(Vec<ConnectionRow>),
    Interval(Box<Entry>),
    Keep(Keep),
    /// The end of a recording, after which a flight recorder begins another one.
    Cut(Box<Entry>, Vec<u8>),
    End(Box<Entry>, Vec<u8>),
}

/// How a recording stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Rows of all files so far.
    pub rows: u64,
    /// Total size of all files, bytes.
    pub bytes: u64,
    /// Rows that could not be written, or found no room while they waited.
    pub rows_not_written: u64,
    /// Why the evidence is incomplete, if it is.
    pub incomplete: Option<String>,
    /// Whether the recording must end because it has reached its maximum size.
    pub is_full: bool,
    /// The least maximum size, if the one given is too small for a single interval. Nothing is recorded then.
    pub refused: Option<u64>,
    news: Vec<String>,
    told: Vec<Told>,
    state_due_ns: u64,
    next_number: (u64, u64),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    intervals: usize,
    rows: usize,
    /// Rows that found no room, and that the recording does not know of yet.
    dropped: u64,
    /// Since when the thread has worked on one job.
    busy: Option<Instant>,
    /// Whether that was said.
    said_slow: bool,
    /// Counts the jobs that were done.
    progress: u64,
    closed: bool,
    done: bool,
    status: Status,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that writes, as seen by the one that counts.
pub struct Writer {
    shared: Arc<Shared>,
    /// The number of the first change of a verdict that has not been handed over.
    told: u64,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn start(recording: Recording) -> io::Result<Self> {
        Self::over(recording)
    }

    /// Starts the thread of a flight recorder.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub fn fly(flight: Flight) -> io::Result<Self> {
        Self::over(flight)
    }

    fn over(mut target: impl Target) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        publish(target.recording(), &mut shared.lock().status);
        let its = Arc::clone(&shared);
        thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || work(target, &its))?;
        Ok(Self { shared, told: 0 })
    }

    /// Adds rows of connections to the current interval.
    pub fn connections(&self, mut rows: Vec<ConnectionRow>) {
        if rows.is_empty() {
            return;
        }
        let mut queue = self.shared.lock();
        let room = MAX_ROWS.saturating_sub(queue.rows);
        queue.dropped += rows.len().saturating_sub(room) as u64;
        rows.truncate(room);
        queue.rows += rows.len();
        queue.jobs.push_back(Job::Rows(rows));
        self.shared.changed.notify_all();
    }

    /// Ends an interval. If too many wait already it is left out: the next one has all that changed.
    pub fn interval(&mut self, block: &Block<'_>) {
        let number = {
            let queue = self.shared.lock();
            if queue.intervals >= MAX_INTERVALS {
                return;
            }
            let (session, interval) = queue.status.next_number;
            let due = block.sample.taken.monotonic_ns >= queue.status.state_due_ns;
            (due && queue.intervals == 0).then_some((session, interval))
        };
        let entry = Entry::of(block, self.told, number);
        self.told = entry.told();
        let mut queue = self.shared.lock();
        queue.intervals += 1;
        queue.jobs.push_back(Job::Interval(Box::new(entry)));
        self.shared.changed.notify_all();
    }

    /// Keeps what a flight recorder has and what comes, for this reason.
    pub fn keep(&self, keep: Keep) {
        let mut queue = self.shared.lock();
        queue.jobs.push_back(Job::Keep(keep));
        self.shared.changed.notify_all();
    }

    /// Ends what a flight recorder keeps; it begins another recording. `report` is the diagnosis as JSON.
    pub fn cut(&mut self, block: &Block<'_>, report: Vec<u8>) {
        let entry = self.last(block);
        let mut queue = self.shared.lock();
        // No state is made for the next recording until it has begun.
        queue.intervals += 1;
        queue.jobs.push_back(Job::Cut(entry, report));
        self.shared.changed.notify_all();
    }

    /// Ends the last interval and the recording. `report` is the diagnosis as JSON.
    pub fn finish(&mut self, block: &Block<'_>, report: Vec<u8>) {
        let entry = self.last(block);
        let mut queue = self.shared.lock();
        queue.jobs.push_back(Job::End(entry, report));
        self.shared.changed.notify_all();
    }

    /// The last entry of a recording, which always has a state.
    fn last(&mut self, block: &Block<'_>) -> Box<Entry> {
        let queue = self.shared.lock();
        let (session, next) = queue.status.next_number;
        let number = (session, next + queue.intervals as u64);
        drop(queue);
        let entry = Entry::of(block, self.told, Some(number));
        self.told = entry.told();
        Box::new(entry)
    }

    /// What has become of kept evidence and has not been told yet.
    pub fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.shared.lock().status.told)
    }

    /// Waits for the end of the recording, but no longer than this for any single thing that is written.
    /// Returns whether all was written.
    pub fn wait(&self, patience: Duration) -> bool {
        self.wait_for(patience, |queue| queue.done)
    }

    /// Waits in the same way until nothing waits to be written.
    pub fn wait_until_written(&self, patience: Duration) -> bool {
        self.wait_for(patience, |queue| {
            queue.done || queue.jobs.is_empty() && queue.busy.is_none()
        })
    }

    fn wait_for(&self, patience: Duration, is_done: impl Fn(&Queue) -> bool) -> bool {
        let mut queue = self.shared.lock();
        let (mut seen, mut since) = (queue.progress, Instant::now());
        while !is_done(&queue) {
            if queue.progress != seen {
                (seen, since) = (queue.progress, Instant::now());
            }
            let Some(left) = patience.checked_sub(since.elapsed()) else {
                return false;
            };
            let waited = self.shared.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// How the recording stands.
    pub fn status(&self) -> Status {
        let queue = self.shared.lock();
        Status {
            rows_not_written: queue.status.rows_not_written + queue.dropped,
            ..queue.status.clone()
        }
    }

    /// What has happened to the files and has not been reported yet.
    pub fn news(&self) -> Vec<String> {
        let mut queue = self.shared.lock();
        let mut news = std::mem::take(&mut queue.status.news);
        let is_slow = queue.busy.is_some_and(|since| since.elapsed() >= SLOW);
        if is_slow && !queue.said_slow {
            news.push(format!(
                "the disk has not answered for {}; counting continues, and rows wait in memory as long as there is room",
                words::duration(u64::try_from(SLOW.as_nanos()).unwrap_or(u64::MAX))
            ));
        }
        if !is_slow && queue.said_slow {
            news.push("the disk answers again".to_owned());
        }
        queue.said_slow = is_slow;
        news
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

fn publish(recording: Option<&mut Recording>, status: &mut Status) {
    let Some(recording) = recording else { return };
    status.rows = recording.rows();
    status.bytes = recording.bytes();
    status.rows_not_written = recording.rows_not_written();
    status.incomplete = recording.incomplete();
    status.is_full = recording.is_full();
    status.state_due_ns = recording.state_due_ns();
    status.next_number = recording.next_number();
}

fn work(mut target: impl Target, shared: &Shared) {
    let mut first = true;
    loop {
        let mut queue = shared.lock();
        while queue.jobs.is_empty() && !queue.closed {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(job) = queue.jobs.pop_front() else {
            return;
        };
        if let Some(recording) = target.recording() {
            recording.not_written(std::mem::take(&mut queue.dropped));
        }
        queue.busy = Some(Instant::now());
        drop(queue);
        let mut is_last = matches!(job, Job::End(..));
        let (mut intervals, mut rows) = (0, 0);
        match job {
            Job::Rows(some) => {
                rows = some.len();
                if let Some(recording) = target.recording() {
                    some.iter().for_each(|row| recording.connection(row));
                }
            }
            Job::Interval(entry) => {
                intervals = 1;
                target.add(*entry);
            }
            Job::Keep(keep) => target.keep(keep),
            Job::Cut(entry, report) => {
                intervals = 1;
                target.cut(*entry, &report);
            }
            Job::End(entry, report) => target.end(*entry, &report),
        }
        let refused = target.refused().filter(|_| intervals > 0 && first);
        first &= intervals == 0;
        is_last |= refused.is_some();
        let (news, told) = (target.news(), target.told());
        let mut queue = shared.lock();
        publish(target.recording(), &mut queue.status);
        queue.status.news.extend(news);
        queue.status.told.extend(told);
        queue.status.refused = refused;
        queue.intervals -= intervals;
        queue.rows -= rows;
        queue.busy = None;
        queue.progress += 1;
        if is_last {
            drop(queue);
            if refused.is_some() {
                target.discard();
            }
            shared.lock().done = true;
            shared.changed.notify_all();
            return;
        }
        shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{
        recording::Limit,
        testing::{blocks, session},
        verify::verify,
    };

    #[test]
    fn what_is_handed_over_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("evidence");
        let mut writer = None;
        blocks(5, 10, |block, rows, last| {
            let writer = writer.get_or_insert_with(|| {
                let mut recording = Recording::create(&path, session(), None).unwrap();
                recording.begin(block.sample.started);
                Writer::start(recording).unwrap()
            });
            writer.connections(rows);
            if last {
                writer.finish(block, b"{}".to_vec());
            } else {
                writer.interval(block);
                // Intervals that find no room are left out, and this test wants all of them.
                while writer.shared.lock().intervals > 0 {
                    thread::yield_now();
                }
            }
        });
        let writer = writer.unwrap();
        assert!(writer.wait(Duration::from_secs(60)));
        assert_eq!((writer.news(), writer.status().incomplete), (Vec::new(), None));
        let report = verify(&path).unwrap();
        assert!(report.is_whole() && report.stopped, "{report:?}");
        assert_eq!(report.up_to.unwrap().0, 5);
        let rows = std::fs::read_to_string(path.join("connections.csv")).unwrap();
        assert!(rows.lines().count() > 50, "{rows}");
    }

    #[test]
    fn a_disk_that_hangs_is_told_and_what_waits_is_limited() {
        let parent = tempfile::tempdir().unwrap();
        let mut recording = Recording::create(&parent.path().join("evidence"), session(), None).unwrap();
        // As if the thread waited for the disk.
        let shared = Arc::new(Shared::default());
        publish(Some(&mut recording), &mut shared.lock().status);
        shared.lock().busy = Instant::now().checked_sub(SLOW);
        let mut writer = Writer { shared, told: 0 };
        blocks(20, 20_000, |block, rows, last| {
            writer.connections(rows);
            if last {
                writer.finish(block, Vec::new());
            } else {
                writer.interval(block);
            }
        });
        assert!(writer.news()[0].contains("has not answered"));
        assert_eq!(writer.news(), [""; 0]);
        let queue = writer.shared.lock();
        assert_eq!((queue.intervals, queue.rows), (MAX_INTERVALS, MAX_ROWS));
        drop(queue);
        assert!(writer.status().rows_not_written >= 20 * 20_000 - MAX_ROWS as u64);
        assert!(!writer.wait(Duration::from_millis(1)));
        drop(writer);
        drop(recording);
    }

    #[test]
    fn a_limit_that_is_too_small_is_refused_with_the_least() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("evidence");
        let limit = |bytes| Some(Limit { bytes, rotate: true });
        let refused = |bytes| {
            let mut recording = Recording::create(&path, session(), limit(bytes)).unwrap();
            let mut refused = None;
            blocks(2, 1, |block, _, last| {
                if last {
                    return;
                }
                recording.begin(block.sample.started);
                recording.interval(block);
                refused = recording.too_small();
            });
            recording.discard();
            assert!(!path.exists());
            refused
        };
        let least = refused(4096).unwrap();
        assert!(least > 4096, "{least}");
        assert_eq!(refused(least), None);
    }
}
