//! Late requests: data that comes after this host has closed the connection. The client sees a reset.
//!
//! Where the process closed its socket, the kernel answers such data with a RST ([`refused`]). Where it only
//! shut down its own direction and reads on, as servers that linger do, it takes the data in
//! ([`note_received`]).

use tracer_ebpf::{
    abi::{
        conn::Conn,
        peer::{PeerStats, direction, reason},
    },
    talk,
    transition::state,
};

use crate::{
    atomic::{Shared, field},
    maps::stats,
    packet::Packet,
    peers,
    sock::{Sock, TcpSock},
};

/// The kernel answers a packet with a RST. `sk`: the socket that it was for, or null.
#[inline(always)]
pub(crate) fn refused(sk: Sock, packet: &Packet) {
    let (netns, bound_to, state) = if sk.0.is_null() {
        (packet.netns, 0, 0)
    } else {
        (sk.netns(), sk.interface(), sk.state())
    };
    let first = match state {
        // What is left, for a minute, of a connection that this host has closed and the other side has not;
        // and one that the data itself has just ended. Both are bound as the connection was.
        state::TIME_WAIT | state::CLOSE => bound_to,
        // Where nothing is left, a listener or none: the connection may have been bound to where the packet
        // came from.
        state::LISTEN | 0 => packet.interface,
        _ => return,
    };
    let mut key = peers::key(packet.port, direction::INBOUND, (netns, first), packet.source, 0);
    let slot = peers::known(&key).or_else(|| {
        key.interface = bound_to;
        peers::known(&key)
    });
    let Some(stats) = slot.and_then(stats) else {
        return;
    };
    if packet.payload <= talk::longest_last_words(field!(stats.protocol).load() as u8) {
        return;
    }
    count(stats, packet.source_port, state == state::TIME_WAIT);
}

/// Counts one, unless it came from the same port as the one before: once a RST has taken away what was left
/// of the connection, the next segments of the same request find nothing. `is_first`: they cannot be such.
#[inline(always)]
fn count(stats: Shared<PeerStats>, port: u16, is_first: bool) {
    let port = u32::from(port);
    if field!(stats.late_port).swap(port) != port || is_first {
        field!(stats.late_requests).add(1);
    }
}

/// This host sends the first FIN: remembers how much it had received by then.
#[inline(always)]
pub(crate) fn note_fin(tcp: TcpSock, conn: &mut Conn) {
    conn.fin_seq = tcp.next_seq();
}

/// The connection has ended: whether data came after this host's FIN.
#[inline(always)]
pub(crate) fn note_received(tcp: TcpSock, conn: &Conn) {
    if conn.direction != direction::INBOUND || conn.reason != reason::LOCAL_FIN {
        return;
    }
    let received = tcp.next_seq().wrapping_sub(conn.fin_seq);
    let data = received.saturating_sub(u32::from(tcp.sock().fin_received()));
    if data > talk::longest_last_words(conn.heard.talk.protocol)
        && let Some(stats) = stats(conn.slot)
    {
        count(stats, tcp.sock().remote_port(), true);
    }
}
