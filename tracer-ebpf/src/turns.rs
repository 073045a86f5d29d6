//! Requests and answers, inferred from the reads and writes of the process.

use tracer_ebpf::abi::{
    conn::{Conn, flag},
    peer::{LATE_NS, direction, reason},
};

use crate::{
    atomic::field,
    maps::{config, stats},
    owner,
    sock::{Sock, TcpSock},
};

/// The process reads: a turn, if it has written since its last read. The first read is one too.
#[inline(always)]
pub(crate) fn read(sk: Sock, conn: &mut Conn) {
    let Some(tcp) = sk.tcp() else {
        return;
    };
    let write_seq = tcp.write_seq();
    if conn.turns == 0 && conn.direction == direction::INBOUND && conn.flags & flag::SEEDED == 0 {
        note_wait(tcp, conn);
    }
    if conn.turns == 0 || conn.write_seq != write_seq {
        conn.turns = conn.turns.wrapping_add(1);
        conn.write_seq = write_seq;
    }
    if conn.owner == 0 {
        conn.owner = owner::current();
        // The last reader is as good as any. The process of an outbound peer is part of its key.
        if conn.direction == direction::INBOUND
            && let Some(stats) = stats(conn.slot)
        {
            field!(stats.key.process).store(conn.owner);
        }
    }
}

/// The first read of an accepted connection: counts it as late if the data had waited for long.
#[inline(always)]
fn note_wait(tcp: TcpSock, conn: &Conn) {
    let waited = tcp.since_received_ns();
    if waited < LATE_NS {
        return;
    }
    if let Some(stats) = stats(conn.slot) {
        field!(stats.late_reads).add(1);
        // 2^20 ns are as good as a millisecond here, and BPF has no cheap division.
        field!(stats.late_read_max_ms).raise((waited >> 20) as u32);
    }
}

/// Whether the last request on the connection has no answer yet. At the server's end: the process has read
/// and not written since, or has yet to read. At the client's end: it has written and not read since.
#[inline(always)]
pub(crate) fn is_holding(tcp: TcpSock, conn: &Conn) -> bool {
    if config!(count_turns) == 0 || conn.turns == 0 {
        // No read was seen: the last segments tell which side spoke last.
        return match tcp.data_segs() {
            (0, 0) => false,
            (_, 0) => conn.direction == direction::INBOUND,
            (0, _) => conn.direction == direction::OUTBOUND,
            _ => tcp.received_last() == (conn.direction == direction::INBOUND),
        };
    }
    let written = conn.write_seq != tcp.write_seq();
    if conn.direction == direction::INBOUND {
        !written || tcp.unread() > 0
    } else {
        written
    }
}

/// Sets a flag if the client ends the connection while its request has no answer.
#[inline(always)]
pub(crate) fn note_unanswered(tcp: TcpSock, conn: &mut Conn) {
    let by_remote = conn.reason == reason::REMOTE_FIN || conn.reason == reason::REMOTE_RST;
    let by_local = conn.reason == reason::LOCAL_FIN || conn.reason == reason::LOCAL_RST;
    let by_client = if conn.direction == direction::INBOUND {
        by_remote
    } else {
        by_local
    };
    if by_client && is_holding(tcp, conn) {
        conn.flags |= flag::UNANSWERED;
    }
}

/// Whether the turns of a connection were counted, all of them.
#[inline(always)]
pub(crate) fn are_counted(conn: &Conn) -> bool {
    config!(count_turns) != 0 && conn.flags & flag::SEEDED == 0
}

/// A connection's request turns: counted, or an upper bound. A seeded connection's segments bound all of its
/// life, and turns were only counted since it was found.
#[inline(always)]
pub(crate) fn turns(conn: &Conn, data_segs_in: u32, data_segs_out: u32) -> u32 {
    if are_counted(conn) {
        conn.turns
    } else {
        data_segs_in.min(data_segs_out)
    }
}
