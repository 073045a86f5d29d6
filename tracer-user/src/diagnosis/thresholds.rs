//! Every number a rule compares with, and where it comes from.

/// Milliseconds, in ns.
pub const MS: u64 = 1_000_000;

/// Fewer ended connections than this say nothing about a habit.
pub const MIN_CLOSES: u64 = 5;

/// From this many request turns per connection on, it counts as reused: one is the connection's
/// first request, two may be a retry.
pub const MIN_TURNS: u64 = 3;

/// This share of a peer's connections must show a pattern for it to be the peer's habit; the
/// rest may be retries, restarts, or the connection that is open at the moment.
pub const HABIT: f64 = 0.8;

/// "Closes right after the reply" means idle for less than this. Half of the shortest keep-alive
/// timeout that Apache accepts in whole seconds, so that a timeout is never taken for it.
pub const ALMOST_NO_IDLE_NS: u64 = 500 * MS;

/// More established connections than expected by at least this many are a pile: one more is a
/// reconnect that crosses the close of the one before, two a browser-like burst.
pub const MIN_PILE: u64 = 3;

/// Connections that open within this time of a peer's oldest one may be a pool being filled.
pub const POOL_FILLS_NS: u64 = 2_000 * MS;

/// More than this at once is no pool: browsers keep 6 to a host, HTTP client libraries 5 to 8 by
/// default.
pub const MAX_POOL: u64 = 8;

/// At least this many opens must overlap, for the same reason.
pub const MIN_OVERLAPS: u64 = 3;

/// Connections in CLOSE_WAIT for at least this long are lingering when nothing is known of the
/// server's hold: a server that notices the FIN closes within milliseconds, one that checks
/// between two writes within seconds.
pub const LINGERING_NS: u64 = 5_000 * MS;

/// This many lingering connections are a leak; one may be a slow handler.
pub const MIN_LINGERING: u64 = 2;

/// If more than this share of those that entered CLOSE_WAIT has left it again, the process does
/// close, only late.
pub const MAX_LEFT_CLOSE_WAIT: f64 = 0.5;

/// Fewer peers than this that held connections from the start teach nothing: a quartile of four
/// is one peer.
pub const MIN_PEERS_TO_LEARN: usize = 5;

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
    fn confidence_grows_with_data_and_never_reaches_one() {
        assert_eq!(confidence(0, 0), 0.0);
        assert_eq!(confidence(5, 5), 0.71);
        assert_eq!(confidence(20, 20), 0.91);
        assert!(confidence(10, 20) < confidence(10, 10));
        assert!(confidence(u64::MAX, u64::MAX) <= 1.0);
    }
}
