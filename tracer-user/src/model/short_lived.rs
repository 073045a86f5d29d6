//! Processes of this host that make a few connections and end, such as curl in a shell loop. Judging each of
//! them is pointless, and their number is unlimited. Those with the same name and remote address are combined
//! into one peer.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use super::{
    owner::several,
    peer::{Counters, PeerId},
    sample::{Peer, Sample},
};

/// A process that opened at most this many connections to a remote address, including those before tracing,
/// is combined with others of its name once it has ended.
const FEW: u64 = 3;

/// Samples include the names of this many recently ended processes, since records of their connections may
/// still arrive.
const MAX_LATELY: usize = 256;

/// Information about processes.
pub trait Processes {
    /// Whether a process has ended; false if that cannot be told.
    fn has_ended(&self, pid: u32) -> bool;

    /// Its name, even if it has ended.
    fn name(&self, pid: u32) -> Option<String>;
}

/// The processes that have ended so far, by their peers' slots. When one of them gives its slot back, the
/// combined peer keeps its counters, so they never decrease.
#[derive(Debug, Default)]
pub struct ShortLived {
    ended: HashMap<u32, Ended>,
    /// The slots of the combined peers. They do not change when further processes end, because a peer's
    /// history is looked up by slot.
    slots: HashMap<PeerId, u32>,
    /// The combined peers by these slots.
    anchors: HashMap<u32, PeerId>,
    /// How many of [`Self::ended`] each combined peer has.
    members: HashMap<PeerId, usize>,
    /// What those have counted that gave their slots back, and their number, by combined peer.
    gone: HashMap<PeerId, (Counters, usize)>,
    lately: Vec<(u32, String)>,
}

/// A slot whose process has ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    pid: u32,
    /// The combined peer it belongs to.
    shared: PeerId,
}

impl ShortLived {
    /// Whether a slot stands for a combined peer that has others: its history is that of all of them.
    pub fn needs(&self, slot: u32) -> bool {
        self.anchors.get(&slot).is_some_and(|shared| {
            let members = self.members.get(shared).copied().unwrap_or(0);
            members > usize::from(self.ended.contains_key(&slot))
        })
    }

    /// The processes that had ended when they were first looked at, and whose names nobody knew any more.
    pub fn nameless(&self) -> impl Iterator<Item = u32> {
        let ended = self.ended.values();
        ended
            .filter(|ended| ended.shared.program.is_none())
            .map(|ended| ended.pid)
    }

    /// A slot was given back. Returns whether a combined peer goes on to count what was counted there.
    pub fn leave(&mut self, slot: u32, counters: &Counters) -> bool {
        let ended = self.ended.remove(&slot);
        if let Some(Ended { shared, .. }) = ended
            && let Some(members) = self.members.get_mut(&shared)
        {
            *members -= 1;
            if *members == 0 {
                self.members.remove(&shared);
            }
        }
        if let Some(shared) = self.anchors.remove(&slot) {
            // The combined peer leaves with its last member.
            self.slots.remove(&shared);
            self.gone.remove(&shared);
            return false;
        }
        match ended {
            Some(Ended { shared, .. }) if self.slots.contains_key(&shared) => {
                let (gone, count) = self.gone.entry(shared).or_default();
                gone.absorb(counters);
                *count += 1;
                true
            }
            _ => false,
        }
    }

