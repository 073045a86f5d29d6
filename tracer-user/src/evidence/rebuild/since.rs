//! Brings a state up to date with the rows written after it: a recorder that runs, or was killed, has written
//! some more intervals since.
//!
//! Counts and the number of open connections become those of the rows, and what only the kernel knows of a
//! connection (when it was last heard, say) stays what it was. Nothing that is made up accuses anybody.

use std::net::Ipv4Addr;

use hashbrown::{HashMap, HashSet};

use super::{Intervals, Looks, MAX_LIVE, MAX_NAMES, intervals::Step, listener, peer::Entry};
use crate::{
    diagnosis::{Judge, Verdict},
    evidence::{
        error::EvidenceError,
        read::Evidence,
        rows::{ConnectionRow, Kind, PeerRow},
        state::State,
    },
    filter::Prefixes,
    model::{
        peer::{Counters, PeerId},
        sample::{Moment, Peer, Sample},
        socket::{Connection, Since, State as SocketState},
    },
};

const NS_PER_MS: u64 = 1_000_000;

/// With more intervals than these, not each is looked at. A state is a minute old at most, unless it is
/// large.
const MAX_LOOKS: usize = 120;

/// The sample, as of the interval read last.
struct Current {
    /// All but the peers, which are put into it when it is looked at.
    sample: Sample,
    peers: HashMap<PeerId, Peer>,
    /// The verdicts that the rows have.
    said: HashMap<PeerId, (Verdict, f64)>,
    next_slot: u32,
    /// Whether there are rows of peers, so that a key frame has all that are listed.
    lists_peers: bool,
    prefixes: Prefixes,
    expected: u32,
}

/// Adds the rows after a state to its sample and to its judge. Returns the sample as of the last interval.
pub(crate) fn catch_up(
    evidence: &mut Evidence,
    state: &State,
    judge: &mut Judge,
) -> Result<Sample, EvidenceError> {
    evidence.begin_after(state.sample.taken.monotonic_ns)?;
    let session = &evidence.manifest.session;
    let mut current = Current {
        peers: state
            .sample
            .peers
            .iter()
            .map(|peer| (peer.id, peer.clone()))
            .collect(),
        said: HashMap::new(),
        next_slot: state.sample.peers.iter().map(|peer| peer.slot).max().unwrap_or(0),
        lists_peers: evidence.has(Kind::Peers),
        prefixes: session.filters.prefixes(),
        expected: session.expected_connections.unwrap_or(1).max(1),
        sample: state.sample.clone(),
    };
    let mut rows = match evidence.has(Kind::Connections) {
        true => Some(evidence.rows::<ConnectionRow>()?),
        false => None,
    };
    let end = evidence.frames.last().map_or(0, |frame| frame.at.utc_ns);
    let mut looks = Looks::between(state.sample.taken.utc_ns, end);
    let frames = evidence.frames.clone();
    for (frame, step) in frames.iter().zip(Intervals::of(evidence)?) {
        let mut ended = Vec::new();
        for _ in 0..frame.connections {
            ended.extend(rows.as_mut().and_then(Iterator::next).transpose()?);
        }
        current.add(frame.at, &step?, &ended);
        current.sample.accounting = frame.accounting;
        let is_last = frame.at.utc_ns == end;
        if is_last {
            current.sample.losses = evidence
                .last
                .as_ref()
                .map_or(state.sample.losses, |last| last.losses);
        }
        // As many looks as there were live: a verdict has to hold for several.
        let all = frames.len() <= MAX_LOOKS;
        if all || is_last || looks.wants(frame.at.utc_ns, current.peers.len()) {
            current.put_peers();
            judge.look(&current.sample, &state.options);
        }
    }
    current.put_peers();
    // The recorder has seen more than there are rows of.
    judge.recall(
        current
            .said
            .iter()
            .map(|(id, (verdict, sure))| (*id, *verdict, *sure)),
    );
    Ok(current.sample)
}

impl Current {
    fn add(&mut self, now: Moment, step: &Step, ended: &[ConnectionRow]) {
        let passed_ns = now.monotonic_ns.saturating_sub(self.sample.taken.monotonic_ns);
        self.sample.taken = now;
        let gone: HashSet<_> = ended.iter().map(ConnectionRow::ends).collect();
        let was_open: HashSet<_> = self
            .sample
            .sockets
            .connections
            .iter()
            .map(Connection::ends)
            .collect();
        let connections = &mut self.sample.sockets.connections;
        connections.retain(|one| !gone.contains(&one.ends()));
        for row in ended {
            self.name(row.owner_pid, row.owner_comm.as_ref());
            let was_open = was_open.contains(&row.ends());
            let id = row.peer(self.prefixes);
            let mut ids = std::iter::once(id).chain(id.among_strangers());
            if row.close_reason.is_some()
                && let Some(id) = ids.find(|id| self.peers.contains_key(id))
            {
                super::peer::count_end(&mut self.peer(id).counters, row, was_open);
            }
        }
        self.let_leave(step);
        let mut changed = HashSet::new();
        for row in &step.peers {
            self.name(row.id.process, row.owner_comm.as_ref());
            if row.left != Some(true) {
                changed.insert(self.row(row));
                let sure = f64::from(row.confidence.unwrap_or(0)) / 1000.0;
                self.said
                    .extend(row.said().map(|verdict| (row.id, (verdict, sure))));
            }
        }
        for one in &mut self.sample.sockets.connections {
            // One whose peer has changed may have been heard meanwhile.
            if one.slot.is_none_or(|slot| !changed.contains(&slot)) {
                one.idle_ns = one.idle_ns.saturating_add(passed_ns);
                one.heard_ns = one.heard_ns.saturating_add(passed_ns);
            }
        }
        if step.whole || !step.listeners.is_empty() {
            self.sample.sockets.listeners = step.listeners.iter().map(listener).collect();
        }
    }

