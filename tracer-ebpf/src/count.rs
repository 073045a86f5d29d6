//! What happens to the counters when a connection opens, half closes, and ends.
//!
//! `PeerStats` is shared by all CPUs, so every change is one atomic instruction; a [`Conn`] is
//! changed under its socket's lock, so plain stores do.

use core::{hint::cold_path, ptr::NonNull};

use tracer_ebpf::{
    abi::{
        conn::{Conn, flag, phase, unknown},
        peer::{Durations, PeerStats, direction, reason, timed},
    },
    buckets::{TIME_BUCKETS, held_bucket, time_bucket, turn_bucket},
    transition::{self, state},
};

use crate::{
    atomic,
    clock::{event_ns, now_ns},
    conns, filters,
    maps::{UNKNOWN, config, lose, opaque},
    owner, peers,
    record::{Traffic, record},
    sock::{Sock, TcpSock, ticks_ns},
    turns,
};

/// A process began to connect: it is the owner. True if the connection is traced so far.
#[inline(always)]
pub(crate) fn connecting(sk: Sock) -> bool {
    if !filters::wanted(sk, direction::OUTBOUND) {
        return false;
    }
    let conn = Conn {
        owner: owner::current(),
        direction: direction::OUTBOUND,
        phase: phase::CONNECTING,
        ..NOTHING
    };
    // A socket may connect again after it failed. No room is counted as a loss when the connection opens,
    // where room is asked for once more.
    let Some(entry) = conns::get(sk).or_else(|| conns::claim(sk)) else {
        return false;
    };
    // SAFETY: the socket's lock is held.
    unsafe { entry.write(conn) };
    true
}

/// A connection of which nothing is known.
pub(crate) const NOTHING: Conn = Conn {
    opened_ns: 0,
    close_wait_ns: 0,
    close_wait_left_ns: 0,
    gap_ns: 0,
    idle_ticks: 0,
    slot: 0,
    held: 0,
    owner: 0,
    turns: 0,
    write_seq: 0,
    local_port: 0,
    direction: 0,
    phase: phase::OPEN,
    reason: reason::OPEN,
    flags: 0,
    pad: [0; 2],
};

/// How it is known that a connection is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// By its change of state, which a packet makes.
    Packet,
    /// By its change of state.
    Seen,
    /// By what it is now, since that change was not seen: it came before the tracer or, once everything is
    /// seeded, was missed.
    Missed,
}

