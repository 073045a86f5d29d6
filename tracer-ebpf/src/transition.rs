//! What a TCP state change means, from the two states alone.

/// TCP states as the kernel numbers them (`include/net/tcp_states.h`).
pub mod state {
    /// `TCP_ESTABLISHED`
    pub const ESTABLISHED: u8 = 1;
    /// `TCP_SYN_SENT`
    pub const SYN_SENT: u8 = 2;
    /// `TCP_SYN_RECV`
    pub const SYN_RECV: u8 = 3;
    /// `TCP_FIN_WAIT1`
    pub const FIN_WAIT1: u8 = 4;
    /// `TCP_FIN_WAIT2`
    pub const FIN_WAIT2: u8 = 5;
    /// `TCP_TIME_WAIT`
    pub const TIME_WAIT: u8 = 6;
    /// `TCP_CLOSE`
    pub const CLOSE: u8 = 7;
    /// `TCP_CLOSE_WAIT`
    pub const CLOSE_WAIT: u8 = 8;
    /// `TCP_LAST_ACK`
    pub const LAST_ACK: u8 = 9;
    /// `TCP_LISTEN`
    pub const LISTEN: u8 = 10;
    /// `TCP_CLOSING`
    pub const CLOSING: u8 = 11;
}

/// Bits of [`steps`], in the order in which they are taken.
pub mod step {
    /// A process began to connect.
    pub const CONNECTING: u8 = 1;
    /// The connection is open.
    pub const OPENED: u8 = 2;
    /// This host sent its FIN before it had received one.
    pub const LOCAL_FIN: u8 = 4;
    /// The remote side's FIN arrived before this host sent one: CLOSE_WAIT begins.
    pub const REMOTE_FIN: u8 = 8;
    /// CLOSE_WAIT is over.
    pub const LEFT_CLOSE_WAIT: u8 = 16;
    /// The socket reached CLOSE: a connection ended or a connect failed.
    pub const ENDED: u8 = 32;
    /// A process listens from now on.
    pub const LISTENING: u8 = 64;
    /// The connection was open before this change, so it must have been counted.
    pub const WAS_OPEN: u8 = 128;
}

/// Among the steps that a test hides: the destruction of sockets too. No change has this step of its own.
pub const DESTROYED: u8 = step::WAS_OPEN;

/// The meaning of a change from `old` to `new`, as [`step`] bits; 0: none.
///
/// An open is counted when SYN_SENT or SYN_RECV gives way to any synchronised state, not only
/// ESTABLISHED: with TCP Fast Open a server may close before the handshake is over. The child of
/// a listener appears as LISTEN→SYN_RECV before its addresses are set, so that change is nothing.
///
/// A change also yields the steps it implies: leaving CLOSE_WAIT implies having entered it. Taking a step
/// twice does nothing, so this costs little, and no step is lost when the program missed a change.
#[inline(always)]
pub fn steps(old: u8, new: u8) -> u8 {
    let place = (usize::from(old) << 4 | usize::from(new)) & (STEPS.len() - 1);
    // SAFETY: just made smaller than the table. Volatile, or the compiler turns the table back into branches.
    unsafe { STEPS.as_ptr().add(place).read_volatile() }
}

/// [`steps`] of all pairs of states, which have numbers below 16. One load instead of ten branches, and half
/// of all changes end here.
static STEPS: [u8; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        table[place] = work_out((place >> 4) as u8, (place & 15) as u8);
        place += 1;
    }
    table
};

const fn work_out(old: u8, new: u8) -> u8 {
    let opening = old == state::SYN_SENT || old == state::SYN_RECV;
    let mut steps = match old {
        state::CLOSE_WAIT => step::REMOTE_FIN | step::LEFT_CLOSE_WAIT,
        state::LAST_ACK => step::LEFT_CLOSE_WAIT,
        _ => 0,
    };
    match new {
        state::LISTEN => return step::LISTENING,
        state::SYN_SENT => return step::CONNECTING,
        state::CLOSE if old == state::LISTEN || old == state::CLOSE => return 0,
        state::CLOSE => steps |= step::ENDED,
        state::ESTABLISHED if opening => steps |= step::OPENED,
        state::FIN_WAIT1 if old != state::CLOSE_WAIT => steps |= step::LOCAL_FIN,
        state::CLOSE_WAIT => steps |= step::REMOTE_FIN,
        _ => {}
    }
    if steps != 0 && opening && new != state::CLOSE {
        steps |= step::OPENED;
    }
    if steps != 0 && is_open(old) {
        steps |= step::WAS_OPEN;
    }
    steps
}

