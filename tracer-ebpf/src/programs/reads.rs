//! `tp_btf/tcp_rcv_space_adjust`: a process has read from a socket, and the program runs in that process.
//! Counts request turns and names the owner of an accepted connection. It runs at every read of every socket,
//! so it leaves at once if the socket is not traced.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{conns, sock::Sock, turns};

#[btf_tracepoint]
pub(crate) fn tcpreuse_read(ctx: BtfTracePointContext) -> i32 {
    let sk = Sock(ctx.arg(0));
    if let Some(conn) = conns::get(sk) {
        turns::read(sk, conn);
    }
    0
}
