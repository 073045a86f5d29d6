//! `listeners.csv`: a row per listening address and interval.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    Kind,
    columns::{self, Count, Local, Number, Owner, Time},
};
use crate::{
    diagnosis::Diagnosis,
    model::{
        history::inbound_port,
        owner::Process,
        sample::Sample,
        socket::{Connection, State},
    },
};

columns::row! {
    /// One row.
    #[derive(Clone, Debug, PartialEq, Eq)]
    ListenerRow of Kind::Listeners;
    /// When, UTC, ns.
    sampled_at: i128 as Time,
    /// Inode number of the network namespace.
    netns: u32 as Number,
    /// Address and port it listens on.
    local: (IpAddr, u16) as Local,
    /// Connections open on it.
    held: u64 as Count,
    /// Of these, in CLOSE_WAIT.
    close_wait: u64 as Count,
    /// Of these, not accepted.
    never_accepted: u64 as Count,
    /// Length of the accept queue.
    accept_queue: u64 as Count,
    /// Its limit.
    accept_queue_limit: u64 as Count,
    /// Workers that are busy, as far as that is known.
    busy_workers: Option<u64> as Count,
    /// Workers that are idle likewise.
    idle_workers: Option<u64> as Count,
    /// Who listens.
    owner: Option<Process> as Owner,
}

impl ListenerRow {
    /// The rows of all listeners; sockets that share address and port (`SO_REUSEPORT`) are one.
    pub fn of(sample: &Sample, diagnosis: &Diagnosis) -> Vec<Self> {
        let mut rows: BTreeMap<(u32, u16, IpAddr), Self> = BTreeMap::new();
        for listener in &sample.sockets.listeners {
            let row = rows
                .entry((listener.netns, listener.port, listener.address))
                .or_insert_with(|| {
                    let (busy_workers, idle_workers) = workers(diagnosis, listener.netns, listener.port);
                    Self {
                        sampled_at: sample.taken.utc_ns,
                        netns: listener.netns,
                        local: (listener.address, listener.port),
                        held: 0,
                        close_wait: 0,
                        never_accepted: 0,
                        accept_queue: 0,
                        accept_queue_limit: 0,
                        busy_workers,
                        idle_workers,
                        owner: None,
                    }
                });
            row.accept_queue += u64::from(listener.accept_queue);
            row.accept_queue_limit += u64::from(listener.accept_queue_limit);
            row.owner = row.owner.take().or_else(|| listener.owner.process().cloned());
        }
        for connection in &sample.sockets.connections {
            if let Some(row) = listener_of(&mut rows, connection) {
                row.held += 1;
                row.close_wait += u64::from(connection.state == State::CloseWait);
                row.never_accepted += u64::from(connection.never_accepted());
            }
        }
        rows.into_values().collect()
    }
}

/// The listener a connection came in on: the one on its own address before those on all.
fn listener_of<'a>(
    rows: &'a mut BTreeMap<(u32, u16, IpAddr), ListenerRow>,
    connection: &Connection,
) -> Option<&'a mut ListenerRow> {
    let (netns, port) = inbound_port(connection)?;
    let any4: IpAddr = Ipv4Addr::UNSPECIFIED.into();
    let any6: IpAddr = Ipv6Addr::UNSPECIFIED.into();
    let key = [connection.local.0, any4, any6]
        .into_iter()
        .filter(|address| *address != any4 || connection.local.0.is_ipv4())
        .map(|address| (netns, port, address))
        .find(|key| rows.contains_key(key))?;
    rows.get_mut(&key)
}

fn workers(diagnosis: &Diagnosis, netns: u32, port: u16) -> (Option<u64>, Option<u64>) {
    let now = diagnosis
        .listeners
        .iter()
        .find(|now| (now.netns, now.port) == (netns, port));
    let busy = now.and_then(|now| now.busy_workers).map(u64::from);
    let max = now.and_then(|now| now.max_workers).map(u64::from);
    let idle = now
        .and_then(|now| diagnosis.capacity_of(now)?.idle_workers())
        .map(u64::from);
    // Without a page, those that the server may still start.
    let left = max.zip(busy).map(|(max, busy)| max.saturating_sub(busy));
    (busy, idle.or(left))
}
