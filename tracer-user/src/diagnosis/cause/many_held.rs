//! The peer holds far more than others and is not growing: many clients behind one address, or an old pile.

use super::{
    Case, Match,
    words::{count, number},
};
use crate::diagnosis::thresholds::confidence;

/// Ports of databases and caches, whose clients usually keep connection pools: PostgreSQL, `PgBouncer`,
/// MySQL, Redis, memcached, Oracle, SQL Server, MongoDB, Cassandra.
const POOLED_PORTS: [u16; 9] = [5432, 6432, 3306, 6379, 11211, 1521, 1433, 27017, 9042];

/// The peer is an outlier in its service, or one of many that all hold more than a client needs.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let held = figures.course.end;
    let usual = u64::from(case.expected).max(case.thresholds.max_pool);
    if case.expected_is_given || held <= usual || POOLED_PORTS.contains(&case.port) {
        return None;
    }
    if !case.norm.is_far_more(held) && !case.norm.is_crowded(case.thresholds) {
        return None;
    }
    let explanation = case.say(|| {
        let others = if case.norm.is_far_more(held) {
            format!(
                "the {} typically {} {}",
                count(case.norm.peers - 1, "other peer here", "other peers here"),
                if case.norm.peers == 2 { "holds" } else { "hold" },
                number(case.norm.typical)
            )
        } else {
            format!(
                "all peers here hold many (typically {}), so a comparison says nothing",
                number(case.norm.typical)
            )
        };
        let who = if figures.one_host {
            "its TCP timestamps show a single host, so it is a large pool or an old pile"
        } else {
            "it may be many clients behind one address, or an old pile"
        };
        let held = count(held, "connection", "connections");
        let (low, peak) = (figures.course.low, figures.course.peak);
        let steadily = if low == peak {
            format!("has held {held} for {}", case.span())
        } else {
            let (low, peak) = (number(low), number(peak));
            format!(
                "holds {held} and has held between {low} and {peak} for {}",
                case.span()
            )
        };
        format!("{steadily}; {others}; {who}")
    });
    Some(Match {
        confidence: confidence(held, held + case.norm.typical),
        explanation,
    })
}

/// Whether the peer is many clients, or probably many behind one address: it holds more than a usual pool,
/// the number does not grow while connections come and go, and nothing proves a single host. The number alone
/// then proves nothing.
pub(in crate::diagnosis) fn is_shared(case: &Case<'_>) -> bool {
    let figures = case.figures;
    if case.are_strangers {
        return true;
    }
    let usual = u64::from(case.expected).max(case.thresholds.max_pool);
    let may_be_many = figures.course.end > usual && !figures.one_host;
    may_be_many && figures.course.grown < case.thresholds.min_pile && case.grown.is_none()
}
