//! What each listening process holds over all its ports, and how soon it will run out of workers.
//!
//! Workers belong to a server, not to a port: connections on 80 and 443 share one pool. `--max-workers` and
//! the status page describe one server, so they are assigned to one process: Apache's if there is one, else
//! the process listening on the port the page was fetched from, else the one with the most connections. A
//! process known to be other software never gets Apache's page.

mod software;

use std::cmp::Reverse;

use self::software::{Takes, is_apache, may_be_apache, takes};
use super::{
    Diagnosis, ListenerNow, Options,
    thresholds::{FILES_CROWDED, STANDSTILL, share},
};
use crate::model::{
    owner::Process,
    workers::{Mpm, NoMax, Workers},
};

/// A process with all its listeners. Listeners with an unknown process are grouped by network namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// The host it belongs to, when several are combined.
    pub host: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The listening process, if known.
    pub process: Option<Process>,
    /// The ports it listens on.
    pub ports: Vec<u16>,
    /// Connections open on these ports.
    pub held: u64,
    /// How many of them have been accepted and not yet closed by the server.
    pub accepted: u64,
    /// Growth of the open connections, per second.
    pub per_second: Option<f64>,
    /// Whether each connection occupies a worker while it is open; `None` if unknown.
    pub takes_one: Option<bool>,
    /// The server's maximum number of workers, if the user or its status page stated it.
    pub max_workers: Option<u32>,
    /// Whether `max_workers` is only an upper bound.
    pub at_most: bool,
    /// Busy workers: from the status page, else one for each accepted connection, unless its connections are
    /// known not to occupy one each.
    pub busy_workers: Option<u32>,
    /// Files that the process has open, and how many it may have, where both are known.
    pub files: Option<(u64, u64)>,
    /// Seconds until no worker is left at the present growth. 0 if none is left now; `None` if nothing grows
    /// or too little is known.
    pub exhausted_in_s: Option<f64>,
    /// What its status page says.
    pub page: Option<Workers>,
    /// The value of `--max-workers` if the status page contradicts it. The page takes precedence.
    pub contradicted: Option<u32>,
}

impl Capacity {
    /// Whether a worker is free for the next connection; `None` if unknown.
    pub fn has_room(&self) -> Option<bool> {
        if self.idle_workers().is_some_and(|idle| idle > 0) {
            return Some(true);
        }
        if self.is_assumed() {
            return None;
        }
        let (busy, max) = (self.busy_workers?, self.max_workers?);
        match busy >= max {
            true => Some(false),
            false => (!self.at_most && !self.is_ending()).then_some(true),
        }
    }

    /// Whether `busy_workers` assumes, without evidence, that each connection occupies a worker.
    pub fn is_assumed(&self) -> bool {
        self.takes_one.is_none() && !self.is_told()
    }

    /// Whether the server's own status page currently says how many workers are busy.
    pub fn is_told(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.busy.is_some())
    }

    /// Idle workers, from the status page.
    pub fn idle_workers(&self) -> Option<u32> {
        self.page.as_ref()?.idle
    }

    /// Apache's multi-processing module, if the page names it.
    pub fn mpm(&self) -> Option<Mpm> {
        self.page.as_ref()?.mpm
    }

    /// The open files and their limit, if there is hardly room for more.
    pub fn crowded_files(&self) -> Option<(u64, u64)> {
        self.files
            .filter(|(open, limit)| share(*open, *limit) > FILES_CROWDED)
    }

    /// Whether the process is Apache's httpd.
    pub fn is_apache(&self) -> bool {
        self.page.is_some() || self.process.as_ref().is_some_and(is_apache)
    }

    /// Whether the listener belongs to this process.
    pub fn covers(&self, listener: &ListenerNow) -> bool {
        self.host == listener.host && self.ports.contains(&listener.port) && self.is_of(listener)
    }

    /// Whether the same process listens there, or an unknown one of the same namespace.
    fn is_of(&self, listener: &ListenerNow) -> bool {
        match (&self.process, listener.owner.process()) {
            (Some(own), Some(other)) => own.pid == other.pid,
            (None, None) => self.netns == listener.netns,
            _ => false,
        }
    }

    fn is_ending(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.no_max.is_some())
    }

    fn add(&mut self, listener: &ListenerNow, accepted: u64) {
        self.ports.push(listener.port);
        let (open, limit) = (listener.backlog.owner_fds, listener.backlog.owner_fd_limit);
        self.files = self.files.or(open.zip(limit));
        self.held += listener.held;
        self.accepted += accepted;
        if let Some(growth) = listener.per_second {
            *self.per_second.get_or_insert(0.0) += growth;
        }
    }

    /// Applies the number of workers the user gave, unless the running server contradicts it.
    fn set_given(&mut self, given: u32) {
        let tells = self.page.as_ref().and_then(|page| on_page(page, given));
        self.contradicted = tells.map(|_| given);
        self.max_workers = Some(tells.unwrap_or(given));
        self.at_most &= tells.is_some();
    }

    fn set_page(&mut self, page: &Workers) {
        self.max_workers = page.max;
        self.at_most = page.at_most;
        if let Some(mpm) = page.mpm {
            self.takes_one = Some(mpm.takes_one_per_connection());
        }
        self.page = Some(page.clone());
    }

    /// Derives the busy workers and the time left from what is known.
    fn settle(&mut self) {
        let told = self.page.as_ref().and_then(|page| page.busy);
        let counts = self.takes_one.unwrap_or_else(|| {
            let unsaid = takes(self.process.as_ref()) == Takes::Unsaid;
            unsaid || self.page.is_some()
        });
        self.busy_workers = told.or_else(|| {
            let max = self.max_workers.filter(|_| counts)?;
            // A worker cannot hold two connections, so the excess must be waiting.
            Some(u32::try_from(self.accepted).unwrap_or(u32::MAX).min(max))
        });
        self.exhausted_in_s = self.exhausted_in_s();
    }

    fn exhausted_in_s(&self) -> Option<f64> {
        let (busy, max) = (self.busy_workers?, self.max_workers?);
        if busy >= max {
            return (self.has_room() != Some(true)).then_some(0.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "workers and connections")]
        let (growth, level) = match self.page.as_ref().and_then(|page| page.busy_per_1000s) {
            // If each connection occupies a worker, connections are the better measure: every sample counts
            // them.
            Some(growth) if self.takes_one != Some(true) => (growth as f64 / 1000.0, f64::from(busy)),
            _ if self.takes_one == Some(false) => return None,
            _ => (self.per_second?, self.held as f64),
        };
        seconds_left(f64::from(max - busy), growth, level)
    }
}

