//! Which connections came to a listener of this host, asked of those that are not remembered.
//!
//! The kernel makes the socket of an accepted connection as a copy of its listener, and the copy keeps the
//! limit of the accept queue. No socket that connects has one. So the socket itself tells, except below a
//! listener whose limit is 0: the addresses of those are noted.

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
    maps::{LISTENED_ON, LISTENERS, lose, only},
    sock::Sock,
};

/// Notes the address of a listener that its connections do not show. Without room there, a missed open may
/// get the wrong direction.
#[inline(always)]
pub(crate) fn note(sk: Sock) {
    let port = sk.local_port();
    // An unbound socket gets its port only after `listen` has changed its state. The next walk notes it.
    if sk.accept_limit() != 0 || port == 0 {
        return;
    }
    let _ = LISTENERS.insert(key(sk, port), 1, 0);
    if let Some(there) = listened_on(port) {
        there.store(1);
    }
}

/// Notes it again, as each walk over the sockets does. One that is missing where listeners were noted before
/// was forgotten.
#[inline(always)]
pub(crate) fn note_again(sk: Sock) {
    let port = sk.local_port();
    if sk.accept_limit() == 0
        && listened_on(port).is_some_and(|there| there.load() != 0)
        && LISTENERS.get_ptr(key(sk, port)).is_none()
    {
        lose!(listeners_forgotten);
    }
    note(sk);
}

/// Whether such a listener is noted at a port: 1 then.
#[inline(always)]
fn listened_on(port: u16) -> Option<Shared<u8>> {
    let ports = only(&LISTENED_ON)?.as_ptr().cast::<u8>();
    // Through the stack: the verifier of 6.1 loses the bounds of a register after a byte swap.
    let port = core::hint::black_box(port);
    // SAFETY: the array has an element for each value of a u16.
    Some(unsafe { Shared::new(ports.add(usize::from(port))) })
}

/// Whether the connection came to a listener. Its port alone would not tell: a process may connect from the
/// port on which it listens, and a client may get a port on which somebody has listened.
#[inline(always)]
pub(crate) fn came_to_listener(sk: Sock) -> bool {
    came_to_listener_at(sk, sk.local_port())
}

#[inline(always)]
fn came_to_listener_at(sk: Sock, port: u16) -> bool {
    sk.accept_limit() != 0 || is_noted(sk, port)
}

/// Whether a listener is noted at this connection's local address: at that very address, at all addresses of
/// its family, or of both families.
#[inline(always)]
fn is_noted(sk: Sock, port: u16) -> bool {
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
        && came_to_listener_at(sk, port)
        && filters::admitted(sk, sk.netns(), sk.remote_address())
}

#[inline(always)]
fn key(sk: Sock, port: u16) -> PeerKey {
    PeerKey {
        address: sk.local_address(),
        netns: sk.netns(),
        port,
        direction: direction::INBOUND,
        shared: 0,
        // Which interface a listener is bound to does not matter to whether a connection came to one.
        interface: 0,
        process: 0,
    }
}
