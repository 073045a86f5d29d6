//! The records of ended connections, as they come out of the ring.

use aya::maps::{MapData, RingBuf};
use tracer_ebpf::abi::closed::Closed;

use super::decode;
use crate::model::ended::Ended;

/// The reading end of the ring. It can be read in a thread of its own, so that no long look at
/// something else lets it run full.
pub struct Records(RingBuf<MapData>);

impl Records {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self(ring)
    }

    /// Takes what has come since the last call, at most `limit`.
    pub fn take(&mut self, limit: usize) -> Vec<Ended> {
        let mut ended = Vec::new();
        while ended.len() < limit
            && let Some(record) = self.0.next()
        {
            match decode::closed(&record).map(|closed: Closed| decode::ended(&closed)) {
                Ok(Some(connection)) => ended.push(connection),
                Ok(None) => log::warn!("a record of an ended connection with unknown numbers was left out"),
                Err(error) => log::warn!("a damaged record was left out: {error}"),
            }
        }
        ended
    }
}
