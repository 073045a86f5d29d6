//! The listeners with what they hold.

use super::{Capacity, Options, capacity};
use crate::model::{
    history::{History, PortKey},
    listening::{self, Holding},
    owner::Owner,
    sample::Sample,
};

/// One listening port of a namespace; several sockets on it (one per address, or `SO_REUSEPORT`)
/// are taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerNow {
    /// On which host, where there are several.
    pub host: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Port.
    pub port: u16,
    /// Connections open on it.
    pub held: u64,
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
    /// Of these, not yet accepted by any process.
    pub never_accepted: u64,
    /// The most that were not accepted at any time.
    pub never_accepted_peak: u64,
    /// Length of the accept queue.
    pub accept_queue: u64,
    /// Its limit.
    pub accept_queue_limit: u64,
    /// The longest it was.
    pub accept_queue_peak: u64,
    /// Since when connections have waited to be accepted without a break, monotonic, ns.
    pub stuck_since_ns: Option<u64>,
    /// Who listens.
    pub owner: Owner,
    /// The most workers its process can have: see [`Capacity::max_workers`].
    pub max_workers: Option<u32>,
    /// Those that are busy, whatever port they serve: see [`Capacity::busy_workers`].
    pub busy_workers: Option<u32>,
    /// Growth of the connections held, per second, over the last half minute or few samples.
    pub per_second: Option<f64>,
    /// Until its process has no worker left: see [`Capacity::exhausted_in_s`].
    pub exhausted_in_s: Option<f64>,
}

/// The listeners, in order of namespace and port, and their processes.
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
            accept_queue: holding.accept_queue,
            accept_queue_limit: holding.accept_queue_limit,
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
