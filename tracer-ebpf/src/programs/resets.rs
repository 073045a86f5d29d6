//! `tp_btf/tcp_receive_reset`: a RST arrived. The state change that follows looks at the flag.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_ebpf::abi::conn::flag;

use crate::{conns, sock::Sock};

#[btf_tracepoint]
pub(crate) fn tcpreuse_reset(ctx: BtfTracePointContext) -> i32 {
    note(Sock(ctx.arg(0)))
}

/// A flag may be set twice.
#[btf_tracepoint]
pub(crate) fn tcpreuse_reset2(ctx: BtfTracePointContext) -> i32 {
    note(Sock(ctx.arg(0)))
}

#[inline(always)]
fn note(sk: Sock) -> i32 {
    if let Some(conn) = conns::get(sk) {
        conn.flags |= flag::RST_RECEIVED;
    }
    0
}
