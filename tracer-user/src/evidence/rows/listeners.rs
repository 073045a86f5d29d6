//! `listeners.csv`: a row per listening address and interval.

use std::net::IpAddr;

use super::{Kind, Row};
use crate::{
    diagnosis::Diagnosis,
    evidence::cells::{Cell, Fields},
    model::{
        listening::{self, Holding},
        owner::Process,
        sample::Sample,
    },
};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerRow {
    /// When, UTC, ns.
    pub sampled_at: i128,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Address it listens on.
    pub address: IpAddr,
    /// Port it listens on.
    pub port: u16,
    /// Connections open on it.
    pub held: u64,
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
    /// Of these, not accepted.
    pub never_accepted: u64,
    /// Length of the accept queue.
    pub accept_queue: u64,
    /// Its limit.
    pub accept_queue_limit: u64,
    /// Workers that are busy, as far as that is known.
    pub busy_workers: Option<u64>,
    /// Workers that are idle likewise.
    pub idle_workers: Option<u64>,
    /// Who listens.
    pub owner: Option<Process>,
}

impl ListenerRow {
    /// The rows of all listeners; sockets that share address and port (`SO_REUSEPORT`) are one.
    pub fn of(sample: &Sample, diagnosis: &Diagnosis) -> Vec<Self> {
        let row = |((netns, port, address), holding): (_, Holding)| {
            let (busy_workers, idle_workers) = workers(diagnosis, netns, port);
            Self {
                sampled_at: sample.taken.utc_ns,
                netns,
                address,
                port,
                held: holding.held,
                close_wait: holding.close_wait,
                never_accepted: holding.never_accepted,
                accept_queue: holding.accept_queue,
                accept_queue_limit: holding.accept_queue_limit,
                busy_workers,
                idle_workers,
                owner: holding.owner.process().cloned(),
            }
        };
        let found = listening::by_address(&sample.sockets);
        found.into_iter().map(row).collect()
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
    // Without a page, those that the server may still start.
    let left = max.zip(busy).map(|(max, busy)| max.saturating_sub(busy));
    (busy, idle.or(left))
}

impl Row for ListenerRow {
    const KIND: Kind = Kind::Listeners;
    const COLUMNS: &'static [&'static str] = &[
        "sampled_at",
        "netns",
        "local_addr",
        "local_port",
        "held",
        "close_wait",
        "never_accepted",
        "accept_queue",
        "accept_queue_limit",
        "busy_workers",
        "idle_workers",
        "owner_pid",
        "owner_comm",
    ];

    fn cells(&self, put: &mut dyn FnMut(Cell<'_>)) {
        put(Cell::Time(self.sampled_at));
        put(Cell::Number(self.netns.into()));
        put(Cell::Address(self.address));
        put(Cell::Number(self.port.into()));
        put(Cell::Number(self.held));
        put(Cell::Number(self.close_wait));
        put(Cell::Number(self.never_accepted));
        put(Cell::Number(self.accept_queue));
        put(Cell::Number(self.accept_queue_limit));
        put(Cell::number(self.busy_workers));
        put(Cell::number(self.idle_workers));
        let owner = self.owner.as_ref();
        put(Cell::number(owner.map(|owner| owner.pid.into())));
        put(Cell::outside(owner.map(|owner| owner.comm.as_str())));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        let sampled_at = fields.time()?;
        let sampled_at = fields.needed(sampled_at)?;
        let netns = fields.number()?.unwrap_or(0);
        let address = fields.address()?;
        let address = fields.needed(address)?;
        let port = fields.number()?;
        Ok(Self {
            sampled_at,
            netns,
            address,
            port: fields.needed(port)?,
            held: fields.count()?.unwrap_or(0),
            close_wait: fields.count()?.unwrap_or(0),
            never_accepted: fields.count()?.unwrap_or(0),
            accept_queue: fields.count()?.unwrap_or(0),
            accept_queue_limit: fields.count()?.unwrap_or(0),
            busy_workers: fields.count()?,
            idle_workers: fields.count()?,
            owner: {
                let pid: Option<u32> = fields.number()?;
                let comm = fields.outside()?.unwrap_or_default().into_owned();
                pid.map(|pid| Process { pid, comm })
            },
        })
    }
}