/// The number of workers according to the page, if it contradicts the number given.
fn on_page(page: &Workers, given: u32) -> Option<u32> {
    // While old workers finish, there are more of them than the maximum.
    if page.no_max == Some(NoMax::Ending) {
        return None;
    }
    let there = page
        .busy
        .zip(page.idle)
        .map(|(busy, idle)| busy.saturating_add(idle));
    if there.is_some_and(|there| there > given) {
        return page.max.max(there);
    }
    let max = page.max.filter(|_| !page.at_most && page.no_max.is_none())?;
    // Apache rounds down to whole processes of ThreadsPerChild, and the page does not give ThreadsPerChild.
    let rounded = match page.mpm {
        Some(Mpm::Prefork) => 0,
        _ => (max / 4).max(64),
    };
    (given < max || given > max.saturating_add(rounded)).then_some(max)
}

/// Seconds until `more` further workers are taken, with `level` taken now; `None` if they do not grow.
fn seconds_left(more: f64, growth: f64, level: f64) -> Option<f64> {
    let standstill = level * STANDSTILL / 30.0;
    // A linear forecast is not accurate to more than tenths of a second.
    (growth > standstill.max(0.02)).then(|| (more / growth * 10.0).round() / 10.0)
}

/// Groups the listeners by process, in order of each process's first listener. Each listener comes with its
/// number of accepted connections.
pub(super) fn of(listeners: &[(ListenerNow, u64)], options: &Options) -> Vec<Capacity> {
    let mut all: Vec<Capacity> = Vec::new();
    for (listener, accepted) in listeners {
        let process = listener.owner.process();
        match all.iter_mut().find(|one| one.is_of(listener)) {
            Some(one) => one.add(listener, *accepted),
            None => {
                let mut one = Capacity {
                    netns: listener.netns,
                    process: process.cloned(),
                    takes_one: match takes(process) {
                        Takes::One => Some(true),
                        Takes::Fewer => Some(false),
                        Takes::Depends | Takes::Unsaid => None,
                    },
                    ..Capacity::default()
                };
                one.add(listener, *accepted);
                all.push(one);
            }
        }
    }
    for one in &mut all {
        // The same port in several namespaces is listed once.
        one.ports.sort_unstable();
        one.ports.dedup();
    }
    tell(&mut all, options);
    all.iter_mut().for_each(Capacity::settle);
    all
}

/// Assigns the page and the user's number to the one server they describe.
fn tell(all: &mut [Capacity], options: &Options) {
    let port = options.workers.as_ref().and_then(|page| page.port);
    let likely = |one: &&mut Capacity| {
        let apache = one.process.as_ref().is_some_and(is_apache);
        let asked = port.is_some_and(|port| one.ports.contains(&port));
        (apache, asked, one.held)
    };
    // Ties go to the first.
    let first = |place: usize, one: &&mut Capacity| (likely(one), Reverse(place));
    if let Some(page) = &options.workers {
        let theirs = all
            .iter_mut()
            .enumerate()
            .filter(|(_, one)| may_be_apache(one.process.as_ref()))
            .max_by_key(|(place, one)| first(*place, one));
        if let Some((_, one)) = theirs {
            one.set_page(page);
        }
    }
    if let Some(given) = options.max_workers {
        let theirs = all
            .iter_mut()
            .enumerate()
            .max_by_key(|(place, one)| (one.page.is_some(), first(*place, one)));
        if let Some((_, one)) = theirs {
            one.set_given(given);
        }
    }
}

impl Diagnosis {
    /// The process behind a listener.
    pub fn capacity_of(&self, listener: &ListenerNow) -> Option<&Capacity> {
        self.capacity.iter().find(|one| one.covers(listener))
    }
}

#[cfg(test)]
mod tests;
