//! What the headers of a received packet say.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use tracer_ebpf::address;

use crate::sock::load;

/// Bytes of a TCP header up to its flags.
const TCP_HEAD: usize = 14;

/// The SYN flag.
const SYN: u8 = 2;

/// A TCP segment that this host received.
pub(crate) struct Packet {
    /// Where it came from, IPv4 mapped.
    pub(crate) source: [u32; 4],
    /// From which port, host order.
    pub(crate) source_port: u16,
    /// To which port, host order.
    pub(crate) port: u16,
    /// Bytes of payload.
    pub(crate) payload: u32,
    /// Network namespace of the device that it came through; 0: not known.
    pub(crate) netns: u32,
    /// Index of that device, which is the VRF of one that belongs to a VRF; 0: not known.
    pub(crate) interface: u32,
}

impl Packet {
    /// Reads the headers of a `struct sk_buff`; `None` without one, and for a SYN.
    #[inline(always)]
    pub(crate) fn of(skb: *const u8) -> Option<Self> {
        if skb.is_null() {
            return None;
        }
        let head = load!(skb => sk_buff.head: ptr or 0);
        let network = head.wrapping_add(load!(skb => sk_buff.network_header: u16 or 0).into());
        let transport = head.wrapping_add(load!(skb => sk_buff.transport_header: u16 or 0).into());
        let tcp: [u8; TCP_HEAD] = read(transport)?;
        if tcp[13] & SYN != 0 {
            return None;
        }
        // The kernel has taken off the IP header, and not yet that of TCP.
        let header = u32::from(tcp[12] >> 4) * 4;
        let (netns, interface) = device(load!(skb => sk_buff.dev: ptr or 0));
        Some(Self {
            source: source(network)?,
            source_port: u16::from_be_bytes([tcp[0], tcp[1]]),
            port: u16::from_be_bytes([tcp[2], tcp[3]]),
            payload: load!(skb => sk_buff.len: u32 or 0).saturating_sub(header),
            netns,
            interface,
        })
    }
}

/// The source address in an IP header, by its version.
#[inline(always)]
fn source(network: *const u8) -> Option<[u32; 4]> {
    /// Where it lies in each.
    const IN_V4: usize = 12;
    const IN_V6: usize = 8;
    let [version] = read::<[u8; 1]>(network)?;
    match version >> 4 {
        4 => Some(address::mapped(read(network.wrapping_add(IN_V4))?)),
        6 => read(network.wrapping_add(IN_V6)),
        _ => None,
    }
}

/// The network namespace of a device and its index.
#[inline(always)]
fn device(device: *const u8) -> (u32, u32) {
    if device.is_null() {
        return (0, 0);
    }
    let net = load!(device => net_device.nd_net.net: ptr or 0);
    if net.is_null() {
        return (0, 0);
    }
    (
        load!(net => net.ns.inum: u32),
        load!(device => net_device.ifindex: u32 or 0),
    )
}

/// Reads what the verifier does not follow a pointer to.
#[inline(always)]
fn read<T>(from: *const u8) -> Option<T> {
    // SAFETY: the helper catches the fault of a bad address.
    unsafe { bpf_probe_read_kernel(from.cast()) }.ok()
}
