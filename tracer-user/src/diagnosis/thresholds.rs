//! Every number a rule compares with, and where it comes from. Those an operator may change are in
//! [`Thresholds`]; the others are what makes the difference between two verdicts, or what a kernel or
//! a protocol does.

mod adjustable;

pub use self::adjustable::{Adjustable, Changed, Kind, THRESHOLDS, Thresholds};

/// Milliseconds, in ns.
pub const MS: u64 = 1_000_000;

/// Seconds, in ns.
pub const S: u64 = 1_000 * MS;

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

/// A constant number of requests per connection of at least this many is a limit; below, it may be
/// a client that sends so many each time.
pub const MIN_LIMIT: u64 = 2;

/// Turns that a TLS handshake adds at most, on the ports that are known for TLS.
pub const TLS_TURNS: u64 = 2;

/// Ports that are known for TLS.
pub const TLS_PORTS: [u16; 3] = [443, 8443, 9443];

/// So many that wait to be accepted at once, beyond the expected ones, are a pile: a client that
/// retries closes the one before.
pub const MIN_UNACCEPTED: u64 = 2;

/// A peer whose connections are all reused is many clients behind one address, unless more than
/// this share of them came in the second half of the time since the first.
pub const STILL_GROWING: f64 = 0.25;

/// If more than this share of those that entered CLOSE_WAIT has left it again, the process does
/// close, only late.
pub const MAX_LEFT_CLOSE_WAIT: f64 = 0.5;

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
