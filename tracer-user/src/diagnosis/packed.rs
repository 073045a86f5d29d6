//! The peers of a diagnosis in a fifth of the memory, for a view that keeps all of them and shows few.

use std::{ops::Range, sync::Arc};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{
    Expected, Figures, Judged, Norm, Service,
    answer::{HostWide, Impact, Recovered},
    cause::{Finding, Grown},
};
use crate::model::peer::PeerId;

/// The judged peers of one host, in order.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    /// Where each peer lies in `bytes`.
    places: Vec<Range<u32>>,
    norms: HashMap<Service, Arc<Norm>>,
    host_wide: Option<Arc<HostWide>>,
}

/// What is packed of a peer. Its identity is not: the caller has it.
#[derive(Serialize, Deserialize)]
struct Own {
    finding: Finding,
    figures: Figures,
    recovered: Option<Box<Recovered>>,
    impact: Impact,
    shared_address: bool,
    slot: u32,
    expected: Expected,
    own_requests: u64,
    grown: Option<Grown>,
}

impl Packed {
    /// Adds a peer at the end.
    pub fn push(&mut self, peer: Judged) {
        self.norms.entry(Service::of(peer.id)).or_insert(peer.norm);
        self.host_wide.get_or_insert(peer.host_wide);
        let own = Own {
            finding: peer.finding,
            figures: peer.figures,
            recovered: peer.recovered,
            impact: peer.impact,
            shared_address: peer.shared_address,
            slot: peer.slot,
            expected: peer.expected,
            own_requests: peer.own_requests,
            grown: peer.grown,
        };
        let begin = self.end();
        // Serialising into memory cannot fail. A peer without bytes would be one that is not there.
        self.bytes = postcard::to_extend(&own, std::mem::take(&mut self.bytes)).unwrap_or_default();
        self.places.push(begin..self.end());
    }

    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Puts the peers in this order, each given by its place before.
    pub fn order(&mut self, places: impl Iterator<Item = u32>) {
        let old = std::mem::take(&mut self.places);
        self.places = places
            .filter_map(|place| old.get(place as usize).cloned())
            .collect();
        self.bytes.shrink_to_fit();
    }

    /// The peer at this place, whose identity is `id`.
    pub fn get(&self, place: usize, id: PeerId) -> Option<Judged> {
        let at = self.places.get(place)?;
        let bytes = self.bytes.get(at.start as usize..at.end as usize)?;
        let own: Own = postcard::from_bytes(bytes).ok()?;
        Some(Judged {
            host: None,
            over: None,
            id,
            finding: own.finding,
            figures: own.figures,
            recovered: own.recovered,
            impact: own.impact,
            shared_address: own.shared_address,
            slot: own.slot,
            expected: own.expected,
            own_requests: own.own_requests,
            grown: own.grown,
            norm: Arc::clone(self.norms.get(&Service::of(id))?),
            host_wide: Arc::clone(self.host_wide.as_ref()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnosis::Judge, view::example::batch};

    #[test]
    fn every_peer_is_the_same_afterwards_and_takes_little_room() {
        let mut judge = Judge::new(None);
        for second in 0..90 {
            let mut batch = batch(second);
            let mut packed = Packed::default();
            let mut judged_first = Vec::new();
            let mut alike = judge.clone();
            let peers = alike.look(&batch.sample, &batch.options).peers;
            let (diagnosis, briefs) = judge.look_at_each(&mut batch.sample, &batch.options, |peer| {
                judged_first.push(peer.id);
                packed.push(peer);
            });
            packed.order(briefs.iter().map(|brief| brief.place));
            assert_eq!(diagnosis.tally.peers, peers.len() as u64);
            for (place, (peer, brief)) in peers.iter().zip(&briefs).enumerate() {
                assert_eq!((brief.id, judged_first[brief.place as usize]), (peer.id, peer.id));
                assert_eq!(packed.get(place, peer.id).as_ref(), Some(peer));
            }
            assert_eq!(packed.get(peers.len(), peers[0].id), None);
            let each = packed.bytes.len() / peers.len();
            assert!(each <= size_of::<Judged>() / 3, "{each} bytes each");
        }
    }
}
