//! The hosts that were judged together, and what each has of a peer.

use serde::Serialize;

use super::NS_PER_MS;
use crate::{
    diagnosis::{JoinedHost, OnHost, OverHosts, Skew, Verdict},
    model::sample::Moment,
    report::timestamp,
};

/// One host.
#[derive(Serialize)]
pub(super) struct Joined<'a> {
    host: &'a str,
    service: Option<&'a str>,
    /// What is judged of it, by its own clock.
    start: String,
    end: String,
    /// By how much its clock is ahead, as far as that was measured; it is corrected.
    clock_ahead_ms: Option<i64>,
    clock_measured_by_connections: Option<usize>,
    lacks: &'a [String],
}

impl<'a> Joined<'a> {
    pub(super) fn of(joined: &'a JoinedHost) -> Self {
        let time = |utc_ns| {
            timestamp(Moment {
                monotonic_ns: 0,
                utc_ns,
            })
        };
        let (clock_ahead_ms, connections) = match joined.skew {
            Skew::Reference => (Some(0), None),
            Skew::Measured {
                ahead_ns,
                connections,
            } => (Some(ahead_ns / NS_PER_MS.cast_signed()), Some(connections)),
            Skew::Unknown => (None, None),
        };
        Self {
            host: &joined.host,
            service: joined.service.as_deref(),
            start: time(joined.period.0),
            end: time(joined.period.1),
            clock_ahead_ms,
            clock_measured_by_connections: connections,
            lacks: &joined.lacks,
        }
    }
}

/// A peer's hosts.
#[derive(Serialize)]
pub(super) struct Over<'a> {
    service: Option<&'a str>,
    hosts: Vec<Share<'a>>,
    /// Whether overlaps and gaps are those of all hosts together; else the overlaps are the least there can
    /// have been.
    overlaps_are_exact: bool,
}

#[derive(Serialize)]
struct Share<'a> {
    host: &'a str,
    opens: u64,
    held: u64,
    verdict: Verdict,
}

impl<'a> Over<'a> {
    pub(super) fn of(over: &'a OverHosts) -> Self {
        let share = |on: &'a OnHost| Share {
            host: &on.host,
            opens: on.opens,
            held: on.held,
            verdict: on.verdict,
        };
        Self {
            service: over.service.as_deref(),
            hosts: over.hosts.iter().map(share).collect(),
            overlaps_are_exact: over.is_exact,
        }
    }
}
