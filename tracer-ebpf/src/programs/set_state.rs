//! `tp_btf/inet_sock_set_state`: the spine. Every count begins here.
//!
//! Two programs, attached one after the other. The kernel skips a program, in silence, for an event
//! that comes while that very program runs on the same CPU: a softirq in the middle of a system
//! call. `tcpreuse_state` does the work. `tcpreuse_rescue` looks whether that was done, and does it
//! if not; it was not running then, so it is not skipped for the same event, unless it happens
//! twice over.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_ebpf::{
    abi::{conn::phase, peer::direction},
    transition::{self, state, step},
};

use crate::{conns, count, maps::lose, sock::Sock};

#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn tcpreuse_state(ctx: BtfTracePointContext) -> i32 {
    if let Some(change) = Change::of(&ctx)
        && !change.apply(false)
    {
        // Pruned unless the loader raises the level; one call site costs the verifier a lot.
        debug!(
            &ctx,
            "not traced: state {} to {}, local port {}",
            change.old,
            change.new,
            change.sk.local_port()
        );
    }
    0
}

#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn tcpreuse_rescue(ctx: BtfTracePointContext) -> i32 {
    if let Some(change) = Change::of(&ctx)
        && change.is_undone()
        && change.apply(true)
    {
        lose!(rescued);
    }
    0
}

/// A change of state that means something.
struct Change {
    sk: Sock,
    old: u8,
    new: u8,
    steps: u8,
}

impl Change {
    #[inline(always)]
    fn of(ctx: &BtfTracePointContext) -> Option<Self> {
        let old = ctx.arg::<u32>(1) as u8;
        let new = ctx.arg::<u32>(2) as u8;
        let steps = transition::steps(old, new);
        if steps == 0 {
            return None;
        }
        Some(Self {
            sk: Sock(ctx.arg(0)),
            old,
            new,
            steps,
        })
    }

    /// Whether it has not been applied. Of an open that the filters may leave out only `apply`
    /// can tell.
    #[inline(always)]
    fn is_undone(&self) -> bool {
        match conns::get(self.sk) {
            Some(conn) => {
                // SAFETY: the socket's lock is held.
                let conn = unsafe { conn.as_ref() };
                transition::undone(self.steps, conn.phase, conn.reason)
            }
            None => self.steps & (step::CONNECTING | step::OPENED) != 0,
        }
    }

    /// Applies it; true if the connection is traced. A second time it does nothing: the counts
    /// depend on what is remembered of the connection.
    #[inline(always)]
    fn apply(&self, again: bool) -> bool {
        let (sk, steps) = (self.sk, self.steps);
        if steps & step::CONNECTING != 0 {
            return count::connecting(sk);
        }
        if steps & step::OPENED != 0 {
            let direction = if self.old == state::SYN_SENT {
                direction::OUTBOUND
            } else {
                direction::INBOUND
            };
            let traced = count::opened(sk, direction, false);
            if !traced || steps == step::OPENED {
                return traced;
            }
        }
        let Some(mut stored) = conns::get(sk) else {
            // The connect began before the tracer did, and failed. Nothing remembers that it was
            // counted, so it must not be counted again.
            if !again && self.old == state::SYN_SENT && self.new == state::CLOSE {
                count::connect_failed(sk, self.old);
            }
            return false;
        };
        // SAFETY: the socket's lock is held.
        let conn = unsafe { stored.as_mut() };
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
                count::connect_failed(sk, self.old);
                conns::remove(sk);
            } else {
                count::ended(sk, conn, self.old);
            }
        }
        true
    }
}
