//! Samples taken from the programs running on this machine.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Instant,
};

use hashbrown::HashMap;

use crate::{
    kernel::{
        TraceError, clock, interfaces, netns,
        owners::{Owners, Search, files, has_ended, process, workload},
        privileges,
        records::Records,
        settings::Settings,
        tracer::Tracer,
    },
    model::{
        accounting::{Accounting, Totals, drift},
        earlier::Earlier,
        ended::Ended,
        left::Left,
        occupancy,
        peer::{Counters, Direction},
        sample::{Moment, Peer, Sample},
        short_lived::{Processes, ShortLived},
        socket::{Connection, Sockets, State},
        window::{Looks, live_by_slot},
        workload::Workload,
    },
};

/// A running trace.
pub struct Live {
    tracer: Tracer,
    started: Moment,
    owners: Owners,
    short_lived: ShortLived,
    /// The names in the last sample, since the kernel does not keep them for ever.
    names: BTreeMap<u32, String>,
    /// The processes in the last sample whose names nobody knows any more, and how many there were so far.
    nameless: BTreeSet<u32>,
    forgotten: u64,
    /// What the processes of the last sample belong to, also if that is unknown.
    workloads: BTreeMap<u32, Option<Box<Workload>>>,
    /// What cannot be traced because capabilities are missing.
    lacking: Option<String>,
    /// Walks that were resumed so far. The samples report running totals.
    resumed: u64,
    repeats: u64,
    /// How busy each slot's connections were when looked at.
    looks: BTreeMap<u32, Looks>,
    /// How long the requests of these slots took on average until the last sample, ns.
    mean_holds: HashMap<u32, u64>,
    /// Time of the next glance at the earliest.
    next_glance: Instant,
    /// Connections that are counted and not listed, and that a sweep has not found to be gone.
    unexplained: i64,
    /// The sums over all peers when they were read last. The programs count in 32 bits.
    sums: Totals,
    /// Peers that have left, and what they have counted.
    left: u64,
    left_sums: Arc<Left>,
}

/// What a sample is made of.
struct Seen {
    taken: Moment,
    sockets: Sockets,
    peers: Vec<Peer>,
    unattributed: Counters,
    accounting: Accounting,
}

impl Seen {
    /// How many connections are counted as open without being listed.
    fn excess(&self) -> i64 {
        self.accounting.drift.map_or(0, |drift| drift.max(0))
    }
}

/// After a glance, this many times its duration must pass before the next.
const GLANCE_PACE: u32 = 100;

/// Minimum time between searches for the holders of sockets, ns. A search reads the open files of all
/// processes.
const OWNERS_PACE_NS: u64 = 5_000_000_000;

/// Holders are looked up for at most this many sockets in CLOSE_WAIT, oldest first.
const MAX_WANTED: usize = 4096;

impl Live {
    /// Attaches the programs and seeds the connections already open.
    ///
    /// # Errors
    /// If tracing is impossible here, with the reason.
    pub fn start(settings: &Settings) -> Result<Self, TraceError> {
        let mut tracer = Tracer::start(settings)?;
        // Counting starts here, after the time it took to load the programs.
        let started = clock::now();
        tracer.seed()?;
        let owners = Owners::new(Search::default());
        let only_own_namespace = settings
            .filter
            .netns
            .is_some_and(|inode| netns::own() == Some(inode));
        Ok(Self {
            tracer,
            started,
            owners,
            short_lived: ShortLived::default(),
            names: BTreeMap::new(),
            nameless: BTreeSet::new(),
            forgotten: 0,
            workloads: BTreeMap::new(),
            lacking: privileges::lacking(&privileges::held(), only_own_namespace),
            resumed: 0,
            repeats: 0,
            looks: BTreeMap::new(),
            mean_holds: HashMap::new(),
            next_glance: Instant::now(),
            unexplained: 0,
            sums: Totals::default(),
            left: 0,
            left_sums: Arc::default(),
        })
    }

