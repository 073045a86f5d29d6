//! Every number a rule compares with, and where it comes from. Those an operator may change are in
//! [`Thresholds`]; the others are what makes the difference between two verdicts, or what a kernel or
//! a protocol does.

mod adjustable;

pub use self::adjustable::{Adjustable, Changed, Kind, THRESHOLDS, Thresholds};
pub use crate::units::{MS, S};

/// So many are enough when something that would be an odd accident repeats: idle times that agree,
/// requests given up.
pub const MIN_ALIKE: u64 = 3;

/// And so many when they also agree with what other peers show.
pub const MIN_ALIKE_TO_OTHERS: u64 = 2;

/// With this many turns per connection, connections are reused well even if each ends after a
/// pause.
pub const MANY_TURNS: u64 = 10;

/// This share of a peer's connections must show a pattern for it to be the peer's habit; the
/// rest may be retries, restarts, or the connection that is open at the moment.
pub const HABIT: f64 = 0.8;

/// At most this share of something may be otherwise for it to be an exception.
pub const EXCEPTION: f64 = 0.2;

/// Idle times are a constant when they differ by no more than this share of them ...
pub const TIGHT_SHARE: f64 = 0.25;

/// ... or by no more than this: Apache looks at its timers a few times a second, and a busy host
/// is late.
pub const TIGHT_NS: u64 = 300 * MS;

/// A constant is the same as another one if they differ by no more than this share, or by
/// [`TIGHT_NS`].
pub const SAME_SHARE: f64 = 0.15;

/// Turns that a connection may need before its first request: a TLS handshake takes one or two, and so do the
/// logins of databases. Where no more than these come on top of one request, turns prove no reuse.
pub const HANDSHAKE_TURNS: u64 = 3;

/// A connection that lives for less than this has had no time for polls: what it carried may be a handshake and
/// one request.
pub const SHORT_LIFE_NS: u64 = 1_500 * MS;

/// Whatever ends one connection in so many requests is no fault.
pub const RARE_FAULT: u64 = 50;

/// So many that wait to be accepted at once, beyond the expected ones, are a pile: a client that
/// retries closes the one before.
pub const MIN_UNACCEPTED: u64 = 2;

/// A pool that overflows once in so many requests is large enough: each time, a request waits for a handshake.
pub const OVERFLOW_FAULT: u64 = 200;

/// So many other peers of a listener, which hold connections, are a population to compare one with.
pub const MIN_OTHERS: u64 = 3;

/// This many times what the others hold is far more.
pub const FAR_MORE: u64 = 3;

/// If this share of the peers grew, it is a surge, and what the others hold is no measure.
pub const SURGE_SHARE: f64 = 0.5;

/// A peer with nobody to be compared with piles up only if it has grown for so long, ns: the pools of servers fill as
/// their load rises, within some tens of seconds ...
pub const GROWS_ALONE_NS: u64 = 45 * S;

/// ... to this many times what is a usual pool ...
pub const ALONE_IS_MANY: u64 = 4;

/// ... and without end: of what it grew by, at least one part of so many came in the last third of the time.
pub const LATELY: u64 = 6;

/// What is left of a pile, as a share of what it grew by, for it to be a pile still.
pub const PILE_STANDS: f64 = 0.5;

/// In CLOSE_WAIT for this many times as long as those that were closed: forgotten, not only late.
pub const FORGOTTEN: u64 = 4;

/// A peer's connections are a core if it held at least so many all the time.
pub const MIN_CORE: u64 = 2;

/// A pool that is full discards a connection as soon as its reply is read: within some timer ticks and a busy machine's
/// delay.
pub const DISCARDED_NS: u64 = 51 * MS;

/// This share of a pool's closes comes that soon; the rest are a busy machine's.
pub const NEARLY_ALL: f64 = 0.95;

/// So many that were discarded at once, without one that was not, are no accident of a crowd.
pub const MANY_DISCARDED: u64 = 20;

/// A pool opens further connections when those it has are busy: this part of them at least, on an average.
pub const BUSY: f64 = 0.5;

/// Ages of connections that a clock ends differ by no more than this share of them, or [`AGE_NS`]: the
/// request that is under way when it strikes is finished first ...
pub const AGE_SHARE: f64 = 0.05;

/// ... see [`AGE_SHARE`] ...
pub const AGE_NS: u64 = 100 * MS;

/// ... and by this share where each connection carried the same number of requests.
pub const SAME_AGE_SHARE: f64 = 0.01;

/// Time in CLOSE_WAIT that shows that the server was busy with something else, such as a held
/// poll: closing at once takes a few milliseconds.
pub const LATE_CLOSE_NS: u64 = 200 * MS;

/// Fewer bytes than this are no request: `GET / HTTP/1.0` with its line ends has 18.
pub const NO_REQUEST_BYTES: u64 = 18;

/// Fewer peers than this that held connections from the start teach nothing: a quartile of four
/// is one peer.
pub const MIN_PEERS_TO_LEARN: usize = 5;

/// A total that grows by less than this share of it in half a minute stands still.
pub const STANDSTILL: f64 = 0.02;

/// How sure `seen` consistent observations of `of` make us, between 0 and 1.
///
/// The share of consistent ones, drawn towards 0 by two observations that are taken to have
/// contradicted (Laplace's rule of succession with a pessimistic prior), so that little data can
/// never be a high confidence: 5 of 5 give 0.71, 20 of 20 give 0.91, 198 of 200 give 0.98.
pub fn confidence(seen: u64, of: u64) -> f64 {
    let seen = seen.min(of);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio; counts beyond 2^52 do not occur"
    )]
    let confidence = seen as f64 / (of as f64 + 2.0);
    (confidence * 100.0).round() / 100.0
}

/// Whether two constants are the same.
pub fn same(a_ns: u64, b_ns: u64) -> bool {
    let apart = a_ns.abs_diff(b_ns);
    apart <= TIGHT_NS || share(apart, a_ns.min(b_ns)) <= SAME_SHARE
}

/// Whether `part` of `whole` is a habit.
pub fn habitual(part: u64, whole: u64) -> bool {
    share(part, whole) >= HABIT
}

/// `part` of `whole`; 0 of nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio; counts beyond 2^52 do not occur"
    )]
    let share = if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    };
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_the_same_within_their_tolerance() {
        assert!(same(5 * S, 5 * S + 700 * MS) && same(5 * S, 4_400 * MS));
        assert!(!same(5 * S, 6 * S) && same(200 * MS, 450 * MS));
    }

    #[test]
    fn confidence_grows_with_data_and_never_reaches_one() {
        assert_eq!(confidence(0, 0), 0.0);
        assert_eq!(confidence(5, 5), 0.71);
        assert_eq!(confidence(20, 20), 0.91);
        assert!(confidence(10, 20) < confidence(10, 10));
        assert!(confidence(u64::MAX, u64::MAX) <= 1.0);
    }
}
