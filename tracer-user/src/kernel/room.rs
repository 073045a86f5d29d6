//! Room for connections after there was none.

use tracer_ebpf::{abi::conn::unknown, hooks::SEED};

use super::{TraceError, sockets, tracer::Tracer};
use crate::model::socket::Sockets;

impl Tracer {
    /// Once a connection found no room, an open socket that is not remembered is no sign of a missed open any more,
    /// and the programs leave it alone. When there is room again, this counts those that are still open, as opens
    /// that were missed, and from then on missed opens are counted again. Returns whether anything was counted.
    ///
    /// `sockets` are those of a walk that has just ended.
    ///
    /// # Errors
    /// If the maps cannot be read or the sockets cannot be walked.
    pub fn use_room(&mut self, sockets: &Sockets) -> Result<bool, TraceError> {
        let dropped = self.sum_of_losses()?.connections_dropped;
        let is_over = dropped == self.dropped_before;
        self.dropped_before = dropped;
        let has_room = sockets.connections.len() <= self.max_connections as usize;
        if !is_over || !has_room || self.unknown()? != unknown::DROPPED {
            return Ok(false);
        }
        self.unknown_is(unknown::MISSED)?;
        let left_out = sockets
            .connections
            .iter()
            .filter(|one| one.slot.is_none())
            .count() as u64;
        let mut counted = 0;
        if left_out > 0 {
            let before = self.sum_of_losses()?.rescued;
            let only = self.filter.netns;
            sockets::walk(self.iterator(SEED)?, only)?;
            // Others may have been missed meanwhile.
            counted = (self.sum_of_losses()?.rescued - before).min(left_out);
            self.counted_after_all += counted;
        }
        // One that was dropped just before.
        if self.sum_of_losses()?.connections_dropped > dropped {
            self.unknown_is(unknown::DROPPED)?;
        }
        Ok(counted > 0)
    }
}
