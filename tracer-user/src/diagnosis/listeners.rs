//! The listeners with the connections they hold.

use std::collections::BTreeMap;

use super::{Capacity, Options, capacity};
use crate::model::{
    history::{History, inbound_port, occupies_worker},
    owner::Owner,
    sample::Sample,
    socket::State,
};

/// A listening port in a namespace. Several sockets on it (one per address, or `SO_REUSEPORT`) are combined.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerNow {
    /// The host it belongs to, when several are combined.
    pub host: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The port.
    pub port: u16,
    /// Connections open on it.
    pub held: u64,
    /// How many of them are in CLOSE_WAIT.
    pub close_wait: u64,
    /// How many of them no process has accepted yet.
    pub never_accepted: u64,
    /// The most that were unaccepted at any time.
    pub never_accepted_peak: u64,
    /// Length of the accept queue.
    pub accept_queue: u64,
    /// Limit of the accept queue.
    pub accept_queue_limit: u64,
    /// The longest the accept queue was.
    pub accept_queue_peak: u64,
    /// Since when some connection has been waiting to be accepted without interruption, monotonic, ns.
    pub stuck_since_ns: Option<u64>,
    /// The process that listens.
    pub owner: Owner,
    /// Maximum number of workers of its process; see [`Capacity::max_workers`].
    pub max_workers: Option<u32>,
    /// Busy workers of its process, on any of its ports; see [`Capacity::busy_workers`].
    pub busy_workers: Option<u32>,
    /// Growth of the open connections, per second, over the last half minute or the last few samples.
    pub per_second: Option<f64>,
    /// Seconds until its process has no worker left; see [`Capacity::exhausted_in_s`].
    pub exhausted_in_s: Option<f64>,
}

/// The listeners, ordered by namespace and port, and the processes behind them.
pub(super) fn of(sample: &Sample, history: &History, options: &Options) -> (Vec<ListenerNow>, Vec<Capacity>) {
    let mut found: BTreeMap<(u32, u16), (ListenerNow, u64)> = BTreeMap::new();
    for listener in &sample.sockets.listeners {
        let key = (listener.netns, listener.port);
        let (now, _) = found.entry(key).or_insert_with(|| {
            let seen = history.port(key);
            let now = ListenerNow {
                host: None,
                netns: listener.netns,
                port: listener.port,
                held: 0,
                close_wait: 0,
                never_accepted: 0,
                never_accepted_peak: seen.map_or(0, |port| port.never_accepted_peak),
                accept_queue: 0,
                accept_queue_limit: 0,
                accept_queue_peak: seen.map_or(0, |port| port.accept_queue_peak),
                stuck_since_ns: seen.and_then(|port| port.stuck_since_ns),
                owner: listener.owner.clone(),
                max_workers: None,
                busy_workers: None,
                per_second: seen.and_then(|port| port.held.per_second()),
                exhausted_in_s: None,
            };
            (now, 0)
        });
        now.accept_queue += u64::from(listener.accept_queue);
        now.accept_queue_limit += u64::from(listener.accept_queue_limit);
        if now.owner.process().is_none() {
            now.owner = listener.owner.clone();
        }
    }
    for connection in &sample.sockets.connections {
        if let Some((now, occupied)) = inbound_port(connection).and_then(|key| found.get_mut(&key)) {
            now.held += 1;
            now.close_wait += u64::from(connection.state == State::CloseWait);
            now.never_accepted += u64::from(connection.never_accepted());
            *occupied += u64::from(occupies_worker(connection));
        }
    }
    let mut found: Vec<(ListenerNow, u64)> = found.into_values().collect();
    let capacity = capacity::of(&found, options);
    for (now, _) in &mut found {
        if let Some(process) = capacity.iter().find(|process| process.covers(now)) {
            now.max_workers = process.max_workers;
            now.busy_workers = process.busy_workers;
            now.exhausted_in_s = process.exhausted_in_s;
        }
    }
    (found.into_iter().map(|(now, _)| now).collect(), capacity)
}
