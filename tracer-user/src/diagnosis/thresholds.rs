//! Every number a rule compares with, and its source. Those an operator may change are in [`Thresholds`]. The
//! others separate two verdicts, or are given by a kernel or a protocol.

mod adjustable;

pub use self::adjustable::{Adjustable, Changed, Kind, THRESHOLDS, Thresholds};
pub use crate::units::{MS, S};

/// Three repetitions suffice for something unlikely to repeat by accident: equal idle times, abandoned
/// requests.
pub const MIN_ALIKE: u64 = 3;

/// Fewer suffice if other peers show the same value.
pub const MIN_ALIKE_TO_OTHERS: u64 = 2;

/// With this many turns per connection, reuse is good even if each connection ends after a pause.
pub const MANY_TURNS: u64 = 10;

/// For a pattern to be a peer's habit, this share of its connections must show it. The rest may be retries,
/// restarts, or the connection that is still open.
pub const HABIT: f64 = 0.8;

/// What makes up at most this share is an exception.
pub const EXCEPTION: f64 = 0.2;

/// Idle times are constant if they differ by no more than this share of their value ...
pub const TIGHT_SHARE: f64 = 0.25;

/// ... or by no more than this: Apache and `PgBouncer` check their timers a few times a second, and a busy
/// host is late.
pub const TIGHT_NS: u64 = 350 * MS;

/// Two constants are the same if they differ by no more than this share, or by [`TIGHT_NS`].
pub const SAME_SHARE: f64 = 0.15;

/// Turns a connection may need before its first request: one or two for a TLS handshake, and similar for
/// database logins. If no more than these come on top of one request, turns do not prove reuse.
pub const HANDSHAKE_TURNS: u64 = 3;

/// A connection shorter than this has no time for polls; it may have carried a handshake and one request.
pub const SHORT_LIFE_NS: u64 = 1_500 * MS;

/// A fault that ends one connection in this many requests does not matter.
pub const RARE_FAULT: u64 = 50;

/// This many unaccepted connections beyond the expected number are a pile. A client that merely retries
/// closes the previous one first.
pub const MIN_UNACCEPTED: u64 = 2;

/// A pool that overflows once in this many requests is large enough: the cost is one handshake each time.
pub const OVERFLOW_FAULT: u64 = 200;

/// A listener must have this many other peers that hold connections to compare one with them.
pub const MIN_OTHERS: u64 = 3;

/// Far more is this many times what the others hold.
pub const FAR_MORE: u64 = 3;

/// If this share of the peers grew, it is a surge, and what the others hold cannot serve as a measure.
pub const SURGE_SHARE: f64 = 0.5;

/// A peer without others to compare with piles up only if it has grown for this long, ns, since server pools
/// fill within some tens of seconds as their load rises ...
pub const GROWS_ALONE_NS: u64 = 45 * S;

/// (or for this long, ns, to far more than the few others hold, which have not grown) ...
pub const GROWS_BESIDE_NS: u64 = 20 * S;

/// ... to this many times a usual pool ...
pub const ALONE_IS_MANY: u64 = 4;

/// ... and is still growing: one part in this many of its growth must fall into the last third of the time.
pub const LATELY: u64 = 6;

/// A pile remains one until less than this share of its growth is left.
pub const PILE_STANDS: f64 = 0.5;

/// In CLOSE_WAIT for this many times as long as those that were closed means leaked, not just late.
pub const FORGOTTEN: u64 = 4;

/// A peer keeps a core of connections if it always held at least this many.
pub const MIN_CORE: u64 = 2;

/// A full pool discards a connection as soon as the reply is read. This allows for some timer ticks and a
/// busy machine's delay.
pub const DISCARDED_NS: u64 = 51 * MS;

/// This share of a pool's discards must be that quick. The rest allows for a busy machine.
pub const NEARLY_ALL: f64 = 0.95;

/// At least this share of a pool's discards carried one request or two: whatever comes back to a full pool
/// goes, and most of it has just been opened. Clients that share an address stay for as long as they need.
pub const HARDLY_USED: f64 = 0.1;

/// Between its bursts, a client is left with what it keeps: on average, with no more than this share of what
/// it opens beyond that.
pub const BETWEEN_BURSTS: f64 = 0.25;

/// This many immediate discards and none later are no accident among many clients.
pub const MANY_DISCARDED: u64 = 20;

/// A process that has more than this share of the files open that it may have soon accepts nothing more.
pub const FILES_CROWDED: f64 = 0.9;

/// A pool opens no connection beside a free one. This share of those looked at allows for threads that have
/// taken a connection and are late to use it ...
pub const BESIDE_FREE: f64 = 0.4;

/// ... and it takes this many to tell a pool from clients behind one address.
pub const MIN_JUST_OPENED: u64 = 4;

/// A server that announces the end of a connection ends at least this share of them itself, however quick its
/// client is to end the others.
pub const ANNOUNCED: f64 = 0.2;

/// A pool opens further connections only when those it has are busy: on average, at least this share of them.
pub const BUSY: f64 = 0.5;

/// Requests come at one go if the pauses between them are at most one part in this many of the time that the
/// connection then lies idle.
pub const AT_ONE_GO: u64 = 4;

/// Ages of connections ended by a timer differ by no more than this share, or by [`AGE_NS`], because a
/// request in progress is finished first ...
pub const AGE_SHARE: f64 = 0.05;

/// ... or by this much, ns: see [`AGE_SHARE`] ...
pub const AGE_NS: u64 = 100 * MS;

/// ... and by this share if each connection carried the same number of requests.
pub const SAME_AGE_SHARE: f64 = 0.01;

/// gRPC varies the age at which a server ends a connection by a tenth to either side; a request in progress
/// is finished first.
pub const VARIED_AGE_SHARE: f64 = 0.2;

/// No path forgets a connection that has been idle for less than this. Known ones take half a minute and
/// more; this leaves room for tests.
pub const PATH_FORGETS_NS: u64 = 4 * S;

/// This long in CLOSE_WAIT shows that the server was busy with something else, such as a held poll. An
/// immediate close takes a few milliseconds.
pub const LATE_CLOSE_NS: u64 = 200 * MS;

/// Fewer bytes than this are not a request: `GET / HTTP/1.0` with its line ends takes 18.
pub const NO_REQUEST_BYTES: u64 = 18;

/// Learning needs at least this many peers that held connections from the start: the first quartile of four
/// is a single peer.
pub const MIN_PEERS_TO_LEARN: usize = 5;

/// A health check comes no more often than this, ns: HAProxy's default is 2 s, that of Kubernetes 10 s.
pub const CHECKS_EVERY_NS: u64 = S;

/// A total that grows by less than this share in half a minute is constant.
pub const STANDSTILL: f64 = 0.02;

/// Confidence, between 0 and 1, from `seen` consistent observations out of `of`.
///
/// It is the share of consistent observations, lowered by two imaginary ones that contradict (Laplace's rule
/// of succession with a pessimistic prior), so that a little data never gives high confidence: 5 of 5 give
/// 0.71, 20 of 20 give 0.91, 198 of 200 give 0.98.
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

/// `part` of `whole`, or 0 if `whole` is 0.
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
