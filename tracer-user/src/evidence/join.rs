//! Joins the hosts of a service: what their clients did is added up before it is judged.
//!
//! A client with one connection on each of twenty hosts is one client with twenty. So the inbound peers of
//! all hosts are added by service, port and address, whatever their namespaces, into one [`Sample`] with one
//! window, and the judge of a single host judges that. Peers that are another one on each host stay apart:
//! outbound peers, whose client is the host, and addresses that mean the host itself or its link.
//!
//! One host after the other is read, judged by itself, and folded in ([`part`]), so that not all are in
//! memory.

mod events;
mod names;
mod part;
mod plan;
mod skew;
mod sums;

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::HashMap;

use self::{names::Names, sums::Sum};
pub use self::{
    part::Part,
    plan::{Group, Plan},
};
use crate::{
    diagnosis::{Diagnosis, JoinedHost, Judge, Memory, Options, OverHosts, around_hosts},
    memory::room_for,
    model::{
        durations::Durations,
        earlier::Earlier,
        history::{History, PortHistory, PortKey},
        names::Names as PeerNames,
        peer::PeerId,
        sample::{Known, Peer, Sample},
        window::{Grid, Window, moment},
    },
    report::Origin,
};

/// Hosts that are being joined.
pub struct Join {
    grid: Grid,
    services: Vec<Option<Arc<str>>>,
    slots: HashMap<PeerId, u32>,
    /// The sums by slot.
    sums: Vec<Sum>,
    sample: Sample,
    names: Names,
    ports: BTreeMap<PortKey, PortHistory>,
    hosts: Vec<JoinedHost>,
    /// Number of hosts of each service.
    of_service: Vec<usize>,
    rest: Vec<(String, Diagnosis)>,
    origins: Vec<Origin>,
    notes: Vec<String>,
    /// Those of each host; the first's are used.
    options: Vec<Options>,
    called: PeerNames,
}

/// All hosts together.
pub struct Joined {
    /// What they did, as one sample.
    pub sample: Sample,
    /// Its judge.
    pub judge: Judge,
    /// The answer.
    pub diagnosis: Diagnosis,
    /// Where it was recorded, by name.
    pub origins: Vec<Origin>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

impl Join {
    /// Begins with no host.
    pub fn new(plan: &Plan) -> Self {
        let grid = plan.grid.clone();
        let mut sample = Sample::empty(moment(grid.end_ns()));
        (sample.started, sample.known) = (moment(plan.started_ns), Known::ALL);
        Self {
            services: plan.services.clone(),
            of_service: vec![0; plan.services.len()],
            slots: HashMap::new(),
            sums: Vec::new(),
            names: Names::default(),
            ports: BTreeMap::new(),
            hosts: Vec::new(),
            rest: Vec::new(),
            origins: Vec::new(),
            notes: plan.notes(),
            options: Vec::new(),
            called: PeerNames::default(),
            sample,
            grid,
        }
    }

    /// Adds a host. The order of the hosts decides where they contradict each other, so it has to be fixed.
    pub fn add(&mut self, part: Part) {
        let number = u16::try_from(self.hosts.len()).unwrap_or(u16::MAX);
        if let Some(hosts) = self.of_service.get_mut(part.service as usize) {
            *hosts += 1;
        }
        let pids = self.names.take(&part.names);
        let mut slots: Vec<u32> = Vec::with_capacity(part.peers.len());
        for mut peer in part.peers {
            let next = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
            let slot = *self.slots.entry(peer.id).or_insert(next);
            slots.push(slot);
            peer.counters.owner = peer.counters.owner.and_then(|pid| pids.get(&pid).copied());
            if slot == next {
                self.sums.push(Sum::default());
            }
            if let Some(sum) = self.sums.get_mut(slot as usize) {
                sum.add(peer, number);
            }
        }
        let sockets = &mut self.sample.sockets;
        sockets
            .connections
            .extend(part.connections.into_iter().map(|mut connection| {
                connection.slot = connection.slot.and_then(|slot| slots.get(slot as usize).copied());
                connection.owner = connection.owner.and_then(|pid| pids.get(&pid).copied());
                connection
            }));
        sockets.listeners.extend(part.listeners);
        for (key, port) in part.ports {
            let all = self.ports.entry(key).or_default();
            all.accept_queue_peak = all.accept_queue_peak.max(port.accept_queue_peak);
            all.never_accepted_peak = all.never_accepted_peak.max(port.never_accepted_peak);
            all.stuck_since_ns = [all.stuck_since_ns, port.stuck_since_ns]
                .into_iter()
                .flatten()
                .min();
        }
        self.sample.known.limit_to(part.known);
        let earlier = &mut self.sample.earlier;
        earlier.since = [earlier.since, part.earlier.since].into_iter().flatten().min();
        earlier.window_ns = earlier.window_ns.max(part.earlier.window_ns);
        let notes = part.notes.into_iter();
        self.notes.extend(notes);
        self.options.push(part.options);
        self.origins.push(part.origin.clone());
        self.rest.push((part.origin.host, part.rest));
        self.hosts.push(part.host);
    }

