//! Room for connections after there was none.

use tracer_ebpf::{abi::conn::unknown, hooks::SEED};

use super::{TraceError, sockets, tracer::Tracer};
use crate::model::socket::Sockets;

impl Tracer {
    /// Resumes the counting of missed opens after a burst beyond the limit. Returns whether anything was
    /// counted.
    ///
    /// Once a connection has found no room, an unknown open socket no longer means a missed open, and the
    /// programs ignore it. When there is room again, the connections that are still open are counted first.
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
        let left_out = sockets
            .connections
            .iter()
            .filter(|one| one.slot.is_none())
            .count() as u64;
        let mut counted = 0;
        if left_out > 0 {
            // Which of them were there before the tracer is not known any more.
            let there_before = std::mem::take(&mut self.dropped_at_start);
            self.unknown_is(if there_before {
                unknown::SEEDED
            } else {
                unknown::MISSED
            })?;
            let before = self.found()?;
            let only = self.filter.netns;
            sockets::walk(self.iterator(SEED)?, only)?;
            // Others may have been missed meanwhile.
            counted = (self.found()? - before).min(left_out);
            self.counted_after_all += counted;
        }
        self.unknown_is(unknown::MISSED)?;
        // One that was dropped just before.
        if self.sum_of_losses()?.connections_dropped > dropped {
            self.unknown_is(unknown::DROPPED)?;
        }
        Ok(counted > 0)
    }

    /// Connections that were found open, when tracing began or later, and half closes and ends found later.
    fn found(&self) -> Result<u64, TraceError> {
        Ok(self.sum_of_losses()?.rescued + self.totals()?.seeded)
    }
}
