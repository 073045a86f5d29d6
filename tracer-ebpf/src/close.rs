//! What the end of a connection adds to its peer's counters.

use tracer_ebpf::{
    abi::{
        conn::{Conn, flag},
        peer::{PeerStats, reason, timed},
    },
    buckets::turn_bucket,
    talk::Talk,
};

use crate::{
    atomic::{Shared, bump, field},
    durations::note,
    maps::config,
    record::Traffic,
    sock::ticks_ns,
    turns,
};

/// One connection less is open, for this reason.
#[inline(always)]
pub(crate) fn one_less(stats: Shared<PeerStats>, reason: u8) {
    field!(stats.open_now).sub(1);
    bump(
        field!(stats.closes),
        u32::from(reason).wrapping_sub(u32::from(reason::LOCAL_FIN)),
    );
}

/// Counts an end at `now`, ns, for the peer.
#[inline(always)]
pub(crate) fn count(stats: Shared<PeerStats>, conn: &Conn, now: u64, traffic: &Traffic) {
    one_less(stats, conn.reason);
    if traffic.bytes_received != 0 {
        field!(stats.bytes_received).add(traffic.bytes_received);
    }
    if traffic.bytes_sent != 0 {
        field!(stats.bytes_sent).add(traffic.bytes_sent);
    }
    if traffic.retransmits != 0 {
        field!(stats.retransmits).add(traffic.retransmits);
    }
    if conn.flags & flag::IDLE_UNKNOWN == 0 {
        note::<{ timed::IDLE }>(stats, ticks_ns(conn.idle_ticks));
    }
    let turns = turns::turns(conn, traffic.data_segs_in, traffic.data_segs_out);
    if conn.flags & flag::SEEDED == 0 {
        note::<{ timed::LIFETIME }>(stats, now.wrapping_sub(conn.opened_ns));
        if turns != 0 {
            field!(stats.turns_sum).add(u64::from(turns));
            field!(stats.turns_max).raise(turns);
        }
        bump(field!(stats.turn_buckets), turn_bucket(turns));
        if conn.flags & flag::READ == 0 {
            // Nobody has read what came, or it was read past the hook: MPTCP, a socket map.
            if traffic.bytes_received != 0 {
                field!(stats.requests_bounded).add(1);
            }
        } else if config!(peek) != 0 {
            said(stats, &conn.heard.talk);
        }
    } else {
        // The end of CLOSE_WAIT may be read from a later clock than the end of the connection.
        let close_wait = conn.close_wait_left_ns.wrapping_sub(conn.close_wait_ns);
        let held = now.wrapping_sub(conn.opened_ns).wrapping_sub(close_wait);
        if held.cast_signed() > 0 {
            field!(stats.seeded_ns).add(held);
        }
        field!(stats.seeded_turns).add(u64::from(turns));
    }
    if conn.flags & flag::LEFT != 0 {
        if reason::is_local(conn.reason) {
            field!(stats.left_by_remote).add(1);
        } else {
            field!(stats.left_by_local).add(1);
        }
    }
    if conn.flags & flag::UNANSWERED != 0 {
        field!(stats.unanswered).add(1);
        field!(stats.unanswered_ns).add(ticks_ns(conn.idle_ticks));
    }
    field!(stats.last_end_ns).store(now);
}

/// What was said on a connection that has ended.
#[inline(always)]
fn said(stats: Shared<PeerStats>, talk: &Talk) {
    if !talk.is_exact() {
        field!(stats.requests_bounded).add(1);
    }
    if talk.is_handshake_only() {
        field!(stats.handshakes_alone).add(1);
    }
}
