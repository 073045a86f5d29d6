//! Requests and answers, inferred from the reads and writes of the process.

use core::hint::cold_path;

use tracer_ebpf::{
    abi::{
        conn::{Conn, flag},
        peer::{LATE_NS, direction, reason, rhythm},
    },
    rhythm::{Moved, Short, Told, UNTOLD},
    talk::{self, protocol},
};

use crate::{
    atomic::field,
    durations::note_rhythm,
    maps::{config, stats},
    owner, peek,
    sock::{Sock, TcpSock, ticks_ns},
};

/// The process reads. It is a turn if it has written since its last read, as is a server's first read; and a
/// request, unless what it reads tells otherwise.
///
/// This runs at every read of a traced connection, so what is rare is in functions of its own: the shorter
/// the common way, the fewer lines of code the CPU has to bring.
#[inline(always)]
pub(crate) fn read(sk: Sock, conn: &mut Conn) {
    // Asked for before the call, which passes the time until the line is there.
    let is_server = conn.direction == direction::INBOUND;
    let is_first = conn.flags & flag::READ == 0;
    if is_server && conn.reason == reason::LOCAL_FIN {
        // It lingers, and throws away what comes.
        cold_path();
        return;
    }
    let Some(tcp) = sk.tcp() else {
        return;
    };
    let write_seq = tcp.write_seq();
    let mut written = write_seq.wrapping_sub(conn.write_seq);
    if is_first {
        cold_path();
        // A server may have greeted, and what it reads first begins a turn in any case.
        written = if is_server { 1 } else { tcp.written_in_all() };
        if is_server && conn.flags & flag::SEEDED == 0 {
            note_wait(tcp, conn);
        }
    }
    let requests = if config!(peek) != 0 {
        match peek::read(tcp, conn, is_first, written) {
            Some(requests) => requests,
            // It only looked, and will read the same again.
            None => return,
        }
    } else {
        let requests = i32::from(written != 0);
        let talk = &mut conn.heard.talk;
        talk.requests = talk.requests.wrapping_add_signed(requests);
        requests
    };
    note_turn(tcp, conn, written != 0, requests > 0);
    conn.flags |= flag::READ;
    conn.write_seq = write_seq;
    if requests > 0 {
        conn.heard.asked_seq = write_seq;
    }
    if is_first && conn.owner == 0 {
        cold_path();
        conn.owner = owner::tcpreuse_current();
        // The last reader is as good as any. The process of an outbound peer is part of its key.
        if is_server && let Some(stats) = stats(conn.slot) {
            field!(stats.key.process).store(conn.owner);
        }
    }
}

/// The first read of an accepted connection: counts it as late if the data had waited for long.
#[inline(always)]
fn note_wait(tcp: TcpSock, conn: &Conn) {
    let waited = ticks_ns(tcp.since_received_ticks());
    if waited < LATE_NS {
        return;
    }
    if let Some(stats) = stats(conn.slot) {
        field!(stats.late_reads).add(1);
        // 2^20 ns are as good as a millisecond here, and BPF has no cheap division.
        field!(stats.late_read_max_ms).raise((waited >> 20) as u32);
    }
}

/// Counts how long the last request waited for its answer, and its client until this one.
#[inline(always)]
fn note_turn(tcp: TcpSock, conn: &mut Conn, wrote: bool, is_request: bool) {
    let at = Moved {
        received: tcp.received_ticks(),
        sent: tcp.sent_ticks(),
    };
    let rhythm = &mut conn.rhythm;
    let told = if conn.direction == direction::INBOUND {
        rhythm.server_reads(wrote, is_request, at)
    } else {
        rhythm.client_reads(is_request, at)
    };
    count_turn(conn, told);
}

#[inline(always)]
fn count_turn(conn: &mut Conn, told: Told) {
    count_ticks::<{ rhythm::HOLD }>(conn, told.hold);
    count_ticks::<{ rhythm::PAUSE }>(conn, told.pause);
}

/// Counts how long a request waited for its answer, in timer ticks; nothing of [`UNTOLD`].
#[inline(always)]
pub(crate) fn note_hold(conn: &Conn, ticks: u32) {
    // None of nothing, without a jump.
    tcpreuse_rhythm(conn.slot, rhythm::HOLD as u32, ticks, u32::from(ticks != UNTOLD));
}

#[inline(always)]
fn count_ticks<const WHAT: usize>(conn: &mut Conn, ticks: u32) {
    if ticks == UNTOLD {
        return;
    }
    if ticks >= Short::TICKS {
        cold_path();
        tcpreuse_rhythm(conn.slot, WHAT as u32, ticks, 1);
        return;
    }
    if let Some(short) = conn.short.get(WHAT)
        && short.is_full(ticks)
    {
        cold_path();
        tcpreuse_hand_over(conn);
    }
    if let Some(short) = conn.short.get_mut(WHAT) {
        short.add(ticks);
    }
}

