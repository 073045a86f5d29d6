//! Makes a sample from rows alone, if there is no state for them.
//!
//! Counts are computed again. Anything the files do not contain is left unknown, or assumed to be what
//! accuses nobody.

mod ended;
mod intervals;
mod leaving;
mod live;
mod pace;
mod peer;
mod since;
mod walk;

use std::collections::BTreeMap;

use hashbrown::HashMap;

pub(crate) use self::{
    intervals::Intervals,
    pace::{Looks, Pace},
    since::catch_up,
    walk::Walk,
};
use self::{leaving::Slots, peer::Entry};
use super::{
    MAX_PEERS,
    manifest::Session,
    rows::{ConnectionRow, ListenerRow, PeerRow},
};
use crate::{
    diagnosis::Verdict,
    filter::Prefixes,
    model::{
        accounting::{Accounting, Totals},
        earlier::Earlier,
        owner::{Owner, Reason},
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Listener, Sockets},
    },
    report::utc_ns,
};

/// Maximum number of process names kept.
const MAX_NAMES: usize = 1 << 16;

/// Maximum number of open connections kept individually.
const MAX_LIVE: usize = 1 << 20;

/// The monotonic time assumed if the manifest has no clock.
const SOME_TIME_NS: u64 = 1 << 52;

/// The rows read so far.
#[derive(Clone, Debug)]
pub(crate) struct Rebuild {
    clock: Option<Moment>,
    started: Option<i128>,
    earliest: Option<i128>,
    latest: Option<i128>,
    expected: u32,
    prefixes: Prefixes,
    known: Known,
    peers: HashMap<PeerId, Entry>,
    unattributed: Counters,
    names: BTreeMap<u32, String>,
    /// Counts the key frames: a peer without a row since the last one is no longer listed.
    key_frames: u64,
    /// Counts the intervals.
    intervals: u64,
    /// Whether there are rows of peers.
    lists_peers: bool,
    /// Whether peers may have left since the interval before.
    may_have_left: bool,
    /// What those had counted that have left.
    left: Totals,
    slots: Slots,
    /// Rows of connections open at stop.
    open: Vec<ConnectionRow>,
    listeners: Vec<ListenerRow>,
}

