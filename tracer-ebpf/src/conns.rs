//! What is remembered of each traced connection, from its start to its end.
//!
//! An entry belongs to the socket whose cookie it has, and every hook runs under the lock of its socket. So
//! an entry is changed by plain stores; only taking and freeing a place is atomic.

use core::hint::cold_path;

use tracer_ebpf::abi::conn::{Conn, NEIGHBOURS, neighbour};

use crate::{
    maps::{CONNS, cookie_in, displaced, place},
    sock::Sock,
};

/// The entry of a socket, if it is traced. A socket without a cookie is not: what the filters
/// leave out costs one load.
///
/// A program must not use an earlier result after it has called this again.
#[inline(always)]
pub(crate) fn get<'entry>(sk: Sock) -> Option<&'entry mut Conn> {
    let cookie = sk.cookie();
    if cookie == 0 {
        return None;
    }
    if is_at_home(cookie) {
        Some(in_place(cookie))
    } else if displaced().load() != 0 {
        // Never too early: an entry is made and removed under the lock of the very socket that the caller
        // asks about.
        cold_path();
        match tcpreuse_neighbour(cookie) {
            NOWHERE => in_map(cookie),
            place => Some(in_place(place)),
        }
    } else {
        None
    }
}

/// Makes an entry for a socket that has none, and leaves it to the caller to fill it; `None` when there
/// is no room left.
#[inline(always)]
pub(crate) fn claim<'entry>(sk: Sock) -> Option<&'entry mut Conn> {
    let cookie = sk.cookie_or_new();
    if cookie_in(cookie).replace(0, cookie) {
        return Some(in_place(cookie));
    }
    cold_path();
    match tcpreuse_claim(cookie) {
        NO_ROOM => None,
        NOWHERE => in_map(cookie),
        place => Some(in_place(place)),
    }
}

/// Removes the entry, if there is one.
#[inline(always)]
pub(crate) fn remove(sk: Sock) {
    let cookie = sk.cookie();
    if is_at_home(cookie) {
        // From here on the place may be taken for another socket.
        cookie_in(cookie).publish(0);
        return;
    }
    cold_path();
    match tcpreuse_neighbour(cookie) {
        NOWHERE => {
            if CONNS.remove(cookie).is_err() {
                return;
            }
        }
        place => cookie_in(place).publish(0),
    }
    displaced().sub(1);
}

/// No place: an entry in the map.
const NOWHERE: u64 = u64::MAX;

/// Neither a place nor an entry.
const NO_ROOM: u64 = NOWHERE - 1;

/// The neighbouring place that a socket has; [`NOWHERE`] if it has none. Like the next function it is global,
/// so that the verifier checks it once, and not again on each path that leads here.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_neighbour(cookie: u64) -> u64 {
    for number in 1..NEIGHBOURS {
        let place = neighbour(cookie, number);
        if cookie_in(place).load() == cookie {
            return place;
        }
    }
    NOWHERE
}

/// Takes one of the neighbouring places, or makes an entry in the map if none is free ([`NOWHERE`]).
/// [`NO_ROOM`] if there is no room for that either.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_claim(cookie: u64) -> u64 {
    for number in 1..NEIGHBOURS {
        let place = neighbour(cookie, number);
        let there = cookie_in(place);
        if there.load() == 0 && there.replace(0, cookie) {
            displaced().add(1);
            return place;
        }
    }
    if CONNS.insert(cookie, Conn::NOTHING, 0).is_err() {
        return NO_ROOM;
    }
    displaced().add(1);
    NOWHERE
}

#[inline(always)]
fn in_place<'entry>(number: u64) -> &'entry mut Conn {
    // SAFETY: the place has this socket's cookie, and the socket's lock is held.
    unsafe { place(number).as_mut() }
}

#[inline(always)]
fn in_map<'entry>(cookie: u64) -> Option<&'entry mut Conn> {
    // SAFETY: the entry has this cookie, so it is this socket's, whose lock is held.
    unsafe { CONNS.get_ptr_mut(cookie)?.as_mut() }
}

/// Whether a socket has the place of its cookie.
#[inline(always)]
fn is_at_home(cookie: u64) -> bool {
    cookie_in(cookie).load() == cookie
}
