//! The listeners with the connections they hold.

use super::{Capacity, Options, capacity};
use crate::model::{
    backlog::Backlog,
    history::{History, PortKey},
    listening::{self, Holding},
    owner::Owner,
    sample::Sample,
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
    /// What the kernel says of it.
    pub backlog: Backlog,
    /// The longest that its accept queue was.
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
    let now = |(key, holding): (PortKey, Holding)| {
        let seen = history.port(key);
        let now = ListenerNow {
            host: None,
            netns: key.0,
            port: key.1,
            held: holding.held,
            close_wait: holding.close_wait,
            never_accepted: holding.never_accepted,
            never_accepted_peak: seen.map_or(0, |port| port.never_accepted_peak),
            backlog: holding.backlog,
            accept_queue_peak: seen.map_or(0, |port| port.accept_queue_peak),
            stuck_since_ns: seen.and_then(|port| port.stuck_since_ns),
            owner: holding.owner,
            max_workers: None,
            busy_workers: None,
            per_second: seen.and_then(|port| port.held.per_second()),
            exhausted_in_s: None,
        };
        (now, holding.occupied)
    };
    let ports = listening::by_port(&sample.sockets);
    let mut found: Vec<(ListenerNow, u64)> = ports.into_iter().map(now).collect();
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
