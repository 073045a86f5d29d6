//! The listeners with what they hold, and how long their workers will last.

use std::collections::BTreeMap;

use super::{Options, thresholds::STANDSTILL};
use crate::model::{
    history::{History, inbound_port, occupies_worker},
    owner::Owner,
    sample::Sample,
    socket::State,
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
    /// Workers the server has, as far as the user or its status page said.
    pub max_workers: Option<u32>,
    /// Workers that are busy: as the status page says, else one per accepted connection.
    pub busy_workers: Option<u32>,
    /// Growth of the connections held, per second, over the last half minute.
    pub per_second: Option<f64>,
    /// Until no worker is left at that growth, s: 0 when none is; `None` when they do not grow or
    /// nothing is known of the workers.
    pub exhausted_in_s: Option<f64>,
}

/// The listeners, in order of namespace and port.
pub(super) fn of(sample: &Sample, history: &History, options: &Options) -> Vec<ListenerNow> {
    let status = options.workers.as_ref();
    let max_workers = options.max_workers.or(status.and_then(|workers| workers.max));
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
                max_workers,
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
    found
        .into_values()
        .map(|(mut now, occupied)| {
            if let Some(max) = now.max_workers {
                let occupied = u32::try_from(occupied).unwrap_or(u32::MAX);
                // One worker cannot hold two connections, so more than there are wait.
                let busy = status
                    .and_then(|workers| workers.busy)
                    .unwrap_or(occupied.min(max));
                now.busy_workers = Some(busy);
                now.exhausted_in_s = exhausted_in_s(busy, max, now.per_second, now.held);
            }
            now
        })
        .collect()
}

/// Seconds until `max` workers are busy, if `busy` are now and the connections go on growing.
fn exhausted_in_s(busy: u32, max: u32, per_second: Option<f64>, held: u64) -> Option<f64> {
    if busy >= max {
        return Some(0.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "connections")]
    let standstill = held as f64 * STANDSTILL / 30.0;
    let growth = per_second.filter(|growth| *growth > standstill.max(0.02))?;
    // Tenths of a second are more than a straight line can promise.
    Some((f64::from(max - busy) / growth * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_exhaustion() {
        assert_eq!(exhausted_in_s(100, 400, Some(15.0), 100), Some(20.0));
        assert_eq!(exhausted_in_s(400, 400, Some(0.0), 900), Some(0.0));
        assert_eq!(exhausted_in_s(100, 400, Some(-3.0), 100), None);
        assert_eq!(exhausted_in_s(100, 400, None, 100), None);
        assert_eq!(
            exhausted_in_s(2000, 2500, Some(0.5), 2000),
            None,
            "it stands still"
        );
    }
}
