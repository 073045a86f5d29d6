//! What earlier recordings of the same host add to a sample. They may stem from other boots, whose monotonic
//! times cannot be compared with this one's, so only lengths of time are kept.

use std::collections::BTreeMap;

use super::peer::Counters;

/// The part of earlier recordings that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Start of that part, UTC, ns; `None` if there are no earlier recordings.
    pub since: Option<i128>,
    /// Length of that part, ns.
    pub window_ns: u64,
    /// Peers seen in them, by slot in the sample.
    pub peers: BTreeMap<u32, EarlierPeer>,
}

/// A peer in earlier recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierPeer {
    /// Its counters for the judged part.
    pub counters: Counters,
    /// How much of the judged part it was present for, ns.
    pub window_ns: u64,
}

impl Earlier {
    /// The peer in this slot of the sample.
    pub fn peer(&self, slot: u32) -> Option<&EarlierPeer> {
        self.peers.get(&slot)
    }
}
