//! `tp_btf/tcp_destroy_sock`: the kernel gives a socket up. Whatever is still remembered of it was missed:
//! what ends a connection in the usual way leaves nothing behind, and this is one load then.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_ebpf::transition::state;

use crate::{conns, count, maps::lose, sock::Sock};

#[btf_tracepoint(function = "tcp_destroy_sock")]
pub(crate) fn tcpreuse_end(ctx: BtfTracePointContext) -> i32 {
    let sk = Sock(ctx.arg(0));
    if let Some(mut conn) = conns::get(sk) {
        // SAFETY: nobody else has this socket any more.
        let conn = unsafe { conn.as_mut() };
        count::left_close_wait(conn);
        // Which state it left is not known any more.
        count::over(sk, conn, state::CLOSE);
        lose!(rescued);
    }
    0
}
