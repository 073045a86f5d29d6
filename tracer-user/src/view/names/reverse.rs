//! Names of addresses from the system's resolver.

use std::{
    ffi::CStr,
    net::{IpAddr, SocketAddr},
};

use libc::{NI_MAXHOST, NI_NAMEREQD, c_char, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

/// The name of an address; `None` if it has none. May block for seconds.
pub(super) fn reverse(address: IpAddr) -> Option<String> {
    let mut name = [0 as c_char; NI_MAXHOST as usize];
    let length = u32::try_from(name.len()).unwrap_or(0);
    let look_up = |of: *const sockaddr, size: usize, name: &mut [c_char]| {
        // SAFETY: `of` points to a socket address of `size` bytes that lives during the call, `name`
        // to `length` writable characters; no service is asked for.
        unsafe {
            libc::getnameinfo(
                of,
                socklen_t::try_from(size).unwrap_or(0),
                name.as_mut_ptr(),
                length,
                std::ptr::null_mut(),
                0,
                NI_NAMEREQD,
            )
        }
    };
    let result = match SocketAddr::new(address, 0) {
        SocketAddr::V4(v4) => {
            let of = sockaddr_in {
                sin_family: u16::try_from(libc::AF_INET).unwrap_or(0),
                sin_port: 0,
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            look_up((&raw const of).cast(), size_of::<sockaddr_in>(), &mut name)
        }
        SocketAddr::V6(v6) => {
            let of = sockaddr_in6 {
                sin6_family: u16::try_from(libc::AF_INET6).unwrap_or(0),
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: 0,
            };
            look_up((&raw const of).cast(), size_of::<sockaddr_in6>(), &mut name)
        }
    };
    if result != 0 {
        return None;
    }
    // `c_char` is signed on some machines.
    let bytes: Vec<u8> = name.iter().flat_map(|c| c.to_ne_bytes()).collect();
    let text = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_a_name_or_none() {
        // The name depends on the machine, but an address reserved for documentation has none.
        let _ = reverse([127, 0, 0, 1].into());
        let _ = reverse(std::net::Ipv6Addr::LOCALHOST.into());
    }
}
