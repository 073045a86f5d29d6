//! What each listening process holds over all its ports, and how long its workers will last.
//!
//! Workers are a server's, not a port's: connections on 80 and on 443 take from one pool. `--max-workers`
//! and the status page are about one server, so one process gets them: Apache's before any other, then
//! the one that listens on the port where the page was asked, then the one that holds the most.
//! Processes that are known to be other software never get Apache's page.

mod software;

use std::cmp::Reverse;

use self::software::{Takes, is_apache, may_be_apache, takes};
use super::{Diagnosis, ListenerNow, Options, thresholds::STANDSTILL};
use crate::model::{
    owner::Process,
    workers::{Mpm, NoMax, Workers},
};

/// One process with all its listeners; those whose process is not known are one in each namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// On which host, where there are several.
    pub host: Option<String>,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Who listens.
    pub process: Option<Process>,
    /// On which ports.
    pub ports: Vec<u16>,
    /// Connections open on them.
    pub held: u64,
    /// Of these, accepted and not closed by the server.
    pub accepted: u64,
    /// Growth of the connections held, per second.
    pub per_second: Option<f64>,
    /// Whether each connection takes a worker for as long as it is open; `None` when that is not known.
    pub takes_one: Option<bool>,
    /// Workers the server can have, as far as the user or its status page said.
    pub max_workers: Option<u32>,
    /// `max_workers` is an upper bound.
    pub at_most: bool,
    /// Workers that are busy: as the status page says, else one per accepted connection, unless
    /// connections are known not to take one.
    pub busy_workers: Option<u32>,
    /// Until no worker is left at the present growth, s: 0 when none is; `None` when there is no growth
    /// or not enough is known.
    pub exhausted_in_s: Option<f64>,
    /// What its status page says.
    pub page: Option<Workers>,
    /// What `--max-workers` said where the page has another number, which then counts.
    pub contradicted: Option<u32>,
}

impl Capacity {
    /// Whether the server has a worker for the next connection; `None` when that is not known.
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

    /// Whether `busy_workers` counts connections of which it is not known that they take a worker.
    pub fn is_assumed(&self) -> bool {
        self.takes_one.is_none() && !self.is_told()
    }

    /// Whether the server itself said lately how many are busy.
    pub fn is_told(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.busy.is_some())
    }

    /// Workers that wait for a connection, as the status page says.
    pub fn idle_workers(&self) -> Option<u32> {
        self.page.as_ref()?.idle
    }

    /// How Apache gives connections to workers, if the page says.
    pub fn mpm(&self) -> Option<Mpm> {
        self.page.as_ref()?.mpm
    }

    /// Whether it is Apache's httpd.
    pub fn is_apache(&self) -> bool {
        self.page.is_some() || self.process.as_ref().is_some_and(is_apache)
    }

    /// Whether this listener is one of its own.
    pub fn covers(&self, listener: &ListenerNow) -> bool {
        self.host == listener.host
            && self.ports.contains(&listener.port)
            && match (&self.process, listener.owner.process()) {
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
        self.held += listener.held;
        self.accepted += accepted;
        if let Some(growth) = listener.per_second {
            *self.per_second.get_or_insert(0.0) += growth;
        }
    }

    /// Takes in what the user said of the number of workers. The running server knows better.
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

    /// Works out what follows from all that was said.
    fn settle(&mut self) {
        let told = self.page.as_ref().and_then(|page| page.busy);
        let counts = self.takes_one.unwrap_or_else(|| {
            let unsaid = takes(self.process.as_ref()) == Takes::Unsaid;
            unsaid || self.page.is_some()
        });
        self.busy_workers = told.or_else(|| {
            let max = self.max_workers.filter(|_| counts)?;
            // One worker cannot hold two connections, so more than there are wait.
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
            // Where each connection takes a worker, connections tell sooner: they are counted at every sample.
            Some(growth) if self.takes_one != Some(true) => (growth as f64 / 1000.0, f64::from(busy)),
            _ if self.takes_one == Some(false) => return None,
            _ => (self.per_second?, self.held as f64),
        };
        seconds_left(f64::from(max - busy), growth, level)
    }
}

/// How many workers the server has by its page, where that is not what was given.
fn on_page(page: &Workers, given: u32) -> Option<u32> {
    // While old workers finish there are more than the maximum.
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
    // Apache rounds down to whole processes of ThreadsPerChild, a number that the page does not have.
    let rounded = match page.mpm {
        Some(Mpm::Prefork) => 0,
        _ => (max / 4).max(64),
    };
    (given < max || given > max.saturating_add(rounded)).then_some(max)
}

/// Seconds until this many more are taken, from this many now; `None` when they do not grow.
fn seconds_left(more: f64, growth: f64, level: f64) -> Option<f64> {
    let standstill = level * STANDSTILL / 30.0;
    // Tenths of a second are more than a straight line can promise.
    (growth > standstill.max(0.02)).then(|| (more / growth * 10.0).round() / 10.0)
}

/// The processes in the order of their first listeners, each of which comes with how many of its
/// connections are accepted.
pub(super) fn of(listeners: &[(ListenerNow, u64)], options: &Options) -> Vec<Capacity> {
    let mut all: Vec<Capacity> = Vec::new();
    for (listener, accepted) in listeners {
        let process = listener.owner.process();
        let known = all.iter_mut().find(|one| match (&one.process, process) {
            (Some(own), Some(other)) => own.pid == other.pid,
            (None, None) => one.netns == listener.netns,
            _ => false,
        });
        match known {
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
        // Listeners of one port in several namespaces.
        one.ports.sort_unstable();
        one.ports.dedup();
    }
    tell(&mut all, options);
    all.iter_mut().for_each(Capacity::settle);
    all
}

/// Gives the one server that they are about what the page and the user say.
fn tell(all: &mut [Capacity], options: &Options) {
    let port = options.workers.as_ref().and_then(|page| page.port);
    let likely = |one: &&mut Capacity| {
        let apache = one.process.as_ref().is_some_and(is_apache);
        let asked = port.is_some_and(|port| one.ports.contains(&port));
        (apache, asked, one.held)
    };
    // Of equals the first.
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
    /// The process of a listener.
    pub fn capacity_of(&self, listener: &ListenerNow) -> Option<&Capacity> {
        self.capacity.iter().find(|one| one.covers(listener))
    }
}

#[cfg(test)]
mod tests;
