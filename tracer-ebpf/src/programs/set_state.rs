//! `tp_btf/inet_sock_set_state`: the spine. Every count begins here.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_ebpf::{
    abi::{conn::phase, peer::direction},
    transition::{self, state, step},
};

use crate::{conns, count, sock::Sock};

#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn tcpreuse_state(ctx: BtfTracePointContext) -> i32 {
    let old = ctx.arg::<u32>(1) as u8;
    let new = ctx.arg::<u32>(2) as u8;
    let steps = transition::steps(old, new);
    if steps == 0 {
        return 0;
    }
    let sk = Sock(ctx.arg(0));
    if !sk.is_tcp() {
        return 0;
    }
    if steps & step::CONNECTING != 0 {
        count::connecting(sk);
        return 0;
    }
    if steps & step::OPENED != 0 {
        let direction = if old == state::SYN_SENT {
            direction::OUTBOUND
        } else {
            direction::INBOUND
        };
        if count::wanted(sk, direction) {
            count::opened(sk, direction, false);
        }
        if steps == step::OPENED {
            return 0;
        }
    }
    let Some(stored) = conns::get(sk) else {
        // Not traced; or the connect began before the tracer did, and failed.
        if old == state::SYN_SENT && new == state::CLOSE {
            count::connect_failed(sk, old);
        } else {
            // Pruned unless the loader raises the level; one call site costs the verifier a lot.
            debug!(
                &ctx,
                "not traced: state {} to {}, local port {}",
                old,
                new,
                sk.local_port()
            );
        }
        return 0;
    };
    // SAFETY: tested, and the socket's lock is held.
    let conn = unsafe { &mut *stored };
    if steps & step::LOCAL_FIN != 0 {
        count::local_fin(sk, conn);
    }
    if steps & step::REMOTE_FIN != 0 {
        count::entered_close_wait(sk, conn, false);
    }
    if steps & step::LEFT_CLOSE_WAIT != 0 {
        count::left_close_wait(conn);
    }
    if steps & step::ENDED != 0 {
        if conn.phase == phase::CONNECTING {
            count::connect_failed(sk, old);
            conns::remove(sk);
        } else {
            count::ended(sk, conn, old);
        }
    }
    0
}