/// The connection is open: counts it, unless it is counted already or the filters leave it out. True if it
/// is traced. `owner`: the process that connected, if that is known of a connection of which nothing is remembered.
#[inline(always)]
pub(crate) fn opened(
    sk: Sock,
    stored: Option<NonNull<Conn>>,
    direction: u8,
    begin: Begin,
    owner: u32,
) -> bool {
    let missed = begin == Begin::Missed;
    let mut seeded = false;
    // What began to connect while traced was not there before the tracer.
    if missed && stored.is_none() {
        cold_path();
        match unknown_is() {
            unknown::SEEDED => seeded = true,
            unknown::MISSED => {}
            _ => return false,
        }
    }
    let mut conn = NOTHING;
    conn.direction = direction;
    conn.owner = owner;
    if let Some(before) = stored {
        // SAFETY: the socket's lock is held.
        let before = unsafe { before.as_ref() };
        if before.phase != phase::CONNECTING {
            return true;
        }
        // A simultaneous open comes here from SYN_RECV, but a process of this host began it.
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
    conn.slot = peers::slot_of(&peers::key(port, conn.direction, netns, remote, conn.owner));
    let Some(stats) = peers::stats(conn.slot) else {
        return false;
    };
    let Some(entry) = stored.or_else(|| conns::claim(sk)) else {
        dropped();
        return false;
    };
    let opened_ns = match begin {
        Begin::Packet => event_ns(sk.tcp()),
        Begin::Seen | Begin::Missed => now_ns(),
    };
    // SAFETY: tested.
    conn.held = unsafe { atomic::fetch_add(&raw mut (*stats).open_now, 1) };
    conn.opened_ns = opened_ns;
    if missed {
        cold_path();
        // Its age is only known to be at least what is noted from here on.
        conn.flags = flag::SEEDED;
        if !seeded {
            lose!(rescued);
        }
    } else if conn.held == 0 {
        // SAFETY: tested. Two opens at once: the second one is no longer the first it holds.
        let last_end = unsafe { (&raw const (*stats).last_end_ns).read_volatile() };
        // That end may have come while the packet that opens this one was on its way through the kernel.
        if last_end != 0 && last_end < opened_ns {
            conn.gap_ns = opened_ns.wrapping_sub(last_end);
        }
    }
    if conn.slot == 0 {
        lose!(connections_unattributed);
    }
    // SAFETY: tested.
    unsafe {
        atomic::raise32(&raw mut (*stats).open_peak, conn.held.wrapping_add(1));
        if seeded {
            atomic::add(&raw mut (*stats).seeded, 1);
        } else {
            bump(&raw mut (*stats).opens_by_held, held_bucket(conn.held));
        }
        if conn.gap_ns != 0 {
            note(stats, timed::GAP, conn.gap_ns);
        }
        // Last, since nothing here reads it: it is a cold line, and an atomic instruction waits for
        // the stores before it. The socket's lock is held.
        entry.write(conn);
    }
    true
}

/// What an open connection is that nothing is remembered of, one of [`unknown`].
#[inline(always)]
pub(crate) fn unknown_is() -> u32 {
    match UNKNOWN.get_ptr(0) {
        // SAFETY: tested.
        Some(is) => unsafe { is.read_volatile() },
        None => unknown::DROPPED,
    }
}

/// There is no room to remember a connection.
#[inline(always)]
fn dropped() {
    lose!(connections_dropped);
    // Each of its changes would show it anew. While seeding the loader sees to this.
    if unknown_is() == unknown::MISSED
        && let Some(is) = UNKNOWN.get_ptr_mut(0)
    {
        // SAFETY: tested.
        unsafe { is.write_volatile(unknown::DROPPED) };
    }
}

/// Notes what only the moment shows in which one side ends the connection. Its `reason` is set.
#[inline(always)]
fn first_to_end(tcp: Option<TcpSock>, conn: &mut Conn) {
    peers::fetch(conn.slot);
    if let Some(tcp) = tcp {
        conn.idle_ticks = tcp.idle_ticks();
        turns::note_unanswered(tcp, conn);
    }
}

/// This host sent the first FIN.
#[inline(always)]
pub(crate) fn local_fin(sk: Sock, conn: &mut Conn) {
    if conn.phase == phase::OPEN && conn.reason == reason::OPEN {
        conn.reason = reason::LOCAL_FIN;
        first_to_end(sk.tcp(), conn);
    }
}

/// The remote side's FIN came first: CLOSE_WAIT begins with it (`at_once`), has begun unseen, or was there before
/// the tracer (`seeded`). False if that was known.
///
/// Flags and no [`Begin`]: of that the compiler makes a copy of all that follows for each case, a twentieth more code
/// and 4 to 8 ns more a change.
#[inline(always)]
pub(crate) fn entered_close_wait(sk: Sock, conn: &mut Conn, at_once: bool, seeded: bool) -> bool {
    if conn.phase != phase::OPEN || conn.reason != reason::OPEN {
        return false;
    }
    let tcp = sk.tcp();
    let now = if at_once { event_ns(tcp) } else { now_ns() };
    conn.phase = phase::CLOSE_WAIT;
    conn.reason = reason::REMOTE_FIN;
    first_to_end(tcp, conn);
    conn.close_wait_ns = now;
    let Some(stats) = peers::stats(conn.slot) else {
        return true;
    };
    // SAFETY: tested.
    unsafe {
        if seeded {
            atomic::add(&raw mut (*stats).close_wait_seeded, 1);
        } else {
            atomic::add(&raw mut (*stats).close_wait_entered, 1);
        }
    }
    true
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
    let Some(stats) = peers::stats(conn.slot) else {
        return;
    };
    // SAFETY: tested.
    unsafe {
        if conn.flags & flag::SEEDED == 0 {
            note(stats, timed::CLOSE_WAIT, now.wrapping_sub(conn.close_wait_ns));
        }
        atomic::add(&raw mut (*stats).close_wait_left, 1);
    }
}

/// The socket left `last_state` for CLOSE: a connection ended or a connect failed.
#[inline(always)]
pub(crate) fn over(sk: Sock, conn: &mut Conn, last_state: u8) {
    if conn.phase == phase::CONNECTING {
        cold_path();
        connect_failed(sk, last_state, conn.owner);
        conns::remove(sk);
    } else {
        ended(sk, conn, last_state);
    }
}

#[inline(always)]
fn ended(sk: Sock, conn: &mut Conn, last_state: u8) {
    let errno = sk.errno();
    let tcp = sk.tcp();
    // A process that closes the socket holds it. While it does, packets wait until it is about to let go, and
    // the last one of a closed connection is then that of its FIN.
    let by_packet = !sk.is_held() || last_state == state::LAST_ACK && sk.is_orphan();
    let now = if by_packet { event_ns(tcp) } else { now_ns() };
    if conn.reason == reason::OPEN {
        cold_path();
        conn.reason = transition::abort_reason(conn.flags & flag::RST_RECEIVED != 0, errno);
        first_to_end(tcp, conn);
    }
    let mut traffic = Traffic::default();
    if let Some(tcp) = tcp {
        traffic.retransmits = tcp.retransmits();
        (traffic.bytes_received, traffic.bytes_sent) = tcp.bytes(sk, traffic.retransmits);
        // They lie in lines of their own, so not without need.
        if config!(records) != 0 || !turns::are_counted(conn) {
            (traffic.data_segs_in, traffic.data_segs_out) = tcp.data_segs();
        }
    }
    if let Some(tcp) = tcp {
        note_rtt(conn.slot, tcp);
    }
    if let Some(stats) = peers::stats(conn.slot) {
        // SAFETY: tested.
        unsafe { count_close(stats, conn, now, &traffic) };
    }
    if config!(records) != 0 {
        record(sk, conn, now, last_state, errno, &traffic);
    }
    conns::remove(sk);
}

/// # Safety
/// `stats` points to a slot of `PEERS`.
#[inline(always)]
unsafe fn count_close(stats: *mut PeerStats, conn: &Conn, now: u64, traffic: &Traffic) {
    // SAFETY: the caller's promise, for every field.
    unsafe {
        atomic::sub(&raw mut (*stats).open_now, 1);
        bump(
            &raw mut (*stats).closes,
            u32::from(conn.reason).wrapping_sub(u32::from(reason::LOCAL_FIN)),
        );
        if traffic.bytes_received != 0 {
            atomic::add(&raw mut (*stats).bytes_received, traffic.bytes_received);
        }
        if traffic.bytes_sent != 0 {
            atomic::add(&raw mut (*stats).bytes_sent, traffic.bytes_sent);
        }
        if traffic.retransmits != 0 {
            atomic::add(&raw mut (*stats).retransmits, traffic.retransmits);
        }
        note(stats, timed::IDLE, ticks_ns(conn.idle_ticks));
        if conn.flags & flag::SEEDED == 0 {
            note(stats, timed::LIFETIME, now.wrapping_sub(conn.opened_ns));
            let turns = turns::turns(conn, traffic.data_segs_in, traffic.data_segs_out);
            if turns != 0 {
                atomic::add(&raw mut (*stats).turns_sum, u64::from(turns));
                atomic::raise32(&raw mut (*stats).turns_max, turns);
            }
            bump(&raw mut (*stats).turn_buckets, turn_bucket(turns));
        }
        if conn.flags & flag::UNANSWERED != 0 {
            atomic::add(&raw mut (*stats).unanswered, 1);
        }
        (&raw mut (*stats).last_end_ns).write_volatile(now);
    }
}

/// A connect of a process (0: not known) failed: counted for the peer, no connection.
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
    let slot = peers::slot_of(&peers::key(
        sk.remote_port(),
        direction::OUTBOUND,
        netns,
        remote,
        owner,
    ));
    if let Some(stats) = peers::stats(slot) {
        // SAFETY: tested.
        atomic::add(unsafe { &raw mut (*stats).failed }, 1);
    }
    if config!(records) != 0 {
        let conn = Conn {
            slot,
            owner,
            local_port: sk.local_port(),
            direction: direction::OUTBOUND,
            reason: reason::CONNECT_FAILED,
            ..NOTHING
        };
        record(sk, &conn, now_ns(), last_state, sk.errno(), &Traffic::default());
    }
}

