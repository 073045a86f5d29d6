//! `tp_btf/tcp_rcv_space_adjust`: a process has read from a socket, and the program runs in that process.
//! Counts request turns and names the owner of an accepted connection. It runs at every read of every socket,
//! so it leaves at once if the socket is not traced.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{conns, sock::Sock, turns};

#[btf_tracepoint]
pub(crate) fn tcpreuse_read(ctx: BtfTracePointContext) -> i32 {
    note(Sock(ctx.arg(0)))
}

/// What has been read already brings nothing.
#[btf_tracepoint]
pub(crate) fn tcpreuse_read2(ctx: BtfTracePointContext) -> i32 {
    note(Sock(ctx.arg(0)))
}

#[inline(always)]
fn note(sk: Sock) -> i32 {
    // A socket map reads in a packet's interrupt, and the process that runs there has nothing to do with it.
    if let Some(conn) = conns::get(sk)
        && sk.is_locked_by_process()
    {
        turns::read(sk, conn);
    }
    0
}
