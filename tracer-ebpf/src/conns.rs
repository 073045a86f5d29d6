//! What is remembered of each traced connection, from its begin to its end.
//!
//! An entry is only ever touched under the lock of its socket, by whoever holds that socket's
//! cookie; between CPUs only the taking and giving back of a place must be atomic.

use core::{hint::cold_path, ptr::NonNull};

use tracer_ebpf::abi::conn::Conn;

use crate::{
    atomic,
    count::NOTHING,
    maps::{CONNS, CONNS_USED, cookie_in_place_of, place},
    sock::Sock,
};

/// The entry of a socket, if it is traced. A socket without a cookie is not: what the filters
/// leave out costs one load.
///
/// Not an `Option<*mut Conn>`: the compiler may save the pointer that a `None` of it does not have, and the
/// verifier refuses to read what was never written.
#[inline(always)]
pub(crate) fn get(sk: Sock) -> Option<NonNull<Conn>> {
    let cookie = sk.cookie();
    if cookie == 0 {
        return None;
    }
    if is_in_place(cookie) {
        NonNull::new(place(cookie))
    } else if elsewhere() {
        cold_path();
        NonNull::new(CONNS.get_ptr_mut(cookie)?)
    } else {
        None
    }
}

/// Makes an entry for a socket that has none, and leaves it to the caller to fill it; `None` when there
/// is no room left.
#[inline(always)]
pub(crate) fn claim(sk: Sock) -> Option<NonNull<Conn>> {
    let cookie = sk.cookie_or_new();
    if atomic::replace(cookie_in_place_of(cookie), 0, cookie) {
        return NonNull::new(place(cookie));
    }
    cold_path();
    claim_elsewhere(cookie)
}

/// For the few whose place is taken.
#[inline(always)]
fn claim_elsewhere(cookie: u64) -> Option<NonNull<Conn>> {
    if CONNS.insert(cookie, NOTHING, 0).is_err() {
        return None;
    }
    if let Some(used) = CONNS_USED.get_ptr_mut(0) {
        atomic::add(used, 1);
    }
    NonNull::new(CONNS.get_ptr_mut(cookie)?)
}

/// Removes the entry, if there is one.
#[inline(always)]
pub(crate) fn remove(sk: Sock) {
    let cookie = sk.cookie();
    if is_in_place(cookie) {
        // After this the place may be somebody else's.
        atomic::publish(cookie_in_place_of(cookie), 0);
    } else {
        cold_path();
        if CONNS.remove(cookie).is_ok()
            && let Some(used) = CONNS_USED.get_ptr_mut(0)
        {
            atomic::sub(used, 1);
        }
    }
}

/// Whether any connection is remembered outside its place. The look-up this spares is a cold
/// cache line for every socket that has a cookie for some other reason.
#[inline(always)]
fn elsewhere() -> bool {
    let Some(used) = CONNS_USED.get_ptr(0) else {
        return true;
    };
    // SAFETY: tested. It cannot be too early: an entry is made and removed under the lock of the
    // very socket the caller asks about.
    let used = unsafe { used.read_volatile() };
    used != 0
}

/// Whether the place of a cookie is that socket's.
#[inline(always)]
fn is_in_place(cookie: u64) -> bool {
    // SAFETY: it lies in its table. Volatile, since other CPUs write it too.
    unsafe { cookie_in_place_of(cookie).read_volatile() == cookie }
}
