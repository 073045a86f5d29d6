//! Connections that have ended, as far as records and room allow.

use std::{collections::VecDeque, sync::Arc};

use hashbrown::{HashMap, HashSet};

use super::Prefixes;
use crate::model::{ended::Ended, owner::one_of_several, peer::PeerId, sample::Sample};

/// Maximum kept per peer: more bars than a screen has rows.
const MAX_OF_PEER: usize = 128;

/// Maximum kept in all, some 200 bytes each: 28 bars for each of 200 clients. With the surplus below, tables
/// for that many peers are not yet doubled.
const MAX_IN_ALL: usize = 5600;

/// Up to this many records, a peer takes no more room than they need.
const FEW: usize = 4;

/// The records of one peer.
#[derive(Debug, Default)]
struct Kept {
    /// Number of records already dropped.
    gone: u64,
    records: Arc<VecDeque<Ended>>,
}

/// The latest records of each peer.
#[derive(Debug)]
pub(crate) struct Past {
    prefixes: Prefixes,
    peers: HashMap<PeerId, Kept>,
    /// The peer of each record and its index among the peer's own, oldest first, to know which to drop.
    order: VecDeque<(PeerId, u64)>,
}

impl Past {
    pub(crate) fn new(prefixes: Prefixes) -> Self {
        Self {
            prefixes,
            peers: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn add(&mut self, ended: Vec<Ended>) {
        for one in ended {
            self.keep(self.id(&one), one);
        }
        if self.order.len() > MAX_IN_ALL + MAX_IN_ALL / 4 {
            // First drops the entries of records that are already gone.
            let peers = &self.peers;
            self.order
                .retain(|(id, number)| peers.get(id).is_some_and(|kept| *number >= kept.gone));
            let surplus = self.order.len().saturating_sub(MAX_IN_ALL);
            let old: Vec<PeerId> = self.order.drain(..surplus).map(|(id, _)| id).collect();
            old.into_iter().for_each(|id| self.let_go(id));
        }
    }

    fn keep(&mut self, id: PeerId, one: Ended) {
        let kept = self.peers.entry(id).or_default();
        let records = Arc::make_mut(&mut kept.records);
        self.order.push_back((id, kept.gone + records.len() as u64));
        if records.len() < FEW {
            // A queue would allocate room for more at once, but most peers have few.
            records.reserve_exact(1);
        }
        records.push_back(one);
        if records.len() > MAX_OF_PEER {
            records.pop_front();
            kept.gone += 1;
        }
    }

    /// Moves the records of processes and strangers that are no peers of their own to the peer that stands
    /// for them.
    pub(crate) fn follow(&mut self, sample: &Sample) {
        let may_move = |id: &PeerId| id.process.is_some() || id.among_strangers().is_some();
        if !self.peers.keys().any(may_move) {
            return;
        }
        let there: HashSet<PeerId> = sample.peers.iter().map(|peer| peer.id).collect();
        let shared = |id: &PeerId| {
            if there.contains(id) {
                return None;
            }
            let comm = id.process.and_then(|pid| sample.names.get(&pid));
            let mut those = id.stand_ins(comm.map(|name| one_of_several(name)));
            Some((*id, those.find(|id| there.contains(id))?))
        };
        let moved: Vec<(PeerId, PeerId)> = self.peers.keys().filter_map(shared).collect();
        for (from, to) in moved {
            if let Some(kept) = self.peers.remove(&from) {
                for one in kept.records.iter().cloned() {
                    self.keep(to, one);
                }
            }
        }
    }

    fn let_go(&mut self, id: PeerId) {
        if let Some(kept) = self.peers.get_mut(&id) {
            let records = Arc::make_mut(&mut kept.records);
            records.pop_front();
            kept.gone += 1;
            if records.is_empty() {
                self.peers.remove(&id);
            }
        }
    }

    pub(crate) fn shared(&self) -> HashMap<PeerId, Arc<VecDeque<Ended>>> {
        let shared = |(id, kept): (&PeerId, &Kept)| (*id, Arc::clone(&kept.records));
        self.peers.iter().map(shared).collect()
    }

    /// All records kept, grouped by peer.
    pub(crate) fn all(&self) -> Vec<Ended> {
        let records = self.peers.values().flat_map(|kept| kept.records.iter());
        records.cloned().collect()
    }

    fn id(&self, ended: &Ended) -> PeerId {
        let local_port = ended.local.1;
        self.prefixes.peer(
            (ended.netns, ended.interface),
            ended.direction,
            local_port,
            ended.remote,
            ended.owner,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{peer::Direction, sample::Peer},
        view::example,
    };

    /// Allocated room for records, used or not.
    fn room(past: &Past) -> usize {
        past.peers.values().map(|kept| kept.records.capacity()).sum()
    }

    #[test]
    fn records_follow_to_the_peer_that_stands_for_their_processes() {
        let mut past = Past::new(example::PREFIXES);
        let of = |pid: u32| Ended {
            direction: Direction::Outbound,
            owner: Some(pid),
            ..example::ended_by(std::net::Ipv4Addr::new(192, 0, 2, 9), u64::from(pid))
        };
        past.add(vec![of(1), of(2), of(3)]);
        let id = past.id(&of(1));
        assert_eq!(id.process, Some(1));
        let mut sample = example::batch(1).sample;
        let model = sample.peers[0].clone();
        let peer = |id: PeerId| Peer { id, ..model.clone() };
        sample.peers = vec![peer(past.id(&of(3))), peer(id.of_program("curl"))];
        sample.names = [(1, "curl (2 processes)"), (2, "curl"), (3, "curl")]
            .map(|(pid, name)| (pid, name.to_owned()))
            .into();
        past.follow(&sample);
        let kept = past.shared();
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[&id.of_program("curl")].len(), 2);
        assert_eq!(past.all().len(), 3);
    }

    #[test]
    fn room_levels_off() {
        let mut past = Past::new(example::PREFIXES);
        let mut rooms = Vec::new();
        // A snapshot shares its records, so the next one forces a copy.
        let mut snapshot = past.shared();
        for i in 0..10 * MAX_IN_ALL {
            let client = u32::try_from(i % 10_000).unwrap();
            past.add(vec![example::ended_by(client.into(), i as u64)]);
            if i % 1000 == 0 {
                snapshot = past.shared();
            }
            if (i + 1) % MAX_IN_ALL == 0 {
                rooms.push(room(&past));
            }
        }
        assert!(past.order.len() <= MAX_IN_ALL + MAX_IN_ALL / 4);
        let most = rooms.iter().skip(1).max().unwrap();
        assert!(*most <= 3 * MAX_IN_ALL, "{rooms:?}");
        assert!(!snapshot.is_empty());
    }
}
