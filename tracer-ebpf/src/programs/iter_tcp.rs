//! `iter/tcp`: walks the sockets of one network namespace.
//!
//! Two programs. `tcpreuse_seed` counts every connection that was open before the tracer and, when run again,
//! what was missed since; `tcpreuse_list` writes one record per live socket. Both run under the socket's
//! lock, so neither races with a state change of that socket.

use aya_ebpf::{bindings::seq_file, helpers::generated::bpf_seq_write};
use tracer_ebpf::{
    abi::{
        conn::{flag, phase, unknown},
        live::{Live, live_flag},
        peer::{direction, reason},
    },
    transition::{is_open, state},
};

use crate::{
    conns,
    count::{self, Begin},
    durations, filters, listeners, owner, peers,
    sock::{Sock, TcpSock, ticks_ns},
    turns,
};

/// The flags of a connection that its record shows.
const CONN_FLAGS: u8 = flag::SEEDED | flag::RST_RECEIVED | flag::UNANSWERED;

/// The kernel's `struct bpf_iter_meta`.
#[repr(C)]
struct IterMeta {
    seq: *mut seq_file,
    session_id: u64,
    seq_num: u64,
}

/// The kernel's `struct bpf_iter__tcp`; each field is 8 bytes wide there.
#[repr(C)]
pub(crate) struct IterTcp {
    meta: *const IterMeta,
    sk_common: *const u8,
}

/// Counts the connections that are open and not counted, and records what state they are in. The iterator
/// shows listeners first, so those to be noted are known when the connections come.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
pub(crate) extern "C" fn tcpreuse_seed(ctx: *mut IterTcp) -> i32 {
    // SAFETY: the kernel passes its context.
    let Some(tcp) = full_socket(unsafe { (*ctx).sk_common }) else {
        return 0;
    };
    let sk = tcp.sock();
    let state = sk.state();
    if state == state::LISTEN {
        listeners::note_again(sk);
        return 0;
    }
    if !is_open(state) {
        return 0;
    }
    let direction = if listeners::came_to_listener(sk) {
        direction::INBOUND
    } else {
        direction::OUTBOUND
    };
    let owner = owner::found(sk) & peers::if_outbound(direction);
    if !count::opened(sk, conns::get(sk), direction, Begin::Missed, owner) {
        return 0;
    }
    let Some(conn) = conns::get(sk) else {
        return 0;
    };
    if conn.reason != reason::OPEN || state == state::ESTABLISHED {
        // The tracepoint has seen the changes, or there were none.
        return 0;
    }
    match state {
        state::CLOSE_WAIT => {
            let seeded = count::unknown_is() == unknown::SEEDED;
            count::entered_close_wait(sk, conn, false, seeded);
        }
        // Who closed first is a guess for LAST_ACK and CLOSING: both sides have.
        state::LAST_ACK => {
            conn.reason = reason::REMOTE_FIN;
            conn.flags |= flag::IDLE_UNKNOWN;
        }
        _ => count::local_fin(sk, conn, true),
    }
    0
}

/// Writes a record for every listener and every connection the filters admit.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
pub(crate) extern "C" fn tcpreuse_list(ctx: *mut IterTcp) -> i32 {
    // SAFETY: the kernel passes its context.
    let (meta, sk_common) = unsafe { ((*ctx).meta, (*ctx).sk_common) };
    let Some(tcp) = full_socket(sk_common) else {
        return 0;
    };
    let mut record = Live::NOTHING;
    if !describe(tcp, &mut record) {
        return 0;
    }
    // SAFETY: `seq` is the iterator's own file. The result does not matter: when the buffer is full, the
    // kernel shows this socket again.
    unsafe {
        bpf_seq_write((*meta).seq, (&raw const record).cast(), size_of::<Live>() as u32);
    }
    0
}

/// `None` for request and time-wait sockets, which are no connections to count, and at the end of the walk.
#[inline(always)]
fn full_socket(sk_common: *const u8) -> Option<TcpSock> {
    if sk_common.is_null() {
        None
    } else {
        Sock(sk_common).tcp()
    }
}

/// Fills an empty record in place: a second one would not fit on the stack. False if there is none to write.
#[inline(always)]
fn describe(tcp: TcpSock, live: &mut Live) -> bool {
    let sk = tcp.sock();
    let state = sk.state();
    // On a busy host most sockets are left out here, by the cheapest test.
    if !filters::wanted(sk, direction::INBOUND) && !filters::wanted(sk, direction::OUTBOUND) {
        return false;
    }
    live.cookie = sk.cookie();
    live.inode = sk.inode();
    live.local_address = sk.local_address();
    live.netns = sk.netns();
    live.interface = sk.interface();
    live.local_port = sk.local_port();
    live.state = state;
    if state == state::LISTEN {
        listeners::note_again(sk);
        if !filters::wanted(sk, direction::INBOUND) || !filters::is_in_scope(sk, live.netns) {
            return false;
        }
        (live.queue, live.queue_limit) = sk.accept_queue();
        live.drops = sk.drops();
        live.flags = live_flag::TRACKED | live_flag::HAS_FILE;
        return true;
    }
    if !is_open(state) {
        return false;
    }
    live.remote_address = sk.remote_address();
    live.remote_port = sk.remote_port();
    (live.data_segs_in, live.data_segs_out) = tcp.data_segs();
    live.retransmits = tcp.retransmits();
    (live.bytes_received, live.bytes_sent) = tcp.bytes(sk, live.retransmits);
    match conns::get(sk) {
        None if !is_missed(sk, live) => return false,
        None => {}
        Some(conn) => {
            live.direction = conn.direction;
            if conn.phase != phase::CONNECTING {
                live.opened_ns = conn.opened_ns;
                live.close_wait_ns = conn.close_wait_ns;
                live.slot = conn.slot;
                live.interface = conn.interface;
                durations::note_rtt(conn.slot, tcp);
                turns::tcpreuse_hand_over(conn);
                turns::note_answer_seen(tcp, conn);
                live.held = conn.held;
                live.retransmits = count::after_handshake(live.retransmits, conn);
                live.owner = conn.owner;
                live.turns = turns::turns(conn, live.data_segs_in, live.data_segs_out);
                live.flags = conn.flags & CONN_FLAGS | live_flag::TRACKED;
                live.flags |= turns::exact_flag(conn, live.bytes_received);
                live.protocol = conn.heard.talk.protocol;
                if turns::is_holding(tcp, conn) {
                    live.flags |= live_flag::HOLDING;
                }
            }
        }
    }
    if sk.is_accepted() {
        live.flags |= live_flag::HAS_FILE;
    }
    if sk.is_orphan() {
        live.flags |= live_flag::ORPHAN;
    }
    live.queue = tcp.unread();
    live.idle_ns = ticks_ns(tcp.idle_ticks());
    live.heard_ns = ticks_ns(tcp.heard_ticks());
    (live.retries, live.probes) = tcp.in_vain();
    live.clock = tcp.remote_clock();
    true
}

/// Whether the counts miss a connection that is not remembered, which the loader must know. False if a filter
/// leaves it out.
#[inline(always)]
fn is_missed(sk: Sock, live: &mut Live) -> bool {
    let inbound = listeners::came_to_listener(sk);
    live.direction = if inbound {
        direction::INBOUND
    } else {
        direction::OUTBOUND
    };
    filters::wanted(sk, live.direction) && filters::admitted(sk, live.netns, live.remote_address)
}