    fn name(&mut self, pid: Option<u32>, comm: Option<&String>) {
        if let (Some(pid), Some(comm)) = (pid, comm)
            && self.sample.names.len() < MAX_NAMES
        {
            self.sample.names.insert(pid, comm.clone());
        }
    }

    fn put_peers(&mut self) {
        self.sample.peers = self.peers.values().cloned().collect();
        self.sample.peers.sort_unstable_by_key(|peer| peer.id);
    }

    /// A peer, which is added if it is new.
    fn peer(&mut self, id: PeerId) -> &mut Peer {
        self.peers.entry(id).or_insert_with(|| {
            self.next_slot = self.next_slot.saturating_add(1);
            Peer {
                id,
                slot: self.next_slot,
                counters: Counters::default(),
            }
        })
    }

    /// Forgets the peers that are no longer listed, and those that left since their last row and came back.
    fn let_leave(&mut self, step: &Step) {
        let is_gone = |row: &&PeerRow| {
            let known = self.peers.get(&row.id);
            row.left == Some(true) || known.is_some_and(|known| row.opens < known.counters.opens())
        };
        let mut gone: Vec<PeerId> = step.peers.iter().filter(is_gone).map(|row| row.id).collect();
        if step.whole && self.lists_peers {
            let listed: HashSet<PeerId> = step.peers.iter().map(|row| row.id).collect();
            gone.extend(self.peers.keys().filter(|id| !listed.contains(*id)));
        }
        let mut slots = HashSet::new();
        for id in gone {
            self.said.remove(&id);
            slots.extend(self.peers.remove(&id).map(|peer| peer.slot));
        }
        if !slots.is_empty() {
            let connections = &mut self.sample.sockets.connections;
            connections.retain(|one| one.slot.is_none_or(|slot| !slots.contains(&slot)));
        }
    }

    /// Takes in the row of a peer. Returns its slot.
    fn row(&mut self, row: &PeerRow) -> u32 {
        let expected = self.expected;
        let Peer { slot, counters, .. } = self.peer(row.id).clone();
        self.fit(row, slot);
        let of_peer = self.sample.sockets.connections.iter();
        let of_peer = of_peer.filter(|one| one.slot == Some(slot));
        let carried = of_peer.fold((0, 0, 0), |(received, sent, retransmits), one| {
            (
                received + one.bytes_received,
                sent + one.bytes_sent,
                retransmits + u64::from(one.retransmits),
            )
        });
        self.peer(row.id).counters =
            Entry::over(slot, counters, carried, row.clone()).counters(expected, false);
        slot
    }

    /// Makes the open connections of a peer as many as its row says.
    fn fit(&mut self, row: &PeerRow, slot: u32) {
        let (started, now) = (self.sample.started, self.sample.taken);
        let connections = &mut self.sample.sockets.connections;
        let is_its = |one: &Connection| one.slot == Some(slot);
        let wanted = usize::try_from(row.open_now).unwrap_or(usize::MAX);
        let mut have = connections.iter().filter(|one| is_its(one)).count();
        // The rows of some ends may be missing, and those that were made up have none.
        for made_up in [true, false] {
            connections.retain(|one| {
                let goes = have > wanted && is_its(one) && (!made_up || is_made_up(one));
                have -= usize::from(goes);
                !goes
            });
        }
        let room = MAX_LIVE.saturating_sub(connections.len());
        let new = wanted.saturating_sub(have).min(room);
        let known: u64 = connections
            .iter()
            .filter(|one| is_its(one))
            .map(|one| u64::from(one.turns))
            .sum();
        let turns = row.turns_open.unwrap_or(0).saturating_sub(known) / (new as u64).max(1);
        connections.extend((0..new).map(|_| Connection {
            slot: Some(slot),
            interface: row.id.interface,
            local: (Ipv4Addr::UNSPECIFIED.into(), row.id.local_port().unwrap_or(0)),
            remote: (row.id.network.addr(), row.id.remote_port().unwrap_or(0)),
            since: Since::Opened(now.monotonic_ns),
            turns: u32::try_from(turns).unwrap_or(u32::MAX),
            ..Connection::unknown(row.id.netns, row.id.direction)
        }));
        let waiting = SocketState::CloseWait;
        let mut closing = usize::try_from(row.close_wait_now).unwrap_or(usize::MAX);
        closing = closing.saturating_sub(
            connections
                .iter()
                .filter(|one| is_its(one) && one.state == waiting)
                .count(),
        );
        let mut busy = row.busy.unwrap_or(0);
        for one in connections.iter_mut().filter(|one| is_its(one)) {
            if one.state == SocketState::Established && closing > 0 {
                closing -= 1;
                let age_ns = row.close_wait_oldest_ms.unwrap_or(0).saturating_mul(NS_PER_MS);
                let since_ns = now.monotonic_ns.saturating_sub(age_ns);
                one.state = waiting;
                one.close_wait_since_ns = Some(since_ns);
                if let Since::Opened(opened_ns) = one.since {
                    one.since = super::live::began(opened_ns, Some(since_ns), started);
                }
            }
            one.holding = one.state != waiting && busy > 0;
            busy -= u64::from(one.holding);
        }
    }
}

fn is_made_up(one: &Connection) -> bool {
    one.local.0.is_unspecified()
}
