//! `tp_btf/tcp_receive_reset`: a RST arrived. The state change that follows asks for it.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_ebpf::abi::conn::flag;

use crate::{conns, sock::Sock};

#[btf_tracepoint(function = "tcp_receive_reset")]
pub(crate) fn tcpreuse_reset(ctx: BtfTracePointContext) -> i32 {
    if let Some(mut conn) = conns::get(Sock(ctx.arg(0))) {
        // SAFETY: the socket's lock is held.
        unsafe { conn.as_mut().flags |= flag::RST_RECEIVED };
    }
    0
}