/// Whether a full socket in this state is a connection that counts as open.
#[inline(always)]
pub const fn is_open(state: u8) -> bool {
    matches!(
        state,
        state::ESTABLISHED
            | state::FIN_WAIT1
            | state::FIN_WAIT2
            | state::CLOSE_WAIT
            | state::LAST_ACK
            | state::CLOSING
    )
}

/// Errors in `sk_err` that tell a RST from a network that gave up. Linux numbers, the same on every
/// architecture that this builds for.
mod errno {
    pub(super) const EPIPE: u16 = 32;
    pub(super) const ECONNABORTED: u16 = 103;
    pub(super) const ECONNRESET: u16 = 104;
}

/// Why a connection ended that went to CLOSE without a FIN before.
///
/// A received RST decides first: seen by its own tracepoint, or left in `sk_err`. Any other error that this
/// host did not set itself means the network gave up: ETIMEDOUT, or what the last ICMP message said when the
/// retransmissions ran out (unreachable, prohibited, refused by a firewall). Otherwise this host aborted: a
/// close with unread data reaches CLOSE before its RST leaves, with no error set, and a socket destroyed from
/// outside has ECONNABORTED.
#[inline(always)]
pub const fn abort_reason(rst_received: bool, errno: u16) -> u8 {
    use crate::abi::peer::reason;
    if rst_received || errno == errno::ECONNRESET || errno == errno::EPIPE {
        reason::REMOTE_RST
    } else if errno == 0 || errno == errno::ECONNABORTED {
        reason::LOCAL_RST
    } else {
        reason::TIMEOUT
    }
}

/// Why a connection ended whose end no program has seen: the first FIN, if there was one, or a received RST.
/// What a process does is never missed, so otherwise the network gave up.
#[inline(always)]
pub const fn unseen_reason(first: u8, rst_received: bool) -> u8 {
    use crate::abi::peer::reason;
    if first != reason::OPEN {
        first
    } else if rst_received {
        reason::REMOTE_RST
    } else {
        reason::TIMEOUT
    }
}

#[cfg(test)]
mod tests {
    use super::{abort_reason, errno, is_open, state as s, step, steps, unseen_reason};
    use crate::abi::peer::reason;

    /// Applies a path of states and collects the steps of each change.
    fn walk<const N: usize>(path: [u8; N]) -> impl Iterator<Item = u8> {
        (1..N).map(move |i| steps(path[i - 1], path[i]))
    }

    #[test]
    fn client_that_closes_first() {
        let path = [
            s::CLOSE,
            s::SYN_SENT,
            s::ESTABLISHED,
            s::FIN_WAIT1,
            s::FIN_WAIT2,
            s::CLOSE,
        ];
        assert!(walk(path).eq([
            step::CONNECTING,
            step::OPENED,
            step::LOCAL_FIN | step::WAS_OPEN,
            0,
            step::ENDED | step::WAS_OPEN
        ]));
    }

    #[test]
    fn server_whose_client_closes_first() {
        let path = [
            s::LISTEN,
            s::SYN_RECV,
            s::ESTABLISHED,
            s::CLOSE_WAIT,
            s::LAST_ACK,
            s::CLOSE,
        ];
        assert!(walk(path).eq([
            0,
            step::OPENED,
            step::REMOTE_FIN | step::WAS_OPEN,
            step::REMOTE_FIN | step::LEFT_CLOSE_WAIT | step::WAS_OPEN,
            step::LEFT_CLOSE_WAIT | step::ENDED | step::WAS_OPEN
        ]));
    }

