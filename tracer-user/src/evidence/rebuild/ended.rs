//! Converts a row to the record of an ended connection.

use super::Rebuild;
use crate::{
    evidence::rows::ConnectionRow,
    model::{ended::Ended, socket::Since},
};

const NS_PER_MS: u64 = 1_000_000;

impl Rebuild {
    /// The record of the connection in a row; `None` if it has not ended.
    pub(crate) fn ended(&self, row: &ConnectionRow) -> Option<Ended> {
        let (reason, closed) = (row.close_reason?, self.moment(row.closed_at?));
        let since = match row.opened_at {
            Some(opened) => Since::Opened(self.moment(opened).monotonic_ns),
            None if row.seeded => Since::Seeded(self.moment(self.started()).monotonic_ns),
            None => Since::Unknown,
        };
        let ns = |ms: Option<u64>| ms.map(|ms| ms.saturating_mul(NS_PER_MS));
        let narrow = |n: Option<u64>| u32::try_from(n.unwrap_or(0)).unwrap_or(u32::MAX);
        Some(Ended {
            since,
            closed_ns: closed.monotonic_ns,
            direction: row.direction,
            netns: row.netns,
            interface: row.interface,
            local: row.local,
            remote: row.remote,
            last_state: row.state,
            reason,
            idle_ns: ns(row.idle_before_close_ms),
            gap_ns: ns(row.reopen_gap_ms),
            close_wait_ns: ns(row.close_wait_ms),
            bytes_received: row.bytes_received.unwrap_or(0),
            bytes_sent: row.bytes_sent.unwrap_or(0),
            data_segs_in: narrow(row.segs_in),
            data_segs_out: narrow(row.segs_out),
            retransmits: narrow(row.retransmits),
            held: row.overlap.map(|overlap| u32::from(overlap) * self.expected),
            turns: narrow(row.turns),
            protocol: row.protocol,
            requests_exact: row.requests_exact == Some(true),
            unanswered: false,
            owner: row.owner_pid,
            errno: row.errno,
        })
    }
}