/// Adds times of one length to those of a peer. Global, as the next function: the verifier checks it once.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_rhythm(slot: u32, what: u32, ticks: u32, count: u32) -> u32 {
    if count != 0
        && let Some(stats) = stats(slot)
    {
        note_rhythm(stats, what, ticks, count);
    }
    0
}

/// Adds the short times of a connection to those of its peer.
#[inline(always)]
pub(crate) fn hand_over(conn: &mut Conn) {
    let [holds, pauses] = conn.short;
    // One jump, since the verifier follows each one both ways.
    if !(holds.is_empty() & pauses.is_empty()) {
        tcpreuse_hand_over(conn);
    }
}

#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_hand_over(conn: *mut Conn) -> u32 {
    // SAFETY: the verifier makes sure that callers pass one or null.
    let Some(conn) = (unsafe { conn.as_mut() }) else {
        return 0;
    };
    let short = conn.short;
    conn.short = [Short::NOTHING; rhythm::COUNT];
    for (what, short) in (0..).zip(short) {
        for ticks in 0..Short::TICKS {
            tcpreuse_rhythm(conn.slot, what, ticks, short.count(ticks));
        }
    }
    0
}

/// Counts the hold of the last request of a connection that ends, if it was answered: no later read shows it.
///
/// What a server sends last over TLS before it closes is its goodbye. The acknowledgement of the answer tells
/// when that was sent, a round trip later, unless the goodbye's own has come too. Then it is not known, unless
/// a walk over the sockets saw the answer.
#[inline(always)]
pub(crate) fn note_last_answer(tcp: TcpSock, conn: &mut Conn) {
    if conn.direction != direction::INBOUND || conn.flags & flag::READ == 0 {
        return;
    }
    if conn.heard.asked_seq == tcp.write_seq() {
        return;
    }
    let mut sent = tcp.sent_ticks();
    let write_seq = tcp.write_seq();
    // If more is in flight than a goodbye, the answer has just been sent.
    let is_old = tcp.in_flight() <= last_words(conn);
    if has_seen_last_answer(conn, write_seq) {
        sent = conn.rhythm.last_answer();
    } else if is_tls(conn) && conn.reason == reason::LOCAL_FIN && is_old {
        if tcp.since_acknowledged_ticks() > NOW {
            sent = tcp.acknowledged_ticks();
        } else if tcp.since_received_ticks() > NOW {
            return;
        }
    }
    let hold = conn.rhythm.answered_at(sent);
    note_hold(conn, hold);
}

/// A walk over the sockets has come to this one: notes when the last request was answered, if it was. It may
/// still be being answered; nothing else shows when a server over TLS was done that closes with a goodbye.
#[inline(always)]
pub(crate) fn note_answer_seen(tcp: TcpSock, conn: &mut Conn) {
    let write_seq = tcp.write_seq();
    let is_served = conn.direction == direction::INBOUND && conn.reason == reason::OPEN;
    if !is_served || conn.flags & flag::READ == 0 || has_seen_last_answer(conn, write_seq) {
        // What has come since that is as short may be a goodbye.
        return;
    }
    if conn.heard.asked_seq != write_seq {
        conn.rhythm.seen_answered(tcp.sent_ticks());
        conn.answered_seq = write_seq;
    }
}

/// Whether a walk over the sockets saw the last answer, and this host has sent no more than a goodbye since.
#[inline(always)]
pub(crate) fn has_seen_last_answer(conn: &Conn, write_seq: u32) -> bool {
    let since = write_seq.wrapping_sub(conn.answered_seq);
    conn.rhythm.last_answer() != 0 && since <= last_words(conn)
}

/// The longest that a server says last. What is spoken within TLS may be HTTP/2, though it was not told yet.
#[inline(always)]
fn last_words(conn: &Conn) -> u32 {
    let protocol = if is_tls(conn) {
        protocol::TLS_HTTP2
    } else {
        conn.heard.talk.protocol
    };
    talk::longest_last_words(protocol)
}

/// Whether the last request on the connection has no answer yet. At the server's end: the process has read
/// and not written since, or has yet to read. At the client's end: it has written and not read since.
#[inline(always)]
pub(crate) fn is_holding(tcp: TcpSock, conn: &Conn) -> bool {
    is_holding_beyond(tcp, conn, talk::longest_goodbye)
}