    /// Combines peers in a sample. Totals do not change.
    pub fn fold(&mut self, sample: &mut Sample, processes: &impl Processes) {
        self.look(&sample.peers, processes);
        if self.ended.is_empty() {
            return;
        }
        let groups = self.groups(&sample.peers);
        let shared = |peer: &Peer| {
            let id = self.ended.get(&peer.slot).map_or(peer.id, |ended| ended.shared);
            groups.contains_key(&id).then_some((peer.slot, id))
        };
        let slots: HashMap<u32, PeerId> = sample.peers.iter().filter_map(shared).collect();
        let mut merged: HashMap<PeerId, Peer> = HashMap::new();
        sample.peers.retain(|peer| {
            let Some(id) = slots.get(&peer.slot).copied() else {
                return true;
            };
            let known = merged.entry(id).or_insert_with(|| Peer {
                id,
                slot: peer.slot,
                counters: Counters::default(),
            });
            known.slot = known.slot.min(peer.slot);
            known.counters.absorb(&peer.counters);
            false
        });
        for (id, group) in &groups {
            let Some(peer) = merged.get_mut(id) else { continue };
            peer.slot = *self.slots.entry(*id).or_insert(peer.slot);
            self.anchors.insert(peer.slot, *id);
            let mut members = group.members.len();
            if let Some((gone, count)) = self.gone.get(id) {
                peer.counters.absorb(gone);
                members += count;
            }
            peer.counters.owner = group.named;
            if let (Some(pid), Some(comm)) = (group.named, id.program) {
                let name = several(comm.as_str(), members);
                sample.names.insert(pid, name);
            }
        }
        for connection in &mut sample.sockets.connections {
            let Some(id) = connection.slot.and_then(|slot| slots.get(&slot)) else {
                continue;
            };
            connection.slot = merged.get(id).map(|peer| peer.slot);
            if let Some(pid) = groups.get(id).and_then(|group| group.named) {
                connection.owner = Some(pid);
            }
        }
        sample.peers.extend(merged.into_values());
        sample.peers.sort_unstable_by_key(|peer| peer.id);
        for (pid, name) in &self.lately {
            sample.names.entry(*pid).or_insert_with(|| name.clone());
        }
    }

    /// Checks which processes have ended since the last sample.
    fn look(&mut self, peers: &[Peer], processes: &impl Processes) {
        let mut asked: BTreeMap<u32, bool> = BTreeMap::new();
        for peer in peers {
            let Some(pid) = peer.id.process else { continue };
            let opened = peer.counters.seeded + peer.counters.opens();
            if opened > FEW || self.ended.contains_key(&peer.slot) {
                continue;
            }
            let has_ended = *asked.entry(pid).or_insert_with(|| processes.has_ended(pid));
            if !has_ended {
                continue;
            }
            let name = processes.name(pid);
            let shared = match &name {
                Some(name) => peer.id.of_program(name),
                None => peer.id.of_no_process(),
            };
            self.ended.insert(peer.slot, Ended { pid, shared });
            *self.members.entry(shared).or_default() += 1;
            self.lately.extend(name.map(|name| (pid, name)));
        }
        let surplus = self.lately.len().saturating_sub(MAX_LATELY);
        self.lately.drain(..surplus);
    }

    /// The combined peers.
    fn groups(&self, peers: &[Peer]) -> BTreeMap<PeerId, Group> {
        let mut groups: BTreeMap<PeerId, Group> = BTreeMap::new();
        for peer in peers {
            if let Some(ended) = self.ended.get(&peer.slot) {
                let group = groups.entry(ended.shared).or_default();
                group.members.push((peer.slot, ended.pid));
            }
        }
        // A single process is not combined, unless it has no name and there is a peer without a process.
        let there: HashSet<PeerId> = peers.iter().map(|peer| peer.id).collect();
        groups
            .retain(|id, group| group.members.len() > 1 || there.contains(id) || self.gone.contains_key(id));
        let mut named = HashSet::new();
        for (_, group) in groups.iter_mut().filter(|(id, _)| id.program.is_some()) {
            group.members.sort_unstable();
            let mut pids = group.members.iter().map(|(_, pid)| *pid);
            group.named = pids.find(|pid| named.insert(*pid)).or(group.named);
        }
        groups
    }
}

/// A combined peer.
#[derive(Debug, Default)]
struct Group {
    /// Slots and process ids.
    members: Vec<(u32, u32)>,
    /// The process id under which the name is listed: that of the lowest slot whose process does not already
    /// stand for another group. `None` if the name is unknown.
    named: Option<u32>,
}

#[cfg(test)]
mod tests;
