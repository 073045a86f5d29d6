//! Who ends a connection where one side says goodbye and the other is the first to send its FIN. That is a race
//! where a client says it and closes at once, as those of databases do, and a rule where the other side closes
//! in answer.

use tracer_ebpf::{
    abi::{
        conn::{Conn, flag},
        peer::{direction, reason},
    },
    talk,
};

use crate::{
    sock::{TcpSock, ticks_ns},
    turns::{has_seen_last_answer, is_some_of, is_tls, note_hold, written},
};

/// A server answers a goodbye with its FIN within this time, ns. What is as short and has no answer for longer
/// was something else, such as a sign of life.
const PROMPT_NS: u64 = 250_000_000;

/// The process has read a goodbye, after it had written so many bytes since it read before. Remembers it unless
/// it may be an answer to what this host has said.
#[inline(always)]
pub(crate) fn goodbye_came(tcp: TcpSock, conn: &mut Conn, written: u32) {
    tcpreuse_goodbye(conn, tcp.write_seq(), written);
}

/// Global: the verifier checks it once, and not on each path that leads to it.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn tcpreuse_goodbye(conn: *mut Conn, write_seq: u32, written: u32) -> u32 {
    // SAFETY: the verifier makes sure that callers pass one or null.
    let Some(conn) = (unsafe { conn.as_mut() }) else {
        return 0;
    };
    if conn.direction == direction::OUTBOUND {
        if !is_some_of(written, talk::certain_goodbye(conn.heard.talk.protocol)) {
            conn.flags |= flag::GOODBYE;
        }
    } else if !has_last_words(conn, write_seq) {
        conn.flags |= flag::GOODBYE;
    } else if conn.rhythm.is_quiet_since() {
        // What was sent last is the server's goodbye, and not the answer.
        let seen = conn.rhythm.last_answer();
        let hold = conn.rhythm.answered_at(seen);
        note_hold(conn, hold);
    }
    0
}

/// Notes whether the side that does not send the first FIN or RST has said goodbye first.
#[inline(always)]
pub(crate) fn note(tcp: TcpSock, conn: &mut Conn) {
    let (written, unread) = (written(tcp, conn), tcp.unread());
    tcpreuse_left(conn, written, unread, tcp.write_seq(), tcp.since_sent_ticks());
}

/// Global, as above. `written`: bytes since the process read last. `since_sent`: timer ticks since data was
/// last sent.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn tcpreuse_left(
    conn: *mut Conn,
    written: u32,
    unread: u32,
    write_seq: u32,
    since_sent: u32,
) -> u32 {
    // SAFETY: as above.
    let Some(conn) = (unsafe { conn.as_mut() }) else {
        return 0;
    };
    let came_first = conn.flags & flag::GOODBYE != 0;
    let is_client = conn.direction == direction::OUTBOUND;
    let protocol = conn.heard.talk.protocol;
    let has_left = if reason::is_local(conn.reason) {
        let last_words = talk::longest_last_words(protocol);
        came_first || is_client && is_tls(conn) && is_some_of(unread, last_words) && written <= last_words
    } else if !reason::is_remote(conn.reason) {
        false
    } else if is_client {
        let certain = talk::certain_goodbye(protocol);
        let is_prompt = ticks_ns(since_sent) <= PROMPT_NS;
        !came_first && is_prompt && is_some_of(written, certain) && unread <= certain
    } else {
        !came_first && server_said_it(conn, write_seq)
    };
    if has_left && conn.flags & flag::READ != 0 {
        conn.flags |= flag::LEFT;
    }
    0
}

/// Whether the server on this host has said goodbye over TLS: if something has come from the client since the
/// last answer, it may have answered that.
#[inline(always)]
fn server_said_it(conn: &Conn, write_seq: u32) -> bool {
    has_last_words(conn, write_seq) && conn.rhythm.is_quiet_since()
}

/// Whether the server on this host has written something over TLS since a walk over the sockets saw its last
/// answer, and no more than a goodbye.
#[inline(always)]
fn has_last_words(conn: &Conn, write_seq: u32) -> bool {
    is_tls(conn) && has_seen_last_answer(conn, write_seq) && conn.answered_seq != write_seq
}