/// The same, given how long a protocol's goodbye may be: of the client, unread by the server or written last.
#[inline(always)]
fn is_holding_beyond(tcp: TcpSock, conn: &Conn, goodbye: impl Fn(u8) -> u32) -> bool {
    let goodbye = || goodbye(conn.heard.talk.protocol);
    if config!(count_turns) == 0 || conn.flags & flag::READ == 0 {
        // No read was seen: the last segments tell which side spoke last.
        return match tcp.data_segs() {
            (0, 0) => false,
            (_, 0) => conn.direction == direction::INBOUND,
            (0, _) => conn.direction == direction::OUTBOUND,
            _ => tcp.received_last() == (conn.direction == direction::INBOUND),
        };
    }
    if conn.direction == direction::INBOUND {
        let is_owed = conn.heard.talk.requests != 0 && conn.heard.asked_seq == tcp.write_seq();
        is_owed || tcp.unread() > goodbye()
    } else {
        written(tcp, conn) > goodbye()
    }
}

/// Bytes that the process has written since it read.
#[inline(always)]
pub(crate) fn written(tcp: TcpSock, conn: &Conn) -> u32 {
    tcp.write_seq().wrapping_sub(conn.write_seq)
}

/// Whether there are some bytes, and no more than these. One comparison, since the verifier follows each.
#[inline(always)]
pub(crate) fn is_some_of(bytes: u32, most: u32) -> bool {
    bytes.wrapping_sub(1) < most
}

#[inline(always)]
pub(crate) fn is_tls(conn: &Conn) -> bool {
    matches!(conn.heard.talk.protocol, protocol::TLS | protocol::TLS_HTTP2)
}

/// Within a timer tick.
pub(crate) const NOW: u32 = 1;

/// Sets a flag if the client ends the connection while its request has no answer.
#[inline(always)]
pub(crate) fn note_unanswered(tcp: TcpSock, conn: &mut Conn) {
    let by_client = if conn.direction == direction::INBOUND {
        reason::is_remote(conn.reason)
    } else {
        reason::is_local(conn.reason)
    };
    if by_client && is_holding_beyond(tcp, conn, talk::longest_last_words) {
        conn.flags |= flag::UNANSWERED;
    }
}

/// The connection is over without an error: a request that seemed to be given up was answered after all, if
/// the client has taken the answer. It had only said that it would send no more.
#[inline(always)]
pub(crate) fn note_answered(tcp: TcpSock, conn: &mut Conn) {
    let had = flag::UNANSWERED | flag::READ;
    if conn.flags & (had | flag::RST_RECEIVED) != had || conn.direction != direction::INBOUND {
        return;
    }
    let answer = tcp.write_seq().wrapping_sub(conn.heard.asked_seq);
    // This host's FIN counts too.
    if answer > 1 + talk::longest_last_words(conn.heard.talk.protocol) {
        conn.flags &= !flag::UNANSWERED;
    }
}

/// Counts what a client wrote last and never read an answer to, where messages have none: MQTT with the
/// quality of service 0.
#[inline(always)]
pub(crate) fn note_last_written(tcp: TcpSock, conn: &mut Conn) {
    let is_one_way = conn.direction == direction::OUTBOUND && conn.heard.talk.protocol == protocol::MQTT;
    if is_one_way && written(tcp, conn) > 2 * talk::MQTT_NO_REQUEST {
        let talk = &mut conn.heard.talk;
        talk.requests = talk.requests.wrapping_add(1);
    }
}

/// Whether the turns of a connection were counted, all of them.
#[inline(always)]
pub(crate) fn are_counted(conn: &Conn) -> bool {
    config!(count_turns) != 0 && conn.flags & flag::SEEDED == 0
}

/// [`flag::REQUESTS_EXACT`] if the number of requests on a connection is, which has received so many bytes.
#[inline(always)]
pub(crate) fn exact_flag(conn: &Conn, bytes_received: u64) -> u8 {
    if config!(peek) == 0 || !are_counted(conn) {
        return 0;
    }
    let exact = match conn.flags & flag::READ {
        // Nobody has read what came, or it was read past the hook.
        0 => bytes_received == 0,
        _ => conn.heard.talk.is_exact(),
    };
    if exact { flag::REQUESTS_EXACT } else { 0 }
}

/// A connection's request turns: counted, or an upper bound. A seeded connection's segments bound all of its
/// life, and turns were only counted since it was found.
#[inline(always)]
pub(crate) fn turns(conn: &Conn, data_segs_in: u32, data_segs_out: u32) -> u32 {
    if are_counted(conn) {
        conn.heard.talk.requests
    } else {
        data_segs_in.min(data_segs_out)
    }
}
