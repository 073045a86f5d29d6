//! The listeners with what they hold.

use std::collections::BTreeMap;

use crate::model::{
    peer::Direction,
    socket::{Sockets, State},
};

/// One listening port of a namespace; several sockets on it (one per address, or `SO_REUSEPORT`)
/// are taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerNow {
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
    /// Length of the accept queue.
    pub accept_queue: u64,
    /// Its limit.
    pub accept_queue_limit: u64,
    /// Workers the server has, as far as the user said.
    pub max_workers: Option<u32>,
}

/// The listeners, in order of namespace and port.
pub(super) fn of(sockets: &Sockets, max_workers: Option<u32>) -> Vec<ListenerNow> {
    let mut found: BTreeMap<(u32, u16), ListenerNow> = BTreeMap::new();
    for listener in &sockets.listeners {
        let (netns, port) = (listener.netns, listener.port);
        let now = found.entry((netns, port)).or_insert(ListenerNow {
            netns,
            port,
            max_workers,
            ..ListenerNow::default()
        });
        now.accept_queue += u64::from(listener.accept_queue);
        now.accept_queue_limit += u64::from(listener.accept_queue_limit);
    }
    for connection in &sockets.connections {
        if connection.direction != Direction::Inbound {
            continue;
        }
        if let Some(now) = found.get_mut(&(connection.netns, connection.local.1)) {
            now.held += 1;
            now.close_wait += u64::from(connection.state == State::CloseWait);
            now.never_accepted += u64::from(connection.never_accepted());
        }
    }
    found.into_values().collect()
}