    #[test]
    fn reset_in_close_wait_leaves_it_and_ends() {
        assert_eq!(
            steps(s::CLOSE_WAIT, s::CLOSE),
            step::REMOTE_FIN | step::LEFT_CLOSE_WAIT | step::ENDED | step::WAS_OPEN
        );
    }

    #[test]
    fn failed_connects_are_no_opens() {
        assert_eq!(steps(s::SYN_SENT, s::CLOSE), step::ENDED);
        assert_eq!(steps(s::SYN_RECV, s::CLOSE), step::ENDED);
    }

    #[test]
    fn simultaneous_open_opens_once() {
        let path = [s::CLOSE, s::SYN_SENT, s::SYN_RECV, s::ESTABLISHED];
        assert!(walk(path).eq([step::CONNECTING, 0, step::OPENED]));
    }

    #[test]
    fn simultaneous_close_has_one_first_closer() {
        let path = [s::ESTABLISHED, s::FIN_WAIT1, s::CLOSING, s::CLOSE];
        assert!(walk(path).eq([step::LOCAL_FIN | step::WAS_OPEN, 0, step::ENDED | step::WAS_OPEN]));
    }

    #[test]
    fn fast_open_may_close_before_the_handshake_ends() {
        assert_eq!(steps(s::SYN_RECV, s::FIN_WAIT1), step::OPENED | step::LOCAL_FIN);
        assert_eq!(steps(s::SYN_RECV, s::CLOSE_WAIT), step::OPENED | step::REMOTE_FIN);
    }

    #[test]
    fn listeners_are_not_connections() {
        assert_eq!(steps(s::CLOSE, s::LISTEN), step::LISTENING);
        assert_eq!(steps(s::LISTEN, s::CLOSE), 0);
        assert_eq!(steps(s::CLOSE, s::CLOSE), 0);
    }

    /// Whatever two states come: an open needs an opening state, and only one bit of each pair
    /// that excludes the other is set.
    #[test]
    fn steps_never_contradict_themselves() {
        for old in 0..=12 {
            for new in 0..=12 {
                let steps = steps(old, new);
                if steps & step::OPENED != 0 {
                    assert!(is_open(new) && !is_open(old), "{old}→{new}");
                }
                if steps & step::WAS_OPEN != 0 {
                    assert!(is_open(old), "{old}→{new}");
                }
                if steps & step::ENDED != 0 {
                    assert_eq!(new, s::CLOSE, "{old}→{new}");
                }
                assert!(
                    steps & step::LOCAL_FIN == 0 || steps & step::REMOTE_FIN == 0,
                    "{old}→{new}"
                );
            }
        }
    }

    #[test]
    fn what_ended_a_connection_unseen_follows_from_what_was_seen() {
        assert_eq!(unseen_reason(reason::OPEN, false), reason::TIMEOUT);
        assert_eq!(unseen_reason(reason::OPEN, true), reason::REMOTE_RST);
        assert_eq!(unseen_reason(reason::LOCAL_FIN, true), reason::LOCAL_FIN);
        assert_eq!(unseen_reason(reason::REMOTE_FIN, false), reason::REMOTE_FIN);
    }

    #[test]
    fn abort_reasons_keep_their_precedence() {
        const ETIMEDOUT: u16 = 110;
        assert_eq!(abort_reason(true, ETIMEDOUT), reason::REMOTE_RST);
        assert_eq!(abort_reason(false, errno::EPIPE), reason::REMOTE_RST);
        assert_eq!(abort_reason(false, errno::ECONNRESET), reason::REMOTE_RST);
        // EACCES, ENOPROTOOPT, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH.
        for errno in [ETIMEDOUT, 13, 92, 101, 111, 113] {
            assert_eq!(abort_reason(false, errno), reason::TIMEOUT, "{errno}");
        }
        assert_eq!(abort_reason(false, 0), reason::LOCAL_RST);
        assert_eq!(abort_reason(false, errno::ECONNABORTED), reason::LOCAL_RST);
    }
}
