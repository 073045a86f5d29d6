//! Where something listens, and what that tells of a connection that nothing is remembered of.

use tracer_ebpf::{
    abi::{
        conn::unknown,
        peer::{PeerKey, direction},
    },
    address,
};

use crate::{
    count, filters,
    maps::{LISTENED_ON, LISTENERS},
    sock::Sock,
};

/// Remembers that something listens here. A full table costs a direction, not a count.
#[inline(always)]
pub(crate) fn note(sk: Sock) {
    let port = sk.local_port();
    let _ = LISTENERS.insert(key(sk, port), 1, 0);
    if let Some(there) = listened_on(port) {
        // SAFETY: tested for null.
        unsafe { there.write_volatile(1) };
    }
}

/// Whether anything listens on a port: not 0 then.
#[inline(always)]
fn listened_on(port: u16) -> Option<*mut u8> {
    let ports: *mut u8 = LISTENED_ON.get_ptr_mut(0)?.cast();
    // Through the stack, since the verifier of 6.1 forgets the bounds of a port whose bytes were swapped.
    let port = core::hint::black_box(port);
    // SAFETY: there are as many as a u16 has values.
    Some(unsafe { ports.add(usize::from(port)) })
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
    // SAFETY: tested for null.
    if listened_on(port).is_none_or(|there| unsafe { there.read_volatile() } == 0) {
        return false;
    }
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
    filters::wanted_at(sk, direction::INBOUND, port)
        && has_listener_at(sk, port)
        && filters::admitted(sk, sk.netns(), sk.remote_address())
}

#[inline(always)]
fn key(sk: Sock, port: u16) -> PeerKey {
    PeerKey {
        address: sk.local_address(),
        netns: sk.netns(),
        port,
        direction: direction::INBOUND,
        pad: 0,
        process: 0,
    }
}
