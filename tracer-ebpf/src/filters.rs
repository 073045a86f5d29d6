//! Which connections are traced: by direction, port, protocol, namespace, cgroup and address.

use aya_ebpf::{helpers::bpf_probe_read_kernel, maps::lpm_trie::Key};
use tracer_ebpf::abi::config::Prefix;

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
    let only = config!(netns);
    if only != 0 && only != u64::from(netns) {
        return false;
    }
    if config!(cgroup) != 0 && !in_cgroup(sk) {
        return false;
    }
    config!(filter_addresses) == 0 || address_admitted(remote)
}

/// Whether the socket's cgroup is the wanted one or below it. An accepted socket is in the cgroup of its
/// listener.
#[inline(always)]
fn in_cgroup(sk: Sock) -> bool {
    let cgroup = load!(sk => sock.sk_cgrp_data.cgroup: ptr or 0);
    if cgroup.is_null() {
        return false;
    }
    let level = config!(cgroup_level) as u32;
    if load!(cgroup => cgroup.level: u32 or 0) < level {
        return false;
    }
    // The verifier does not follow an array of pointers of no declared length, so from here on a helper
    // reads.
    let ancestor = probe(cgroup, offset!(cgroup.ancestors) + 8 * u64::from(level));
    let node = probe(ancestor as *const u8, offset!(cgroup.kn));
    probe(node as *const u8, offset!(kernfs_node.id)) == config!(cgroup)
}

/// Reads a word at an address that the verifier does not trust; 0 if there is no memory.
#[inline(always)]
fn probe(base: *const u8, offset: u64) -> u64 {
    // SAFETY: the helper catches the fault of a bad address.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as usize).cast::<u64>()) }.unwrap_or(0)
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
