//! The peers of a diagnosis in a fifth of the memory, for a view that keeps all of them and shows few.

use std::sync::Arc;

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
    /// The end of each peer in `bytes`.
    ends: Vec<usize>,
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
    /// Packs the peers, and frees each of them.
    pub fn of(peers: Vec<Judged>) -> Self {
        let mut packed = Self::default();
        for peer in peers {
            packed.push(peer);
        }
        packed.bytes.shrink_to_fit();
        packed
    }

    fn push(&mut self, peer: Judged) {
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
        // Serialising into memory cannot fail. A peer without bytes would be one that is not there.
        self.bytes = postcard::to_extend(&own, std::mem::take(&mut self.bytes)).unwrap_or_default();
        self.ends.push(self.bytes.len());
    }

    /// The peer at this place, whose identity is `id`.
    pub fn get(&self, place: usize, id: PeerId) -> Option<Judged> {
        let end = *self.ends.get(place)?;
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before));
        let bytes = self.bytes.get(begin.copied().unwrap_or(0)..end)?;
        let own: Own = postcard::from_bytes(bytes).ok()?;
        Some(Judged {
            host: None,
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
            let batch = batch(second);
            let peers = judge.look(&batch.sample, &batch.options).peers;
            let packed = Packed::of(peers.clone());
            for (place, peer) in peers.iter().enumerate() {
                assert_eq!(packed.get(place, peer.id).as_ref(), Some(peer));
            }
            assert_eq!(packed.get(peers.len(), peers[0].id), None);
            let each = packed.bytes.len() / peers.len();
            assert!(each <= size_of::<Judged>() / 3, "{each} bytes each");
        }
    }
}
