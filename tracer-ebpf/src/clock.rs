//! When a change happens.

use core::hint::cold_path;

use aya_ebpf::helpers::generated;

use crate::sock::TcpSock;

/// When the packet arrived or the timer expired that is changing the socket, ns; see [`TcpSock::event_ns`].
/// Wrong where a process may be changing it.
#[inline(always)]
pub(crate) fn event_ns(tcp: Option<TcpSock>) -> u64 {
    match tcp.map_or(0, TcpSock::event_ns) {
        0 => {
            cold_path();
            now_ns()
        }
        event => event,
    }
}

/// Monotonic time, ns.
#[inline(always)]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: the helper only reads a clock.
    unsafe { generated::bpf_ktime_get_ns() }
}