    /// The options of each host.
    pub fn options(&self) -> impl Iterator<Item = &Options> {
        self.options.iter()
    }

    /// Says how peers are called on all hosts.
    pub fn call(&mut self, names: PeerNames) {
        self.called = names;
    }

    /// Judges all hosts together; `None` if there are none.
    pub fn finish(self) -> Option<Joined> {
        let Self {
            grid,
            services,
            mut sample,
            names,
            hosts,
            of_service,
            ..
        } = self;
        let options = Options {
            // What the status page says is about one host.
            workers: None,
            own_requests: None,
            names: self.called,
            ..self.options.into_iter().next()?
        };
        let mut ids: Vec<(PeerId, u32)> = self.slots.into_iter().collect();
        ids.sort_unstable_by_key(|(_, slot)| *slot);
        let mut over: HashMap<PeerId, Box<OverHosts>> = HashMap::with_capacity(ids.len());
        let (mut piles, mut windows) = (Vec::new(), Vec::with_capacity(ids.len()));
        let mut peers: Vec<Peer> = room_for(ids.len());
        let mut earlier = BTreeMap::new();
        for ((id, slot), mut sum) in ids.into_iter().zip(self.sums) {
            let on = sum.on_hosts(&hosts);
            let line = sum.time_line();
            let is_exact = on.len() < 2 || line.is_some();
            let service = id.netns as usize;
            over.insert(
                id,
                Box::new(OverHosts {
                    service: services.get(service).cloned().flatten(),
                    of: of_service.get(service).copied().unwrap_or(0),
                    is_exact,
                    hosts: on,
                }),
            );
            piles.extend(sum.pile().map(|pile| (id, pile)));
            let seen = sum.seen(&grid);
            let mut parts = sum.parts();
            if !is_exact {
                // Between the connections of one host there may have been others.
                parts.counters.gap = Durations::default();
            }
            windows.push((slot, parts.steps, seen, line));
            earlier.extend(parts.earlier.map(|earlier| (slot, *earlier)));
            peers.push(Peer {
                id,
                slot,
                counters: parts.counters,
            });
        }
        let window = Window::joined(&grid, windows.into_iter());
        peers.sort_unstable_by_key(|peer| peer.id);
        sample.peers = peers;
        sample.names = names.all();
        sample.earlier = Earlier {
            peers: earlier,
            ..sample.earlier
        };
        let judge = Judge::of(History::joined(window, self.ports), Memory::of_piles(piles));
        let mut diagnosis = judge.again(&sample, &options);
        for peer in &mut diagnosis.peers {
            peer.over = over.remove(&peer.id);
        }
        let diagnosis = around_hosts(diagnosis, hosts, self.rest);
        sample.accounting = diagnosis.accounting;
        sample.losses = diagnosis.losses;
        Some(Joined {
            sample,
            judge,
            diagnosis,
            origins: self.origins,
            notes: self.notes,
        })
    }
}

#[cfg(test)]
mod tests;
