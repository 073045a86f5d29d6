//! The end of a connection that no program has seen, found out by what came after it.

use tracer_ebpf::{
    abi::conn::{Conn, flag, phase},
    transition::unseen_reason,
};

use crate::{
    atomic::field,
    close,
    maps::{config, lose, stats},
};

/// Counts the end of a connection that is remembered as open, as `PeerTable::end` does in user space. Nothing
/// is known of when it was and what the connection carried.
#[inline(always)]
pub(crate) fn end(conn: &Conn) {
    lose!(rescued);
    if config!(records) != 0 {
        lose!(ring_full);
    }
    let Some(stats) = stats(conn.slot) else {
        return;
    };
    let reason = unseen_reason(conn.reason, conn.flags & flag::RST_RECEIVED != 0);
    close::one_less(stats, reason);
    if conn.phase == phase::CLOSE_WAIT {
        field!(stats.close_wait_left).add(1);
    }
    // The time until the next open is not known.
    field!(stats.last_end_ns).store(0);
}