    /// Takes a sample: everything known at this moment.
    ///
    /// # Errors
    /// If maps or sockets cannot be read.
    pub fn sample(&mut self) -> Result<Sample, TraceError> {
        self.tracer.flush_log();
        self.tracer.make_up_for_misses()?;
        self.tracer.forget_connects(clock::now().monotonic_ns);
        self.retire()?;
        let mut seen = self.see()?;
        if self.tracer.use_room(&seen.sockets)? {
            seen = self.see()?;
        }
        if seen.excess() > self.unexplained && self.tracer.sweep()? > 0 {
            seen = self.see()?;
        }
        self.unexplained = seen.excess();
        let Seen {
            sockets,
            mut peers,
            unattributed,
            taken,
            accounting,
        } = seen;
        interfaces::name(&mut peers);
        let mut losses = self.tracer.losses()?;
        losses.namespaces_skipped =
            u64::from(sockets.namespaces_skipped).max(Tracer::namespaces_unseen(&peers, &sockets));
        self.resumed += sockets.walks_resumed;
        self.repeats += sockets.walk_repeats;
        (losses.walks_resumed, losses.walk_repeats) = (self.resumed, self.repeats);
        losses.programs_skipped = losses.nested.lost(accounting.drift);
        let looked_at = peers.iter().filter(|peer| self.looks.contains_key(&peer.slot));
        self.mean_holds = looked_at
            .map(|peer| (peer.slot, peer.counters.hold.mean_ns()))
            .collect();
        self.note(&sockets);
        let mut sample = Sample {
            started: self.started,
            taken,
            known: self.tracer.known(),
            peers,
            unattributed,
            sockets,
            looks: self.looks.clone(),
            generations: self.tracer.generations(),
            left: Arc::clone(&self.left_sums),
            names: BTreeMap::new(),
            workloads: BTreeMap::new(),
            losses,
            accounting,
            earlier: Earlier::default(),
        };
        occupancy::add_what_goes_on(&mut sample.peers, &sample.sockets.connections, taken);
        // The totals above cover all slots and are not affected by this.
        self.short_lived
            .fold(&mut sample, &Running(&self.tracer, &self.names));
        self.name_owners(&mut sample);
        Ok(sample)
    }

    /// Reads all sockets and counters.
    fn see(&mut self) -> Result<Seen, TraceError> {
        self.sums.carry(self.tracer.totals()?);
        let before = self.sums;
        let sockets = self.tracer.sockets()?;
        let (peers, unattributed) = self.tracer.peers()?;
        let taken = clock::now();
        let (mut after, mut open_now) = (self.tracer.left(), 0);
        for counters in peers.iter().map(|peer| &peer.counters).chain([&unattributed]) {
            after.add(counters);
            open_now += counters.open_now;
        }
        self.sums.carry(after);
        let listed = sockets.connections.len() as u64;
        Ok(Seen {
            taken,
            accounting: Accounting {
                totals: self.sums,
                open_now,
                drift: Some(drift(before, self.sums, listed)),
                peers_left: self.left,
            },
            sockets,
            peers,
            unattributed,
        })
    }

    /// Lets peers leave if it is time, and records how busy connections are between two samples, since
    /// whether a peer had an idle connection when it opened another one depends on the moment. Skipped if it
    /// would cost more than a hundredth of a CPU.
    ///
    /// # Errors
    /// If sockets cannot be read.
    pub fn glance(&mut self) -> Result<(), TraceError> {
        self.retire()?;
        let begun = Instant::now();
        if begun < self.next_glance {
            return Ok(());
        }
        let sockets = self.tracer.sockets()?;
        self.note(&sockets);
        self.next_glance = Instant::now() + begun.elapsed() * GLANCE_PACE;
        Ok(())
    }

    /// Lets peers leave that hold nothing, so that there is room for others.
    fn retire(&mut self) -> Result<(), TraceError> {
        let short_lived = &self.short_lived;
        for peer in self.tracer.retire(|slot| short_lived.needs(slot))? {
            self.looks.remove(&peer.slot);
            if self.short_lived.leave(peer.slot, &peer.counters) {
                continue;
            }
            self.left += 1;
            Arc::make_mut(&mut self.left_sums).add(&peer);
        }
        Ok(())
    }

    fn note(&mut self, sockets: &Sockets) {
        let live = live_by_slot(&sockets.connections);
        let now_ns = clock::now().monotonic_ns;
        for (slot, looks) in &mut self.looks {
            let hold_ns = || self.mean_holds.get(slot).copied().unwrap_or(0);
            looks.note(
                live.get(*slot as usize).copied().unwrap_or_default(),
                now_ns,
                hold_ns,
            );
        }
        for (slot, live) in (0..).zip(live).filter(|(_, live)| live.established > 1) {
            self.looks.entry(slot).or_insert_with(|| {
                let mut looks = Looks::default();
                looks.note(live, now_ns, || 0);
                looks
            });
        }
    }

