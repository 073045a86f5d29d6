//! What happens to the counters when a connection opens, half closes, and ends.
//!
//! `PeerStats` is shared by all CPUs, so every change is one atomic instruction. A [`Conn`] is
//! changed under its socket's lock, so plain stores suffice.

use core::hint::cold_path;

use tracer_ebpf::{
    abi::{
        conn::{Conn, HELD_UNKNOWN, flag, phase, unknown},
        peer::{direction, reason, timed},
    },
    buckets::held_bucket,
    rhythm::UNTOLD,
    transition::{self, state},
};

use crate::{
    atomic::{Shared, bump, field},
    clock::{event_ns, now_ns},
    close, conns,
    durations::{note, note_rtt},
    filters, idle, late, leave,
    maps::{UNKNOWN, config, lose, only, stats},
    owner, peers,
    record::{Traffic, record},
    sock::{Sock, TcpSock},
    turns, unseen,
};

/// A process has started to connect; it is the owner. True if the connection is traced so far.
#[inline(always)]
pub(crate) fn connecting(sk: Sock) -> bool {
    // All filters, or a connection that they leave out would be remembered for as long as it is open.
    if !filters::wanted(sk, direction::OUTBOUND) || !filters::admitted(sk, sk.netns(), sk.remote_address()) {
        return false;
    }
    let conn = Conn {
        owner: owner::current(),
        direction: direction::OUTBOUND,
        phase: phase::CONNECTING,
        ..Conn::NOTHING
    };
    let entry = match conns::get(sk) {
        // The socket connects again after a failure, or after a connection whose end was missed.
        Some(before) => {
            cold_path();
            if before.phase != phase::CONNECTING {
                unseen::end(before);
            }
            before
        }
        // Without room nothing is lost yet: the open asks for room again, and counts the loss.
        None => match conns::claim(sk) {
            Some(entry) => entry,
            None => return false,
        },
    };
    *entry = conn;
    true
}

/// What shows that a connection is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The state change that opens it, caused by a packet.
    Packet,
    /// The state change that opens it.
    Seen,
    /// Its state alone: the change came before the tracer or, once everything is seeded, was missed.
    Missed,
}

/// The connection is open: counts it, unless it is counted already or the filters leave it out. True if it is
/// traced. `owner`: the process that connected, if user space has found it for a connection that is not
/// remembered.
#[inline(always)]
pub(crate) fn opened(sk: Sock, stored: Option<&mut Conn>, direction: u8, begin: Begin, owner: u32) -> bool {
    let missed = begin == Begin::Missed;
    let mut seeded = false;
    // A connection that started to connect while traced was not there before the tracer.
    if missed && stored.is_none() {
        cold_path();
        match unknown_is() {
            unknown::SEEDED => seeded = true,
            unknown::MISSED => {}
            _ => return false,
        }
    }
    let mut conn = Conn::NOTHING;
    conn.direction = direction;
    conn.owner = owner;
    if let Some(before) = &stored {
        if before.phase != phase::CONNECTING {
            return true;
        }
        // A simultaneous open comes here from SYN_RECV, but a process of this host started it.
        conn.direction = direction::OUTBOUND;
        conn.owner = before.owner;
    }
    conn.local_port = if missed {
        cold_path();
        sk.local_port_once_had()
    } else {
        sk.local_port()
    };
    let port = if conn.direction == direction::INBOUND {
        conn.local_port
    } else {
        sk.remote_port()
    };
    if !filters::wanted_at(sk, conn.direction, port) {
        return false;
    }
    let netns = sk.netns();
    let remote = sk.remote_address();
    if !filters::admitted(sk, netns, remote) {
        return false;
    }
    conn.interface = sk.interface();
    let place = (netns, conn.interface);
    conn.slot = peers::slot_of(&peers::key(port, conn.direction, place, remote, conn.owner));
    let Some(stats) = stats(conn.slot) else {
        return false;
    };
    let Some(entry) = stored.or_else(|| conns::claim(sk)) else {
        dropped();
        return false;
    };
    let tcp = sk.tcp();
    let opened_ns = match begin {
        Begin::Packet => event_ns(tcp),
        Begin::Seen | Begin::Missed => now_ns(),
    };
    let held = field!(stats.open_now).fetch_add(1);
    conn.held = held;
    conn.opened_ns = opened_ns;
    if !missed && let Some(tcp) = tcp {
        conn.handshake_retransmits = tcp.retransmits().min(u32::from(u8::MAX)) as u8;
    }
    if missed {
        cold_path();
        // Its age is a lower bound: it counts from now on.
        conn.flags = flag::SEEDED;
        if !seeded {
            lose!(rescued);
        }
    } else if held == 0 && conn.slot != 0 {
        // Of two opens at once, only one finds that the peer holds nothing.
        let last_end = field!(stats.last_end_ns).load();
        // The end may have come while the packet that opens this one was on its way through the kernel.
        if last_end != 0 && last_end < opened_ns {
            conn.gap_ns = opened_ns.wrapping_sub(last_end);
        }
    }
    if conn.slot == 0 {
        // What the slot holds belongs to many peers.
        conn.held = HELD_UNKNOWN;
        lose!(connections_unattributed);
    }
    field!(stats.open_peak).raise(held.wrapping_add(1));
    if seeded {
        field!(stats.seeded).add(1);
    } else {
        bump(field!(stats.opens_by_held), held_bucket(held));
    }
    if conn.gap_ns != 0 {
        note::<{ timed::GAP }>(stats, conn.gap_ns);
    }
    // Last, since nothing here reads it: it is a cold cache line, and a locked instruction waits for
    // the stores before it.
    *entry = conn;
    true
}

