//! Where something listens, and what that tells of a connection that nothing is remembered of.

use tracer_ebpf::{
    abi::{
        conn::unknown,
        peer::{PeerKey, direction},
    },
    address,
};

use crate::{count, maps::LISTENERS, sock::Sock};

/// Remembers that something listens here. A full table costs a direction, not a count.
#[inline(always)]
pub(crate) fn note(sk: Sock) {
    let _ = LISTENERS.insert(key(sk, sk.local_port()), 1, 0);
}

/// Whether something listens, or did, where this connection ends here, at its own address or at all of
/// its family or of both. The port alone would not do: a client may have got the same one at
/// another address.
#[inline(always)]
pub(crate) fn has_listener(sk: Sock) -> bool {
    has_listener_at(sk, sk.local_port())
}

#[inline(always)]
fn has_listener_at(sk: Sock, port: u16) -> bool {
    let mut key = key(sk, port);
    if LISTENERS.get_ptr(key).is_some() {
        return true;
    }
    key.address = address::mapped(0);
    if LISTENERS.get_ptr(key).is_some() {
        return true;
    }
    key.address = [0; 4];
    LISTENERS.get_ptr(key).is_some()
}

/// Whether an open connection that nothing is remembered of ought to be traced. It is an inbound one then,
/// since the connect of an outbound one runs in a process, which does not interrupt programs.
#[inline(always)]
pub(crate) fn is_missed(sk: Sock) -> bool {
    if count::unknown_is() == unknown::DROPPED {
        return false;
    }
    let port = sk.local_port_once_had();
    count::wanted_at(sk, direction::INBOUND, port)
        && sk.admitted(sk.netns(), sk.remote_address())
        && has_listener_at(sk, port)
}

#[inline(always)]
fn key(sk: Sock, port: u16) -> PeerKey {
    PeerKey {
        address: sk.local_address(),
        netns: sk.netns(),
        port,
        direction: direction::INBOUND,
        pad: 0,
    }
}
