//! `tp_btf/tcp_destroy_sock`: the kernel frees a socket. If an entry is still there, the end of the
//! connection was missed; usually there is none, and this program takes one load.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_ebpf::transition::{DESTROYED, state};

use crate::{
    conns, count,
    maps::{config, lose},
    sock::Sock,
};

#[btf_tracepoint]
pub(crate) fn tcpreuse_end(ctx: BtfTracePointContext) -> i32 {
    // For tests, and pruned otherwise.
    if config!(miss) & u64::from(DESTROYED) != 0 {
        return 0;
    }
    end(Sock(ctx.arg(0)))
}

/// What has ended already is not remembered.
#[btf_tracepoint]
pub(crate) fn tcpreuse_end2(ctx: BtfTracePointContext) -> i32 {
    end(Sock(ctx.arg(0)))
}

#[inline(always)]
fn end(sk: Sock) -> i32 {
    if let Some(conn) = conns::get(sk) {
        count::left_close_wait(conn);
        // Its last state is not known any more.
        count::over(sk, conn, state::CLOSE, true);
        lose!(rescued);
    }
    0
}