    /// Looks up the holders of listeners and of sockets in CLOSE_WAIT, and the names of all owners.
    fn name_owners(&mut self, sample: &mut Sample) {
        let Sample { sockets, names, .. } = sample;
        let mut lingering: Vec<&Connection> = sockets
            .connections
            .iter()
            .filter(|connection| connection.state == State::CloseWait && connection.inode.is_some())
            .collect();
        lingering.sort_unstable_by_key(|connection| connection.close_wait_since_ns);
        let wanted = sockets
            .listeners
            .iter()
            .filter_map(|listener| listener.inode)
            .chain(lingering.iter().take(MAX_WANTED).filter_map(|one| one.inode))
            .collect();
        self.owners
            .refresh(&wanted, sample.taken.monotonic_ns, OWNERS_PACE_NS);
        for listener in &mut sockets.listeners {
            listener.owner = self.owners.of(listener.inode).clone();
            if let Some(process) = listener.owner.process_mut() {
                process.workload = self
                    .workloads
                    .entry(process.pid)
                    .or_insert_with(|| workload(process.pid).known())
                    .clone();
                let files = files(process.pid);
                listener.backlog.owner_fds = files.open;
                listener.backlog.owner_fd_limit = files.limit;
            }
        }
        for connection in &mut sockets.connections {
            // The current holder is better evidence than the first reader, but no better than the process
            // that connected.
            if connection.direction == Direction::Outbound && connection.owner.is_some() {
                continue;
            }
            if let Some(holder) = self.owners.of(connection.inode).process() {
                connection.owner = Some(holder.pid);
                names.entry(holder.pid).or_insert_with(|| holder.comm.clone());
            }
        }
        let live = sockets
            .connections
            .iter()
            .filter_map(|connection| connection.owner);
        let running = Running(&self.tracer, &self.names);
        // A peer that stands for several of them has no owner.
        let mut nameless: BTreeSet<u32> = self.short_lived.nameless().collect();
        for pid in live.chain(sample.peers.iter().filter_map(|peer| peer.counters.owner)) {
            if let Entry::Vacant(entry) = names.entry(pid) {
                match running.name(pid) {
                    Some(comm) => {
                        entry.insert(comm);
                    }
                    None => {
                        nameless.insert(pid);
                    }
                }
            }
        }
        self.forgotten += nameless.difference(&self.nameless).count() as u64;
        self.nameless = nameless;
        self.names.clone_from(names);
        sample.losses.names_forgotten = self.forgotten;
        self.find_workloads(sample);
    }

    /// Looks up what the processes of the sample belong to, once for each as long as it is there.
    fn find_workloads(&mut self, sample: &mut Sample) {
        let holders = sample.sockets.listeners.iter();
        let holders = holders.filter_map(|listener| Some(listener.owner.process()?.pid));
        let pids: BTreeSet<u32> = sample.names.keys().copied().chain(holders).collect();
        self.workloads.retain(|pid, _| pids.contains(pid));
        for pid in sample.names.keys() {
            let found = self.workloads.entry(*pid);
            if let Some(found) = found.or_insert_with(|| workload(*pid).known()) {
                sample.workloads.insert(*pid, Workload::clone(found));
            }
        }
    }

    /// The name of a process that owns or owned a connection, even if it has ended.
    pub fn comm(&self, pid: u32) -> Option<String> {
        Running(&self.tracer, &self.names).name(pid)
    }

    /// The sums over all peers. Cheap enough for a progress line.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn totals(&self) -> Result<Totals, TraceError> {
        let mut sums = self.sums;
        sums.carry(self.tracer.totals()?);
        Ok(sums)
    }

    /// Records of connections that ended since the last call, at most `limit`.
    pub fn ended(&mut self, limit: usize) -> Vec<Ended> {
        self.tracer.ended(limit)
    }

    /// Takes the reading end of the record ring, for use by a separate thread. `None` if it was taken before.
    pub fn take_records(&mut self) -> Option<Records> {
        self.tracer.take_records()
    }

    /// When tracing began.
    pub fn started(&self) -> Moment {
        self.started
    }

    /// What will be unknown in this run and why, one line each.
    pub fn limits(&self) -> Vec<String> {
        let kernel = self.tracer.missing().iter().filter_map(|missing| {
            let lost = missing.lost?;
            Some(format!(
                "this kernel has no {}: {lost} will be unknown",
                missing.lacking()
            ))
        });
        kernel.chain(self.lacking.clone()).collect()
    }

    /// The underlying tracer.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }
}

/// Looks up processes of this machine; with the names in the last sample.
struct Running<'a>(&'a Tracer, &'a BTreeMap<u32, String>);

impl Processes for Running<'_> {
    fn has_ended(&self, pid: u32) -> bool {
        has_ended(pid)
    }

    fn name(&self, pid: u32) -> Option<String> {
        // In /proc last: the number may have been given to another process meanwhile.
        let kept = self.0.comm(pid).or_else(|| self.1.get(&pid).cloned());
        kept.or_else(|| process(pid).map(|process| process.comm))
    }
}
