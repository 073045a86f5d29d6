//! What earlier recordings of the same host add to a sample. They may be of other boots, whose monotonic times mean
//! nothing here, so lengths of time are carried as such.

use std::collections::BTreeMap;

use super::peer::Counters;

/// Earlier recordings, as far as they are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// When what is judged of them begins, UTC, ns; `None`: there are none.
    pub since: Option<i128>,
    /// How much time is judged of them, ns.
    pub window_ns: u64,
    /// The peers that they saw, by their slots in the sample.
    pub peers: BTreeMap<u32, EarlierPeer>,
}

/// One peer in earlier recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierPeer {
    /// What it did in the time that is judged of them.
    pub counters: Counters,
    /// How much of that time it was there, ns.
    pub window_ns: u64,
}

impl Earlier {
    /// One peer in them.
    pub fn peer(&self, slot: u32) -> Option<&EarlierPeer> {
        self.peers.get(&slot)
    }
}
