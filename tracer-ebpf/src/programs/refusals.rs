//! `tp_btf/tcp_send_reset`: the kernel answers a packet with a RST, or sends one on its own account. Data
//! that comes after this host has closed is answered so.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{late, packet::Packet, sock::Sock};

#[btf_tracepoint]
pub(crate) fn tcpreuse_refuse(ctx: BtfTracePointContext) -> i32 {
    if let Some(packet) = Packet::of(ctx.arg(1)) {
        late::refused(Sock(ctx.arg(0)), &packet);
    }
    0
}
