//! How long a connection has been idle when its first FIN or RST comes.

use tracer_ebpf::{
    abi::{
        conn::{Conn, flag},
        peer::{direction, reason},
    },
    rhythm::UNTOLD,
    talk::{self, protocol},
};

use crate::{
    maps::config,
    sock::TcpSock,
    turns::{NOW, has_seen_last_answer, is_some_of, is_tls, written},
};

/// What idle time depends on of a socket. On the stack of its program, for a function that the verifier
/// checks once.
#[repr(C)]
struct Quiet {
    /// The present, in timer ticks.
    now: u32,
    /// Timer ticks since data last moved, in either direction and in each.
    idle: u32,
    received: u32,
    sent: u32,
    /// Timer ticks since an acknowledgement was last received.
    acknowledged: u32,
    /// Bytes that the process has not read, that it has written since it read, and that are not acknowledged.
    unread: u32,
    written: u32,
    in_flight: u32,
}

/// How long a connection has been idle when its first FIN or RST comes, in timer ticks, or [`UNTOLD`]. A
/// goodbye before it is data too, and no use of the connection, however long before the FIN it came.
///
/// - The other side has said goodbye: since the last answer was sent or, at the client's end, since the last
///   data came that was none.
/// - The client on this host has said it, and nothing since it last read: since then.
/// - The client on this host has just said it: since the last data came, or since an acknowledgement of what
///   it had sent before, unless that came just now. Over TLS it may also be answered by the server's FIN
///   before its own.
/// - The server on this host has just said it: since an acknowledgement of the answer, unless the goodbye was
///   acknowledged too, as happens where both ends are on one host. Then since a walk over the sockets has seen
///   the answer, or it is not known: an answer that was long in coming, and the goodbye with it, would look
///   like a short one and idle time after it.
/// - A server of PostgreSQL says why it ends a session, and then takes a while to do so: since it was last
///   asked.
#[inline(always)]
pub(crate) fn ticks(tcp: TcpSock, conn: &mut Conn) -> u32 {
    let idle = tcp.idle_ticks();
    if config!(peek) == 0 || conn.flags & flag::READ == 0 {
        return idle;
    }
    let mut quiet = Quiet {
        now: tcp.ticks_since(0),
        idle,
        received: tcp.since_received_ticks(),
        sent: tcp.since_sent_ticks(),
        acknowledged: tcp.since_acknowledged_ticks(),
        unread: tcp.unread(),
        written: written(tcp, conn),
        in_flight: tcp.in_flight(),
    };
    tcpreuse_idle(conn, &raw mut quiet)
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn tcpreuse_idle(conn: *mut Conn, quiet: *mut Quiet) -> u32 {
    // SAFETY: the verifier makes sure that callers pass one of each or null.
    match unsafe { (conn.as_ref(), quiet.as_ref()) } {
        (Some(conn), Some(quiet)) => quiet.before_the_end(conn),
        _ => 0,
    }
}

impl Quiet {
    #[inline(always)]
    fn before_the_end(&self, conn: &Conn) -> u32 {
        let is_client = conn.direction == direction::OUTBOUND;
        if conn.heard.talk.is_postgresql() {
            let asked = match conn.reason {
                reason::LOCAL_FIN if !is_client => self.received,
                reason::REMOTE_FIN if is_client => self.sent,
                _ => 0,
            };
            if asked > NOW {
                return asked;
            }
        }
        let has_said = conn.heard.talk.flags & talk::flag::GOODBYE != 0;
        let just_now = self.idle <= NOW;
        let protocol = conn.heard.talk.protocol;
        let (certain, last_words) = (
            talk::certain_goodbye(protocol),
            talk::longest_last_words(protocol),
        );
        let answered = conn.rhythm.last_answer();
        let server_left = if reason::is_remote(conn.reason) {
            conn.flags & flag::LEFT != 0
        } else if has_said {
            conn.flags & flag::GOODBYE == 0
        } else {
            is_tls(conn) && conn.rhythm.is_quiet_since() && self.has_seen_last_answer(conn)
        };
        if !is_client && server_left && answered != 0 {
            // What was written after that is the server's goodbye, and the client's is an answer to it.
            return self.now.wrapping_sub(answered);
        }
        if has_said
            || self.has_unread_goodbye(is_client, if just_now { last_words } else { certain }, last_words)
            || is_client && self.has_written_goodbye(certain)
        {
            if is_client {
                return match conn.heard.last_ticks {
                    // A goodbye is all that ever came, as when a handshake fails.
                    0 => self.idle,
                    last => self.now.wrapping_sub(last),
                };
            }
            // What was written after the goodbye was read answers nothing else.
            return if has_said && self.written > 0 && answered != 0 {
                self.now.wrapping_sub(answered)
            } else {
                self.sent
            };
        }
        if just_now && self.is_saying_goodbye(conn, last_words) {
            return if self.acknowledged > NOW {
                self.acknowledged.min(self.received)
            } else if is_client || self.received <= NOW {
                self.received
            } else if self.has_seen_last_answer(conn) {
                self.now.wrapping_sub(conn.rhythm.last_answer())
            } else {
                UNTOLD
            };
        }
        self.idle
    }

    /// As [`has_seen_last_answer`].
    #[inline(always)]
    fn has_seen_last_answer(&self, conn: &Conn) -> bool {
        has_seen_last_answer(conn, conn.write_seq.wrapping_add(self.written))
    }

    /// Whether what the process has not read yet is no longer than the other side's goodbye may be.
    #[inline(always)]
    fn has_unread_goodbye(&self, is_client: bool, most: u32, last_words: u32) -> bool {
        // A server's answer may be as short.
        let may_be_answer = is_client && self.written > last_words;
        is_some_of(self.unread, most) && !may_be_answer
    }

    /// Whether all that a client has written since it last read is its goodbye, and nothing but another one
    /// has come.
    #[inline(always)]
    fn has_written_goodbye(&self, certain: u32) -> bool {
        is_some_of(self.written, certain) && self.unread <= certain
    }

    /// Whether what this host has sent last is its goodbye.
    #[inline(always)]
    fn is_saying_goodbye(&self, conn: &Conn, last_words: u32) -> bool {
        if conn.direction == direction::OUTBOUND {
            return is_tls(conn) || is_some_of(self.written, last_words);
        }
        // More is an answer, which the client would have acknowledged if it were not sent just now.
        let may_say = is_tls(conn) || conn.heard.talk.protocol == protocol::HTTP2;
        may_say && conn.reason == reason::LOCAL_FIN && self.in_flight <= last_words
    }
}
