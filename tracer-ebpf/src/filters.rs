//! Which connections are traced: by direction, port, protocol, namespace, cgroup and address.

use aya_ebpf::{helpers::generated::bpf_probe_read_kernel, maps::lpm_trie::Key};
use tracer_ebpf::abi::config::{ANY_LEVEL, Prefix};

use crate::{
    maps::{ADDRESSES, PORTS, config},
    sock::{Sock, load, offset},
};

/// Whether the direction and port filters admit connections of this direction on this socket: the
/// cheap half of the filters, asked first.
#[inline(always)]
pub(crate) fn wanted(sk: Sock, direction: u8) -> bool {
    wanted_at(sk, direction, sk.service_port(direction))
}

/// The same for a service port that is known already.
#[inline(always)]
pub(crate) fn wanted_at(sk: Sock, direction: u8, port: u16) -> bool {
    // The direction's number is its bit in the settings. The protocol last: it lies in a cold cache line of
    // the socket.
    config!(directions) & u64::from(direction) != 0 && port_admitted(port) && sk.is_tcp()
}

/// Whether the namespace, cgroup and address filters admit this connection.
#[inline(always)]
pub(crate) fn admitted(sk: Sock, netns: u32, remote: [u32; 4]) -> bool {
    is_in_scope(sk, netns) && (config!(filter_addresses) == 0 || address_admitted(remote))
}

/// Whether the namespace and cgroup filters admit this socket.
#[inline(always)]
pub(crate) fn is_in_scope(sk: Sock, netns: u32) -> bool {
    let only = config!(netns);
    (only == 0 || only == u64::from(netns)) && (config!(cgroup) == 0 || in_cgroup(sk))
}

/// Whether the socket's cgroup is the wanted one or below it. An accepted socket is in the cgroup of its
/// listener.
#[inline(always)]
fn in_cgroup(sk: Sock) -> bool {
    let cgroup = load!(sk => sock.sk_cgrp_data.cgroup: ptr or 0);
    if cgroup.is_null() {
        return false;
    }
    let wanted = config!(cgroup_level);
    if wanted == ANY_LEVEL {
        // As a number, since that is what the function takes.
        let cgroup: u64 = probe(sk.0, offset!(sock.sk_cgrp_data.cgroup));
        return tcpreuse_in_cgroup(cgroup) != 0;
    }
    load!(cgroup => cgroup.level: u32 or 0) >= wanted as u32 && is_wanted_at(cgroup, wanted as u32)
}

/// Whether the wanted cgroup is this one or lies above it, at whatever level. A cgroup namespace hides how
/// many cgroups lie above its own root.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_in_cgroup(cgroup: u64) -> u32 {
    /// Of a deeper cgroup only the highest ones are looked at.
    const LEVELS: u32 = 16;
    let cgroup = cgroup as *const u8;
    let own: u32 = probe(cgroup, offset!(cgroup.level));
    for level in 0..LEVELS {
        if level > own {
            break;
        }
        if is_wanted_at(cgroup, level) {
            return 1;
        }
    }
    0
}

/// Whether a cgroup's ancestor of this level, which may be itself, is the wanted one.
#[inline(always)]
fn is_wanted_at(cgroup: *const u8, level: u32) -> bool {
    // The verifier does not follow an array of pointers of no declared length, so a helper reads.
    let ancestor: u64 = probe(cgroup, offset!(cgroup.ancestors) + 8 * u64::from(level));
    let node: u64 = probe(ancestor as *const u8, offset!(cgroup.kn));
    let id: u64 = probe(node as *const u8, offset!(kernfs_node.id));
    id == config!(cgroup)
}

/// Reads a value at an address that the verifier does not trust; 0 if there is no memory. A test of that
/// would be another path for the verifier at each level of a search.
#[inline(always)]
fn probe<T: Default>(base: *const u8, offset: u64) -> T {
    let mut value = T::default();
    let at = base.wrapping_add(offset as usize);
    // SAFETY: the helper writes that many bytes, zeros after the fault of a bad address.
    unsafe { bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, at.cast()) };
    value
}

/// Whether the port filter admits a port.
#[inline(always)]
fn port_admitted(port: u16) -> bool {
    if config!(filter_ports) == 0 {
        return true;
    }
    // Through the stack: the verifier of 6.1 loses the bounds of a register after a byte swap.
    let port = core::hint::black_box(port);
    let words: *const u64 = (&raw const PORTS).cast();
    // SAFETY: a u16 shifted right by 6 is below PORT_WORDS.
    let word = unsafe { words.add(usize::from(port >> 6)).read_volatile() };
    word >> (port & 63) & 1 == 1
}

/// Whether the address filter admits an address: the longest matching prefix decides, and the loader has
/// computed for each prefix whether it admits or not.
#[inline(always)]
fn address_admitted(address: [u32; 4]) -> bool {
    match ADDRESSES.get(&Key::new(128, Prefix { address })) {
        Some(admitted) => *admitted != 0,
        None => config!(admit_by_default) != 0,
    }
}
