//! Which connections are traced: by direction, port, protocol, namespace, cgroup and address.

use aya_ebpf::{helpers::bpf_probe_read_kernel, maps::lpm_trie::Key};
use tracer_ebpf::abi::config::Prefix;

use crate::{
    maps::{ADDRESSES, PORTS, config, offset},
    sock::{Sock, load, load_pointer},
};

/// Whether settings and port filter want connections of this direction on this socket: the
/// cheap half of the filters, asked first.
#[inline(always)]
pub(crate) fn wanted(sk: Sock, direction: u8) -> bool {
    wanted_at(sk, direction, sk.service_port(direction))
}

/// The same of a port that is known already.
#[inline(always)]
pub(crate) fn wanted_at(sk: Sock, direction: u8, port: u16) -> bool {
    // The direction's number is its bit in the settings. The protocol last: it lies in a line of the socket
    // that is cold, and what is traced once need not be asked again.
    config!(directions) & u64::from(direction) != 0 && port_admitted(port) && sk.is_tcp()
}

/// Whether the address and namespace filters let this connection pass.
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

/// Whether the wanted cgroup is the socket's own or above it. An accepted socket is in the
/// cgroup of its listener.
#[inline(always)]
fn in_cgroup(sk: Sock) -> bool {
    let cgroup: *const u8 = load_pointer!(sk.0, sk_cgroup);
    if cgroup.is_null() {
        return false;
    }
    let level = config!(cgroup_level) as u32;
    if load!(cgroup, cgroup_level: u32) < level {
        return false;
    }
    // The verifier does not follow an array of pointers of no declared length, so from here on
    // the reads are checked when they run.
    let ancestor = probe(cgroup, offset!(cgroup_ancestors) + 8 * u64::from(level));
    let node = probe(ancestor as *const u8, offset!(cgroup_node));
    probe(node as *const u8, offset!(node_id)) == config!(cgroup)
}

/// Reads a word at an address nothing is known of; 0 where there is none.
#[inline(always)]
fn probe(base: *const u8, offset: u64) -> u64 {
    // SAFETY: the helper reads only what it can, and says when it cannot.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as usize).cast::<u64>()) }.unwrap_or(0)
}

/// Whether the port filter lets a port pass.
#[inline(always)]
fn port_admitted(port: u16) -> bool {
    if config!(filter_ports) == 0 {
        return true;
    }
    // Through the stack, since the verifier of 6.1 forgets the bounds of a port whose bytes were swapped.
    let port = core::hint::black_box(port);
    let words: *const u64 = (&raw const PORTS).cast();
    // SAFETY: a u16 shifted right by 6 is below PORT_WORDS.
    let word = unsafe { words.add(usize::from(port >> 6)).read_volatile() };
    word >> (port & 63) & 1 == 1
}

/// Whether the address filter lets an address pass: the longest prefix that matches decides, and
/// the loader has worked out for each prefix whether it is in or out.
#[inline(always)]
fn address_admitted(address: [u32; 4]) -> bool {
    match ADDRESSES.get(&Key::new(128, Prefix { address })) {
        Some(admitted) => *admitted != 0,
        None => config!(admit_by_default) != 0,
    }
}
