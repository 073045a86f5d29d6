//! A thread that tells somebody who may be slow. The queue to it is bounded, and what does not fit is
//! counted, so that nobody delays a sample.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    thread,
    time::Duration,
};

/// What may wait.
const QUEUE: usize = 256;

/// The way to such a thread. It ends with the process, or when there is nobody left to tell.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    queue: SyncSender<T>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
    held_back: u64,
}

impl<T: Clone + Send + 'static> Outlet<T> {
    /// Starts it. `tell` says whether there is still somebody to tell.
    pub(super) fn start(name: &str, mut tell: impl FnMut(&T) -> bool + Send + 'static) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE);
        let (running, ended) = channel();
        let work = move || {
            let _running = running;
            while let Ok(next) = waiting.recv() {
                if !tell(&next) {
                    return;
                }
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self {
            queue,
            ended,
            held_back: 0,
        })
    }

    /// Puts something into the queue, or counts that there was no room.
    pub(super) fn put(&mut self, what: &T) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(what.clone()) {
            self.held_back += 1;
        }
    }

    /// Waits until all that is in the queue has been told, but no longer than this.
    pub(super) fn end(self, patience: Duration) {
        drop(self.queue);
        // It ends with an error either way: the time is over, or the other end is closed.
        let _ = self.ended.recv_timeout(patience);
    }

    /// How many found no room.
    pub(super) fn held_back(&self) -> u64 {
        self.held_back
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_is_in_the_queue_at_the_end_is_still_told() {
        let (tell, told) = channel();
        let slow = move |n: &u64| {
            thread::sleep(Duration::from_millis(20));
            tell.send(*n).is_ok()
        };
        let mut outlet = Outlet::start("slow", slow).unwrap();
        (0..5).for_each(|n| outlet.put(&n));
        outlet.end(Duration::from_secs(60));
        assert_eq!(told.try_iter().count(), 5);
    }

    #[test]
    fn nobody_waits_for_a_slow_listener() {
        let (go_on, wait) = channel::<()>();
        let (tell, told) = channel();
        let mut outlet = Outlet::start("slow", move |n: &u64| {
            let _ = wait.recv();
            tell.send(*n).is_ok()
        })
        .unwrap();
        let all = 2 * QUEUE as u64;
        (0..all).for_each(|n| outlet.put(&n));
        // One more than the queue holds may already be with the listener.
        let held_back = outlet.held_back();
        assert!(
            (all - QUEUE as u64 - 1..=all - QUEUE as u64).contains(&held_back),
            "{held_back}"
        );
        drop(go_on);
        let arrived: Vec<u64> = (0..all - held_back).map(|_| told.recv().unwrap()).collect();
        assert_eq!(arrived, (0..all - held_back).collect::<Vec<_>>());
    }
}
