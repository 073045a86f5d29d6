//! `listeners.csv`: a row of each listening address when one of them has changed.

use std::net::IpAddr;

use super::{
    Kind,
    columns::{self, Count, Local, Number, Owner, Shown, Time},
};
use crate::{
    diagnosis::Diagnosis,
    model::{
        backlog::{Backlog, PLACED},
        figure::Table,
        listening::{self, Holding},
        owner::Process,
        sample::{Known, Sample},
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
    /// The kernel's figures for it, as far as they have a fixed position.
    placed: [Option<u64>; PLACED] as Placed,
    /// Busy workers, if known.
    busy_workers: Option<u64> as Count,
    /// Idle workers, if known.
    idle_workers: Option<u64> as Count,
    /// The process that listens.
    owner: Option<Process> as Owner,
    added:
    /// The kernel's other figures for it.
    others: [Option<u64>; Backlog::SHOWN.len() - PLACED] as Others,
}

type Placed = Shown<Backlog, 0>;
type Others = Shown<Backlog, PLACED>;

/// The cells of the figures: those with a fixed position, and the others.
pub type Cells = (
    [Option<u64>; PLACED],
    [Option<u64>; Backlog::SHOWN.len() - PLACED],
);

impl ListenerRow {
    /// The rows of all listeners; sockets sharing an address and port (`SO_REUSEPORT`) are combined.
    pub fn of(sample: &Sample, diagnosis: &Diagnosis) -> Vec<Self> {
        let row = |((netns, port, address), holding): (_, Holding)| {
            let (placed, others) = Self::cells_of(&holding.backlog);
            let (busy_workers, idle_workers) = workers(diagnosis, netns, port);
            Self {
                sampled_at: sample.taken.utc_ns,
                netns,
                local: (address, port),
                held: holding.held,
                close_wait: holding.close_wait,
                never_accepted: holding.never_accepted,
                placed,
                others,
                busy_workers,
                idle_workers,
                owner: holding.owner.process().cloned(),
            }
        };
        let found = listening::by_address(&sample.sockets);
        found.into_iter().map(row).collect()
    }

    /// The cells of the kernel's figures.
    pub fn cells_of(backlog: &Backlog) -> Cells {
        (Placed::of(backlog, Known::ALL), Others::of(backlog, Known::ALL))
    }

    /// The kernel's figures in these cells.
    pub fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        Placed::set(&self.placed, &mut backlog);
        Others::set(&self.others, &mut backlog);
        backlog
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
