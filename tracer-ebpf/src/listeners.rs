//! The addresses that processes listen on, and what they tell about a connection that is not remembered.

use tracer_ebpf::{
    abi::{
        conn::unknown,
        peer::{PeerKey, direction},
    },
    address,
};

use crate::{
    atomic::Shared,
    count, filters,
    maps::{LISTENED_ON, LISTENERS, only},
    sock::Sock,
};

/// Remembers a listening address. Without room there, a missed open may get the wrong direction, but is
/// counted.
#[inline(always)]
pub(crate) fn note(sk: Sock) {
    let port = sk.local_port();
    let _ = LISTENERS.insert(key(sk, port), 1, 0);
    if let Some(there) = listened_on(port) {
        there.store(1);
    }
}

/// Whether anything listens on a port: 1 then.
#[inline(always)]
fn listened_on(port: u16) -> Option<Shared<u8>> {
    let ports = only(&LISTENED_ON)?.as_ptr().cast::<u8>();
    // Through the stack: the verifier of 6.1 loses the bounds of a register after a byte swap.
    let port = core::hint::black_box(port);
    // SAFETY: the array has an element for each value of a u16.
    Some(unsafe { Shared::new(ports.add(usize::from(port))) })
}

/// Whether something listens, or did, at this connection's local address: at that very address, at all
/// addresses of its family, or of both families. The port alone would not do: a client may have got the same
/// port at another address.
#[inline(always)]
pub(crate) fn has_listener(sk: Sock) -> bool {
    has_listener_at(sk, sk.local_port())
}

#[inline(always)]
fn has_listener_at(sk: Sock, port: u16) -> bool {
    if listened_on(port).is_none_or(|there| there.load() == 0) {
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

/// Whether an open connection that is not remembered should have been traced. It must be inbound: an outbound
/// connect runs in a process, which does not interrupt programs, so it is never missed.
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
