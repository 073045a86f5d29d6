//! What is remembered of each traced connection, from its start to its end.
//!
//! An entry belongs to the socket whose cookie it has, and every hook runs under the lock of its socket. So
//! an entry is changed by plain stores; only taking and freeing a place is atomic.

use core::hint::cold_path;

use tracer_ebpf::abi::conn::Conn;

use crate::{
    maps::{CONNS, CONNS_USED, cookie_in_place_of, only, place},
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
    if is_in_place(cookie) {
        Some(in_place(cookie))
    } else if elsewhere() {
        cold_path();
        in_map(cookie)
    } else {
        None
    }
}

/// Makes an entry for a socket that has none, and leaves it to the caller to fill it; `None` when there
/// is no room left.
#[inline(always)]
pub(crate) fn claim<'entry>(sk: Sock) -> Option<&'entry mut Conn> {
    let cookie = sk.cookie_or_new();
    if cookie_in_place_of(cookie).replace(0, cookie) {
        return Some(in_place(cookie));
    }
    cold_path();
    if CONNS.insert(cookie, Conn::NOTHING, 0).is_err() {
        return None;
    }
    if let Some(used) = only(&CONNS_USED) {
        used.add(1);
    }
    in_map(cookie)
}

/// Removes the entry, if there is one.
#[inline(always)]
pub(crate) fn remove(sk: Sock) {
    let cookie = sk.cookie();
    if is_in_place(cookie) {
        // From here on the place may be taken for another socket.
        cookie_in_place_of(cookie).publish(0);
    } else {
        cold_path();
        if CONNS.remove(cookie).is_ok()
            && let Some(used) = only(&CONNS_USED)
        {
            used.sub(1);
        }
    }
}

#[inline(always)]
fn in_place<'entry>(cookie: u64) -> &'entry mut Conn {
    // SAFETY: the place has this cookie, so it is this socket's, whose lock is held.
    unsafe { place(cookie).as_mut() }
}

#[inline(always)]
fn in_map<'entry>(cookie: u64) -> Option<&'entry mut Conn> {
    // SAFETY: the entry has this cookie, so it is this socket's, whose lock is held.
    unsafe { CONNS.get_ptr_mut(cookie)?.as_mut() }
}

/// Whether [`CONNS`] has any entries. Otherwise the look-up would cost a cold cache line for every socket
/// that has a cookie for some other reason.
#[inline(always)]
fn elsewhere() -> bool {
    // Never too early: an entry is made and removed under the lock of the very socket that the caller asks
    // about.
    only(&CONNS_USED).is_none_or(|used| used.load() != 0)
}

/// Whether the place of a cookie is taken by that socket.
#[inline(always)]
fn is_in_place(cookie: u64) -> bool {
    cookie_in_place_of(cookie).load() == cookie
}