/// What an open connection is that is not remembered, one of [`unknown`].
#[inline(always)]
pub(crate) fn unknown_is() -> u32 {
    only(&UNKNOWN).map_or(unknown::DROPPED, Shared::load)
}

/// There is no room to remember a connection.
#[inline(always)]
fn dropped() {
    lose!(connections_dropped);
    // Each later change of it would look like a missed open. During seeding the loader does this.
    if unknown_is() == unknown::MISSED
        && let Some(is) = only(&UNKNOWN)
    {
        is.store(unknown::DROPPED);
    }
}

/// Captures what can only be seen at the first FIN or RST: idle time and who has taken leave, unless it came
/// before (`late`), and whether a request was pending. The `reason` is set already.
#[inline(always)]
fn first_to_end(tcp: Option<TcpSock>, conn: &mut Conn, late: bool) {
    peers::fetch(conn.slot);
    let mut idle = UNTOLD;
    if let Some(tcp) = tcp {
        if !late {
            leave::note(tcp, conn);
            idle = idle::ticks(tcp, conn);
        }
        turns::note_unanswered(tcp, conn);
        turns::note_last_answer(tcp, conn);
        turns::note_last_written(tcp, conn);
    }
    if idle == UNTOLD {
        conn.flags |= flag::IDLE_UNKNOWN;
    } else {
        conn.idle_ticks = idle;
    }
}

/// This host sent the first FIN, just now or before (`late`).
#[inline(always)]
pub(crate) fn local_fin(sk: Sock, conn: &mut Conn, late: bool) {
    if conn.phase == phase::OPEN && conn.reason == reason::OPEN {
        conn.reason = reason::LOCAL_FIN;
        let tcp = sk.tcp();
        if let Some(tcp) = tcp {
            late::note_fin(tcp, conn);
        }
        first_to_end(tcp, conn, late);
    }
}

/// The remote side's FIN came first. CLOSE_WAIT starts with it (`at_once`), started before the tracer
/// (`seeded`), or else started unseen.
///
/// Two bools rather than an enum: with one LLVM duplicates the rest of the function per variant (5 % more
/// code, 4 to 8 ns per change).
#[inline(always)]
pub(crate) fn entered_close_wait(sk: Sock, conn: &mut Conn, at_once: bool, seeded: bool) {
    if conn.phase != phase::OPEN || conn.reason != reason::OPEN {
        return;
    }
    let tcp = sk.tcp();
    let now = if at_once { event_ns(tcp) } else { now_ns() };
    conn.phase = phase::CLOSE_WAIT;
    conn.reason = reason::REMOTE_FIN;
    first_to_end(tcp, conn, !at_once);
    conn.close_wait_ns = now;
    if !at_once && !seeded {
        lose!(rescued);
    }
    let Some(stats) = stats(conn.slot) else {
        return;
    };
    if seeded {
        field!(stats.close_wait_seeded).add(1);
    } else {
        field!(stats.close_wait_entered).add(1);
    }
}

/// CLOSE_WAIT is over, by this host's FIN or by the end of the connection.
#[inline(always)]
pub(crate) fn left_close_wait(conn: &mut Conn) {
    if conn.phase != phase::CLOSE_WAIT {
        return;
    }
    conn.phase = phase::OPEN;
    let now = now_ns();
    conn.close_wait_left_ns = now;
    let Some(stats) = stats(conn.slot) else {
        return;
    };
    if conn.flags & flag::SEEDED == 0 {
        note::<{ timed::CLOSE_WAIT }>(stats, now.wrapping_sub(conn.close_wait_ns));
    }
    field!(stats.close_wait_left).add(1);
}