impl Rebuild {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            clock: session.clock.moment(),
            started: utc_ns(&session.started),
            earliest: None,
            latest: None,
            expected: session.expected_connections.unwrap_or(1).max(1),
            prefixes: session.filters.prefixes(),
            known: Known::default(),
            peers: HashMap::new(),
            unattributed: Counters::default(),
            names: BTreeMap::new(),
            key_frames: 0,
            intervals: 0,
            lists_peers: false,
            may_have_left: false,
            left: Totals::default(),
            slots: Slots::default(),
            open: Vec::new(),
            listeners: Vec::new(),
        }
    }

    /// Computes monotonic times from this moment on, since clocks may have been set after the recording
    /// began.
    pub(crate) fn reckon_from(&mut self, clock: Moment) {
        self.clock = Some(clock);
    }

    /// Takes in the row of a connection.
    pub(crate) fn connection(&mut self, row: &ConnectionRow) {
        self.see(row.opened_at);
        self.see(row.closed_at);
        self.known.turns |= row.turns.is_some();
        self.known.idle |= row.idle_before_close_ms.is_some();
        self.known.bytes_received |= row.bytes_received.is_some();
        self.known.bytes_sent |= row.bytes_sent.is_some();
        self.known.retransmits |= row.retransmits.is_some();
        if let (Some(pid), Some(comm)) = (row.owner_pid, &row.owner_comm)
            && self.names.len() < MAX_NAMES
        {
            self.names.insert(pid, comm.clone());
        }
        let id = self.id(row);
        let (expected, interval) = (self.expected, self.intervals);
        match self.entry(id) {
            Some(entry) => entry.connection(row, expected, interval),
            None => peer::count(&mut self.unattributed, row, expected),
        }
        if row.close_reason.is_none() && self.open.len() < MAX_LIVE {
            self.open.push(row.clone());
        }
    }

    /// The peer of a connection.
    fn id(&self, row: &ConnectionRow) -> PeerId {
        row.peer(self.prefixes)
    }

    /// Takes in one interval.
    pub(crate) fn interval(&mut self, step: intervals::Step) {
        self.see(Some(step.at));
        self.let_leave();
        self.intervals += 1;
        self.key_frames += u64::from(step.whole);
        self.lists_peers |= !step.peers.is_empty();
        self.may_have_left |= step.whole || step.peers.iter().any(|row| row.left == Some(true));
        let key_frame = self.key_frames;
        for row in step.peers {
            self.known.bytes_received |= row.bytes_received.is_some();
            self.known.bytes_sent |= row.bytes_sent.is_some();
            self.known.retransmits |= row.retransmits.is_some();
            if let (Some(pid), Some(comm)) = (row.id.process, &row.owner_comm)
                && self.names.len() < MAX_NAMES
            {
                self.names.insert(pid, comm.clone());
            }
            if self
                .peers
                .get(&row.id)
                .is_some_and(|entry| entry.began_anew(&row))
            {
                self.leave(row.id);
            }
            if let Some(entry) = self.entry(row.id) {
                entry.interval(row, key_frame);
            }
        }
        if (step.whole && step.connections.is_some()) || !step.listeners.is_empty() {
            self.listeners = step.listeners;
        }
    }

    fn see(&mut self, at: Option<i128>) {
        let Some(at) = at else { return };
        self.earliest = Some(self.earliest.map_or(at, |known| known.min(at)));
        self.latest = Some(self.latest.map_or(at, |known| known.max(at)));
    }

    /// The counters of a peer; `None` if there are too many peers.
    fn entry(&mut self, id: PeerId) -> Option<&mut Entry> {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&id) {
            return None;
        }
        Some(self.peers.entry(id).or_insert_with(|| {
            self.may_have_left = true;
            Entry::new(self.slots.take())
        }))
    }

    /// The peer under which a peer's connections are counted at the last interval: a process that has ended
    /// may be one of several combined there, a stranger one of its network.
    fn counted_for(&self, id: PeerId) -> PeerId {
        let is_there = |id: &PeerId| {
            let entry = self.peers.get(id);
            entry.is_some_and(|entry| entry.is_listed(self.key_frames))
        };
        if is_there(&id) {
            return id;
        }
        let comm = id.process.and_then(|pid| self.names.get(&pid));
        let shared = id.stand_ins(comm.map(String::as_str)).find(is_there);
        shared.unwrap_or(id)
    }

    /// The peers that stood for others at the last interval, including those.
    fn shared(&self) -> HashMap<PeerId, Entry> {
        let mut shared: HashMap<PeerId, Entry> = HashMap::new();
        for (id, entry) in &self.peers {
            let of = self.counted_for(*id);
            if of == *id {
                continue;
            }
            if let Some(known) = self.peers.get(&of) {
                shared.entry(of).or_insert_with(|| known.clone()).take_in(entry);
            }
        }
        shared
    }

    fn started(&self) -> i128 {
        self.started.or(self.earliest).unwrap_or(0)
    }

    /// A moment on both clocks.
    pub(crate) fn moment(&self, utc_ns: i128) -> Moment {
        let clock = self.clock.unwrap_or(Moment {
            monotonic_ns: SOME_TIME_NS,
            utc_ns: self.started(),
        });
        let monotonic = i128::from(clock.monotonic_ns) + utc_ns - clock.utc_ns;
        Moment {
            monotonic_ns: u64::try_from(monotonic.clamp(0, 1 << 62)).unwrap_or(0),
            utc_ns,
        }
    }

    /// Everything known after these rows. `at` is the time, if a better one is known than that of the rows.
    pub(crate) fn sample(&self, at: Option<i128>) -> Sample {
        let started = self.moment(self.started());
        let taken = self.moment(at.or(self.latest).unwrap_or_else(|| self.started()));
        let mut connections: Vec<Connection> = Vec::new();
        for row in &self.open {
            let id = self.counted_for(self.id(row));
            let slot = self.peers.get(&id).filter(|entry| self.lists(entry));
            let slot = slot.map(|entry| entry.slot);
            connections.push(live::of_row(self, row, slot, started, taken));
        }
        let mut peers: Vec<Peer> = Vec::with_capacity(self.peers.len());
        let mut totals = self.left;
        let mut open_now = self.unattributed.open_now;
        totals.add(&self.unattributed);
        let shared = self.shared();
        for (id, entry) in &self.peers {
            if self.counted_for(*id) != *id {
                continue;
            }
            let entry = shared.get(id).unwrap_or(entry);
            let is_listed = self.lists(entry);
            if is_listed && self.open.is_empty() {
                live::of_gauges(self, *id, entry, started, taken, &mut connections);
            }
            let counters = entry.counters(self.expected, !self.open.is_empty());
            totals.add(&counters);
            open_now += counters.open_now;
            if is_listed {
                peers.push(Peer {
                    id: *id,
                    slot: entry.slot,
                    counters,
                });
            }
        }
        peers.sort_unstable_by_key(|peer| peer.id);
        connections.sort_unstable_by_key(Connection::ends);
        Sample {
            started,
            taken,
            known: self.known,
            peers,
            unattributed: self.unattributed.clone(),
            sockets: Sockets {
                connections,
                listeners: self.listeners.iter().map(listener).collect(),
                ..Sockets::default()
            },
            looks: BTreeMap::new(),
            generations: self.slots.generations(),
            left: std::sync::Arc::default(),
            names: self.names.clone(),
            // The rows do not have them.
            workloads: BTreeMap::new(),
            losses: crate::model::accounting::Losses::default(),
            accounting: Accounting {
                totals,
                open_now,
                drift: None,
                peers_left: 0,
            },
            earlier: Earlier::default(),
        }
    }

    /// The verdict on each peer at the last interval, and its confidence.
    pub(crate) fn said(&self) -> impl Iterator<Item = (PeerId, Verdict, f64)> {
        self.present().filter_map(|(id, entry)| {
            let row = entry.gauge.as_ref()?;
            let sure = f64::from(row.confidence.unwrap_or(0)) / 1000.0;
            Some((*id, row.said()?, sure))
        })
    }

    /// Whether there were no rows so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.latest.is_none()
    }

    /// The peers that are listed, except those that others now stand for.
    fn present(&self) -> impl Iterator<Item = (&PeerId, &Entry)> {
        let listed = self.peers.iter().filter(|(_, entry)| self.lists(entry));
        listed.filter(|(id, _)| self.counted_for(**id) == **id)
    }

    /// The last rows of the peers listed at the last interval.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &PeerRow> {
        self.present().filter_map(|(_, entry)| entry.gauge.as_deref())
    }

    /// The listeners at the last interval.
    pub(crate) fn listeners(&self) -> &[ListenerRow] {
        &self.listeners
    }

    /// The counters of a peer, as far as the rows show them.
    pub(crate) fn counters(&self, id: &PeerId) -> Option<Counters> {
        let entry = self.peers.get(id)?;
        Some(entry.counters(self.expected, false))
    }

    /// Number of peers.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// How many connections are open and in CLOSE_WAIT at the last interval.
    pub(crate) fn gauges(&self) -> (u64, u64) {
        let gauges = self.present().filter_map(|(_, entry)| entry.gauge.as_ref());
        gauges.fold((0, 0), |(open, close_wait), gauge| {
            (open + gauge.open_now, close_wait + gauge.close_wait_now)
        })
    }

    /// The part of a sample that a [`crate::model::history::History`] reads, at the last interval.
    pub(crate) fn outline(&self, at: i128) -> Sample {
        let mut sample = Sample::empty(self.moment(at));
        sample.started = self.moment(self.started());
        for (id, entry) in self.present() {
            let open_now = entry.open_now();
            sample.accounting.open_now += open_now;
            if open_now > 0 {
                sample.peers.push(Peer {
                    id: *id,
                    slot: entry.slot,
                    counters: Counters {
                        open_now,
                        ..Counters::default()
                    },
                });
            }
        }
        sample.sockets.listeners = self.listeners.iter().map(listener).collect();
        for row in &self.listeners {
            live::of_listener(row, &mut sample.sockets.connections);
        }
        sample
    }
}

fn listener(row: &ListenerRow) -> Listener {
    Listener {
        netns: row.netns,
        address: row.local.0,
        port: row.local.1,
        backlog: row.backlog(),
        inode: None,
        owner: match &row.owner {
            Some(process) => Owner::Process(process.clone()),
            None => Owner::Unknown(Reason::NotYet),
        },
    }
}

/// Whether the client ended the connection, according to the reason in its row.
fn by_client(row: &ConnectionRow) -> bool {
    use crate::model::peer::CloseReason::{LocalFin, LocalRst, RemoteFin, RemoteRst};
    match row.direction {
        Direction::Inbound => matches!(row.close_reason, Some(RemoteFin | RemoteRst)),
        Direction::Outbound => matches!(row.close_reason, Some(LocalFin | LocalRst)),
    }
}

/// The bytes the client sent and received.
fn asked_and_answered(row: &ConnectionRow) -> (u64, u64) {
    let (received, sent) = (row.bytes_received.unwrap_or(0), row.bytes_sent.unwrap_or(0));
    match row.direction {
        Direction::Inbound => (received, sent),
        Direction::Outbound => (sent, received),
    }
}

#[cfg(test)]
mod tests;
