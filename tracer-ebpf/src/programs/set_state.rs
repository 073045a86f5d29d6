//! `tp_btf/inet_sock_set_state`: the spine. Every count begins here.
//!
//! The kernel skips a program, in silence, for an event that comes while that very program runs on the
//! same CPU: a softirq in the middle of a system call. So a change is not taken for the next one after what
//! is remembered: each makes up for what it proves to have happened before. What no further change would
//! show, the end of a socket (`ends`) and the walk over the live ones (`iter_tcp`) do.

use core::{hint::cold_path, ptr::NonNull};

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_ebpf::{
    abi::{
        conn::{Conn, flag, phase},
        peer::direction,
    },
    transition::{self, state, step},
};

use crate::{
    conns,
    count::{self, Begin},
    listeners,
    maps::{config, lose},
    sock::Sock,
};

#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn tcpreuse_state(ctx: BtfTracePointContext) -> i32 {
    if let Some(change) = Change::of(&ctx)
        && !change.apply()
    {
        cold_path();
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
        // The second is for tests, and pruned otherwise.
        if steps == 0 || config!(miss) != 0 && is_missed(Sock(ctx.arg(0)), steps, old) {
            return None;
        }
        Some(Self {
            sk: Sock(ctx.arg(0)),
            old,
            new,
            steps,
        })
    }

    /// Applies it; true if the connection is traced. A second time it does nothing: the counts
    /// depend on what is remembered of the connection.
    #[inline(always)]
    fn apply(&self) -> bool {
        let (sk, steps) = (self.sk, self.steps);
        if steps & step::LISTENING != 0 {
            cold_path();
            listeners::note(sk);
            return true;
        }
        if steps & step::CONNECTING != 0 {
            return count::connecting(sk);
        }
        let mut stored = conns::get(sk);
        let missed = steps & step::WAS_OPEN != 0 && is_open_missed(sk, stored);
        if missed || steps & step::OPENED != 0 {
            let direction = if self.old == state::SYN_SENT {
                direction::OUTBOUND
            } else {
                direction::INBOUND
            };
            let begin = match self.new {
                _ if missed => Begin::Missed,
                state::ESTABLISHED => Begin::Packet,
                _ => Begin::Seen,
            };
            let traced = count::opened(sk, stored, direction, begin, 0);
            if !traced || steps == step::OPENED {
                return traced;
            }
            stored = conns::get(sk);
        }
        let Some(mut stored) = stored else {
            cold_path();
            // The connect began before the tracer did, and failed.
            if self.old == state::SYN_SENT && self.new == state::CLOSE {
                count::connect_failed(sk, self.old, 0);
            }
            return false;
        };
        // SAFETY: the socket's lock is held.
        let conn = unsafe { stored.as_mut() };
        if steps & step::LOCAL_FIN != 0 {
            count::local_fin(sk, conn);
        }
        if steps & step::REMOTE_FIN != 0
            && count::entered_close_wait(sk, conn, self.new == state::CLOSE_WAIT, false)
            && self.old == state::CLOSE_WAIT
        {
            lose!(rescued);
        }
        if steps & step::LEFT_CLOSE_WAIT != 0 {
            count::left_close_wait(conn);
        }
        if steps & step::ENDED != 0 {
            count::over(sk, conn, self.old);
        }
        true
    }
}

/// Whether a connection that is open is not counted so.
#[inline(always)]
fn is_open_missed(sk: Sock, stored: Option<NonNull<Conn>>) -> bool {
    match stored {
        // SAFETY: the socket's lock is held.
        Some(conn) => unsafe { conn.as_ref() }.phase == phase::CONNECTING,
        None => {
            cold_path();
            listeners::is_missed(sk)
        }
    }
}

/// Whether a test wants this change not to be seen.
#[inline(always)]
fn is_missed(sk: Sock, steps: u8, old: u8) -> bool {
    let mut own = steps;
    match old {
        // What a change repeats of an earlier one is not its own.
        state::CLOSE_WAIT => own &= !step::REMOTE_FIN,
        state::LAST_ACK => own &= !step::LEFT_CLOSE_WAIT,
        _ => {}
    }
    if steps & step::ENDED != 0 && (old == state::ESTABLISHED || old == state::CLOSE_WAIT) {
        // Without a RST it is a process that ends it here, and no process's change is ever skipped.
        // SAFETY: the socket's lock is held.
        let reset =
            conns::get(sk).is_some_and(|conn| unsafe { conn.as_ref() }.flags & flag::RST_RECEIVED != 0);
        if !reset {
            own &= !step::ENDED;
        }
    }
    u64::from(own) & config!(miss) != 0
}
