//! `tp_btf/tcp_rcv_space_adjust`: a process has read from a socket, and runs here itself. Tells
//! request turns and the owner of an accepted connection. It runs at every read of every socket,
//! so what is not traced has to leave at once.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{conns, sock::Sock, turns};

#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
pub(crate) fn tcpreuse_read(ctx: BtfTracePointContext) -> i32 {
    let sk = Sock(ctx.arg(0));
    if let Some(mut conn) = conns::get(sk) {
        // SAFETY: the reader holds the socket's lock.
        turns::read(sk, unsafe { conn.as_mut() });
    }
    0
}