/// The socket went from `last_state` to CLOSE, just now or before (`late`): a connection ended or a connect
/// failed.
#[inline(always)]
pub(crate) fn over(sk: Sock, conn: &mut Conn, last_state: u8, late: bool) {
    if conn.phase == phase::CONNECTING {
        cold_path();
        connect_failed(sk, last_state, conn.owner);
        conns::remove(sk);
    } else {
        ended(sk, conn, last_state, late);
    }
}

#[inline(always)]
fn ended(sk: Sock, conn: &mut Conn, last_state: u8, late: bool) {
    let errno = sk.errno();
    let tcp = sk.tcp();
    let now = if is_ended_by_packet(sk, tcp, conn.flags, last_state, errno) {
        event_ns(tcp)
    } else {
        now_ns()
    };
    if conn.reason == reason::OPEN {
        cold_path();
        conn.reason = transition::abort_reason(conn.flags & flag::RST_RECEIVED != 0, errno);
        first_to_end(tcp, conn, late);
    }
    let mut traffic = Traffic::default();
    if let Some(tcp) = tcp {
        let retransmits = tcp.retransmits();
        (traffic.bytes_received, traffic.bytes_sent) = tcp.bytes(sk, retransmits);
        traffic.retransmits = after_handshake(retransmits, conn);
        // They lie in cache lines of their own, so only if needed.
        if config!(records) != 0 || !turns::are_counted(conn) {
            (traffic.data_segs_in, traffic.data_segs_out) = tcp.data_segs();
        }
    }
    if let Some(tcp) = tcp {
        note_rtt(conn.slot, tcp);
        late::note_received(tcp, conn);
        if errno == 0 {
            turns::note_answered(tcp, conn);
        }
    }
    turns::hand_over(conn);
    if let Some(stats) = stats(conn.slot) {
        close::count(stats, conn, now, &traffic);
    }
    if config!(records) != 0 {
        record(sk, conn, now, last_state, errno, &traffic);
    }
    conns::remove(sk);
}

/// Of the segments that were sent again, those after the handshake. A SYN that was dropped for a full queue
/// is no sign of a bad path.
#[inline(always)]
pub(crate) fn after_handshake(retransmits: u32, conn: &Conn) -> u32 {
    retransmits.saturating_sub(u32::from(conn.handshake_retransmits))
}

/// Whether a packet or a timer has just ended the connection, so that its socket has the time.
#[inline(always)]
fn is_ended_by_packet(sk: Sock, tcp: Option<TcpSock>, flags: u8, last_state: u8, errno: u16) -> bool {
    // A process that closes the socket holds its lock. Packets that arrive meanwhile are handled before it
    // lets go, and the last one of a closed connection then is the answer to its FIN.
    if sk.is_locked_by_process() {
        return last_state == state::LAST_ACK && sk.is_orphan();
    }
    // Nobody holds the lock where `close` leaves a socket to the kernel, nor of what a closing listener
    // throws away.
    match last_state {
        state::FIN_WAIT1 | state::CLOSING | state::LAST_ACK => true,
        state::FIN_WAIT2 => !sk.is_orphan() || tcp.is_some_and(|tcp| tcp.since_acknowledged_ticks() == 0),
        _ => flags & flag::RST_RECEIVED != 0 || errno != 0,
    }
}

/// A connect failed, of this process if that is known (else 0): counted for the peer, but not as a
/// connection.
#[inline(always)]
pub(crate) fn connect_failed(sk: Sock, last_state: u8, owner: u32) {
    if !filters::wanted(sk, direction::OUTBOUND) {
        return;
    }
    let netns = sk.netns();
    let remote = sk.remote_address();
    if !filters::admitted(sk, netns, remote) {
        return;
    }
    let interface = sk.interface();
    let slot = peers::slot_of(&peers::key(
        sk.remote_port(),
        direction::OUTBOUND,
        (netns, interface),
        remote,
        owner,
    ));
    if let Some(stats) = stats(slot) {
        field!(stats.failed).add(1);
    }
    if config!(records) != 0 {
        let conn = Conn {
            slot,
            owner,
            interface,
            // The kernel has released it already if the process did not choose it.
            local_port: sk.local_port_once_had(),
            direction: direction::OUTBOUND,
            reason: reason::CONNECT_FAILED,
            ..Conn::NOTHING
        };
        record(sk, &conn, now_ns(), last_state, sk.errno(), &Traffic::default());
    }
}
