//! Empties the ring of records while the rest of the program does something else.

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

/// From one look at the ring to the next. At 40,000 ends a second 120 KB come in this time.
const PACE: Duration = Duration::from_millis(20);

/// Taken at once.
const BATCH: usize = 65_536;

/// Records that may wait in memory, 200 MB; what comes then stays in the ring, and what does not fit
/// there is counted by the kernel as lost.
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
pub(super) struct Drain {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    pub(super) fn start(records: Option<Records>) -> std::io::Result<Self> {
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

    /// What has come since the last call.
    pub(super) fn take(&self) -> Vec<Ended> {
        self.shared.take()
    }

    /// Takes everything that is in the ring, and ends the thread.
    pub(super) fn finish(&mut self) -> Vec<Ended> {
        self.stop();
        self.shared.take()
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic.
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
        // Looked at before the ring: what is in it at that moment is taken yet.
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