/// Notes the round-trip time of one of a peer's connections.
#[inline(always)]
pub(crate) fn note_rtt(slot: u32, tcp: TcpSock) {
    let us = tcp.rtt_us();
    let Some(stats) = peers::stats(slot) else {
        return;
    };
    if us != 0 {
        // SAFETY: tested.
        unsafe {
            (&raw mut (*stats).rtt_us).write_volatile(us);
            atomic::raise32(&raw mut (*stats).inverse_rtt_min_us, !us);
        }
    }
}

/// Adds one to a bucket. The verifier wants the index proved here.
#[inline(always)]
fn bump<const N: usize>(buckets: *mut [u32; N], index: u32) {
    let index = opaque(u64::from(index)) as usize;
    if index < N {
        // SAFETY: just tested.
        atomic::add(unsafe { buckets.cast::<u32>().add(index) }, 1_u32);
    }
}

/// Notes how long something took, `what` being one of [`timed`].
///
/// # Safety
/// `stats` points to a slot of `PEERS`, and `what` is below `timed::COUNT`.
#[inline(always)]
unsafe fn note(stats: *mut PeerStats, what: usize, ns: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        let durations = (&raw mut (*stats).durations).cast::<Durations>().add(what);
        if ns != 0 {
            atomic::add(&raw mut (*durations).sum_ns, ns);
        }
        atomic::raise64(&raw mut (*durations).max_ns, ns);
        atomic::raise64(&raw mut (*durations).inverse_min_ns, !ns);
        // As in `bump`.
        let bucket = opaque(u64::from(time_bucket(ns))) as usize;
        if bucket < TIME_BUCKETS {
            let bucket = (&raw mut (*stats).buckets)
                .cast::<[u32; timed::COUNT]>()
                .add(bucket);
            atomic::add(bucket.cast::<u32>().add(what), 1_u32);
        }
    }
}
