//! `tp_btf/inet_sock_set_state`: the spine. Every count starts here.
//!
//! The kernel silently skips a program for an event that comes while that very program runs on the same CPU:
//! a softirq in the middle of a system call. So what is remembered of a connection may be behind its state.
//! Each change first recovers what it proves to have been missed, then takes its own steps. What no further
//! change would show is left to the end of the socket (`ends`) and to the walk over the live ones
//! (`iter_tcp`).

use core::hint::cold_path;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_ebpf::{
    abi::{
        conn::{Conn, flag, phase, unknown},
        peer::direction,
    },
    transition::{self, state, step},
};

use crate::{
    conns,
    count::{self, Begin},
    listeners,
    maps::config,
    sock::Sock,
};

#[btf_tracepoint]
pub(crate) fn tcpreuse_state(ctx: BtfTracePointContext) -> i32 {
    if let Some(change) = Change::of(&ctx)
        // For tests, and pruned otherwise.
        && (config!(miss) == 0 || !change.is_hidden())
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

/// For a change that the first program was skipped for. See [`tracer_ebpf::hooks::Hook::further`].
#[btf_tracepoint]
pub(crate) fn tcpreuse_state2(ctx: BtfTracePointContext) -> i32 {
    make_up(&ctx)
}

/// For a change that both were skipped for.
#[btf_tracepoint]
pub(crate) fn tcpreuse_state3(ctx: BtfTracePointContext) -> i32 {
    make_up(&ctx)
}

#[inline(always)]
fn make_up(ctx: &BtfTracePointContext) -> i32 {
    if let Some(change) = Change::of(ctx)
        && !change.is_applied()
    {
        change.apply();
    }
    0
}

/// A change of state that has a meaning.
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
        (steps != 0).then(|| Self {
            sk: Sock(ctx.arg(0)),
            old,
            new,
            steps,
        })
    }

    /// Recovers what was missed, then takes the steps of this change. True if the connection is traced.
    /// Taking a step twice does nothing, since each depends on what is remembered of the connection.
    #[inline(always)]
    fn apply(&self) -> bool {
        let Self { sk, old, new, .. } = *self;
        if self.steps & step::LISTENING != 0 {
            cold_path();
            listeners::note(sk);
            return true;
        }
        if self.steps & step::CONNECTING != 0 {
            return count::connecting(sk);
        }

        // Recover.
        let mut stored = conns::get(sk);
        let missed = self.missed(stored.as_deref());

        // Then the steps, in order.
        let steps = self.steps | missed;
        if steps & step::OPENED != 0 {
            let traced = count::opened(sk, stored, self.direction(), self.begin(missed), 0);
            if !traced || steps == step::OPENED {
                return traced;
            }
            stored = conns::get(sk);
        }
        let Some(conn) = stored else {
            cold_path();
            // The connect started before the tracer, and failed.
            if old == state::SYN_SENT && new == state::CLOSE {
                count::connect_failed(sk, old, 0);
            }
            return false;
        };
        if steps & step::LOCAL_FIN != 0 {
            count::local_fin(sk, conn, false);
        }
        if steps & step::REMOTE_FIN != 0 {
            count::entered_close_wait(sk, conn, new == state::CLOSE_WAIT, false);
        }
        if steps & step::LEFT_CLOSE_WAIT != 0 {
            count::left_close_wait(conn);
        }
        if steps & step::ENDED != 0 {
            count::over(sk, conn, old, false);
        }
        true
    }

    /// Whether a program has come before that takes the steps of this change, or there is nothing to do.
    #[inline(always)]
    fn is_applied(&self) -> bool {
        match conns::get(self.sk) {
            Some(conn) => self.steps & step::CONNECTING != 0 && conn.phase == phase::CONNECTING,
            // The end takes the entry away. Where there is no room, that has been counted.
            None => self.steps & step::ENDED != 0 || count::unknown_is() == unknown::DROPPED,
        }
    }

    /// The steps of earlier changes that were missed. The half close and its end are among this change's own
    /// steps, which repeat what they imply ([`transition::steps`]); so that leaves the open: the connection
    /// was open before this change, and is not counted.
    #[inline(always)]
    fn missed(&self, stored: Option<&Conn>) -> u8 {
        let is_missed = self.steps & step::WAS_OPEN != 0
            && match stored {
                Some(conn) => conn.phase == phase::CONNECTING,
                None => {
                    cold_path();
                    listeners::is_missed(self.sk)
                }
            };
        if is_missed { step::OPENED } else { 0 }
    }

    /// Who opened the connection, if nothing more is remembered.
    #[inline(always)]
    fn direction(&self) -> u8 {
        if self.old == state::SYN_SENT {
            direction::OUTBOUND
        } else {
            direction::INBOUND
        }
    }

    #[inline(always)]
    fn begin(&self, missed: u8) -> Begin {
        match self.new {
            _ if missed != 0 => Begin::Missed,
            state::ESTABLISHED => Begin::Packet,
            _ => Begin::Seen,
        }
    }

    /// Whether a test wants this change hidden.
    #[inline(always)]
    fn is_hidden(&self) -> bool {
        let Self { sk, old, steps, .. } = *self;
        let mut own = steps & !step::WAS_OPEN;
        match old {
            // Steps repeated from an earlier change are not its own.
            state::CLOSE_WAIT => own &= !step::REMOTE_FIN,
            state::LAST_ACK => own &= !step::LEFT_CLOSE_WAIT,
            _ => {}
        }
        if steps & step::ENDED != 0 && (old == state::ESTABLISHED || old == state::CLOSE_WAIT) {
            // Without a RST a process ends it here, and no process's change is ever skipped.
            let reset = conns::get(sk).is_some_and(|conn| conn.flags & flag::RST_RECEIVED != 0);
            if !reset {
                own &= !step::ENDED;
            }
        }
        u64::from(own) & config!(miss) != 0
    }
}
