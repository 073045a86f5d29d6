//! Empties the ring of records independently of the rest of the program.

use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{kernel::records::Records, model::ended::Ended};

/// How often the ring is read. At 40,000 ends per second, 120 KB arrive in this time.
const PACE: Duration = Duration::from_millis(20);

/// Maximum number of records read at once.
const BATCH: usize = 65_536;

/// Maximum number of records waiting in memory, 200 MB. Later ones stay in the ring, and the kernel counts
/// those that do not fit as lost.
const MAX_WAITING: usize = 1 << 20;

#[derive(Default)]
struct Shared {
    waiting: Mutex<Vec<Ended>>,
    stop: AtomicBool,
}

impl Shared {
    fn add(&self, ended: &mut Vec<Ended>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.append(ended);
    }

    fn take(&self) -> Vec<Ended> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The thread that empties the ring.
pub(in crate::commands) struct Drain {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    pub(in crate::commands) fn start(records: Option<Records>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = match records {
            None => None,
            Some(records) => {
                let shared = Arc::clone(&shared);
                let empty = move || empty(records, &shared);
                Some(thread::Builder::new().name("records".to_owned()).spawn(empty)?)
            }
        };
        Ok(Self { shared, thread })
    }

    /// The records since the last call.
    pub(in crate::commands) fn take(&self) -> Vec<Ended> {
        self.shared.take()
    }

    /// Takes everything left in the ring, and ends the thread.
    pub(in crate::commands) fn finish(&mut self) -> Vec<Ended> {
        self.stop();
        self.shared.take()
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Nothing in it can panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.stop();
    }
}

fn empty(mut records: Records, shared: &Shared) {
    loop {
        // Checked before the ring is read, so that everything in it at that moment is still taken.
        let last = shared.stop.load(Ordering::Acquire);
        while last || shared.len() < MAX_WAITING {
            let mut ended = records.take(BATCH);
            if ended.is_empty() {
                break;
            }
            shared.add(&mut ended);
        }
        if last {
            return;
        }
        thread::sleep(PACE);
    }
}
