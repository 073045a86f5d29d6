//! What is remembered of each traced connection, from its begin to its end.
//!
//! An entry is only ever touched under the lock of its socket, by whoever holds that socket's
//! cookie; between CPUs only the taking and giving back of a place must be atomic.

use tracer_ebpf::abi::conn::Conn;

use crate::{
    atomic,
    maps::{CONNS, CONNS_USED, PLACE_COUNT, PLACES, Place},
    sock::Sock,
};

/// The entry of a socket, if it is traced. A socket without a cookie is not: what the filters
/// leave out costs one load.
#[inline(always)]
pub(crate) fn get(sk: Sock) -> Option<*mut Conn> {
    let cookie = sk.cookie();
    if cookie == 0 {
        return None;
    }
    match place_of(cookie) {
        // SAFETY: `place_of` gave it.
        Some(place) if unsafe { cookie_in(place) } == cookie => {
            // SAFETY: as above.
            Some(unsafe { &raw mut (*place).conn })
        }
        _ if elsewhere() => CONNS.get_ptr_mut(cookie),
        _ => None,
    }
}

/// Makes an entry, over the one that may be there; false when there is no room left.
#[inline(always)]
pub(crate) fn insert(sk: Sock, conn: &Conn) -> bool {
    let cookie = sk.cookie_or_new();
    if let Some(place) = place_of(cookie) {
        // SAFETY: `place_of` gave it.
        let ours =
            unsafe { cookie_in(place) == cookie || atomic::replace(&raw mut (*place).cookie, 0, cookie) };
        if ours {
            // SAFETY: as above, and the place is this socket's.
            unsafe { (&raw mut (*place).conn).write(*conn) };
            return true;
        }
    }
    if CONNS.insert(cookie, conn, 0).is_err() {
        return false;
    }
    if let Some(used) = CONNS_USED.get_ptr_mut(0) {
        atomic::add(used, 1);
    }
    true
}

/// Removes the entry, if there is one.
#[inline(always)]
pub(crate) fn remove(sk: Sock) {
    let cookie = sk.cookie();
    match place_of(cookie) {
        // SAFETY: `place_of` gave it.
        Some(place) if unsafe { cookie_in(place) } == cookie => {
            // SAFETY: as above. After this the place may be somebody else's.
            atomic::swap(unsafe { &raw mut (*place).cookie }, 0);
        }
        _ => {
            if CONNS.remove(cookie).is_ok()
                && let Some(used) = CONNS_USED.get_ptr_mut(0)
            {
                atomic::sub(used, 1);
            }
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

#[inline(always)]
fn place_of(cookie: u64) -> Option<*mut Place> {
    PLACES.get_ptr_mut(cookie as u32 & (PLACE_COUNT as u32 - 1))
}

/// # Safety
/// `place` was given by [`place_of`].
#[inline(always)]
unsafe fn cookie_in(place: *mut Place) -> u64 {
    // SAFETY: the caller's promise. Volatile, because other CPUs write it too.
    unsafe { (&raw const (*place).cookie).read_volatile() }
}
