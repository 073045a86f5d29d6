//! `listeners.csv`: one row per listening address and interval.

use std::net::IpAddr;

use super::{
    Kind,
    columns::{self, Column, Count, Local, Number, Owner, Put, Read, Time},
};
use crate::{
    diagnosis::Diagnosis,
    evidence::cells::Fields,
    model::{
        backlog::{self, Backlog, FIGURES, PLACED},
        listening::{self, Holding},
        owner::Process,
        sample::Sample,
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
    /// How many of them are in CLOSE_WAIT.
    close_wait: u64 as Count,
    /// How many of them no process has accepted.
    never_accepted: u64 as Count,
    /// The kernel's figures for it.
    backlog: Backlog as Placed,
    /// Busy workers, if known.
    busy_workers: Option<u64> as Count,
    /// Idle workers, if known.
    idle_workers: Option<u64> as Count,
    /// The process that listens.
    owner: Option<Process> as Owner,
    added:
    /// The figures of `backlog` that are not in the columns above.
    others: Others as Others,
    then Self::with_others
}

/// The columns of the figures with a fixed position.
struct Placed;

impl Column<Backlog> for Placed {
    const NAMES: Option<&'static [&'static str]> = Some(Backlog::NAMES.split_at(PLACED).0);

    fn put(backlog: &Backlog, put: Put<'_>) {
        for figure in FIGURES.iter().take(PLACED) {
            Count::put(&(figure.get)(backlog), put);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Read<Backlog> {
        let mut backlog = Backlog::default();
        for figure in FIGURES.iter().take(PLACED) {
            (figure.set)(&mut backlog, Count::read(fields)?);
        }
        Ok(backlog)
    }
}

/// The other figures, one column each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others([Option<u64>; FIGURES.len() - PLACED]);

impl Others {
    /// The figures of a listener.
    pub fn of(backlog: &Backlog) -> Self {
        let mut others = Self::default();
        for (value, figure) in others.0.iter_mut().zip(backlog::others()) {
            *value = (figure.get)(backlog);
        }
        others
    }
}

impl Column<Self> for Others {
    const NAMES: Option<&'static [&'static str]> = Some(Backlog::NAMES.split_at(PLACED).1);

    fn put(others: &Self, put: Put<'_>) {
        for value in &others.0 {
            Count::put(value, put);
        }
    }

    fn read(fields: &mut Fields<'_>) -> Read<Self> {
        let mut others = Self::default();
        for value in &mut others.0 {
            if fields.is_more() {
                *value = Count::read(fields)?;
            }
        }
        Ok(others)
    }
}

impl ListenerRow {
    /// The rows of all listeners; sockets sharing an address and port (`SO_REUSEPORT`) are combined.
    pub fn of(sample: &Sample, diagnosis: &Diagnosis) -> Vec<Self> {
        let row = |((netns, port, address), holding): (_, Holding)| {
            let (busy_workers, idle_workers) = workers(diagnosis, netns, port);
            Self {
                sampled_at: sample.taken.utc_ns,
                netns,
                local: (address, port),
                held: holding.held,
                close_wait: holding.close_wait,
                never_accepted: holding.never_accepted,
                backlog: holding.backlog,
                others: Others::of(&holding.backlog),
                busy_workers,
                idle_workers,
                owner: holding.owner.process().cloned(),
            }
        };
        let found = listening::by_address(&sample.sockets);
        found.into_iter().map(row).collect()
    }

    /// Combines the figures that are separate in a row.
    fn with_others(mut self) -> Self {
        for (value, figure) in self.others.0.iter().zip(backlog::others()) {
            (figure.set)(&mut self.backlog, *value);
        }
        self
    }
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
    // Without a status page, the workers the server may still start.
    let left = max.zip(busy).map(|(max, busy)| max.saturating_sub(busy));
    (busy, idle.or(left))
}
