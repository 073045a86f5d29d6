//! Adds durations to those of a peer.

use tracer_ebpf::{
    abi::peer::{Durations, PeerStats},
    buckets::time_bucket,
};

use crate::{
    atomic::{Shared, field},
    maps::stats,
    sock::{TcpSock, ticks_ns},
};

/// Adds to the durations of `WHAT`, one of [`tracer_ebpf::abi::peer::timed`].
#[inline(always)]
pub(crate) fn note<const WHAT: usize>(stats: Shared<PeerStats>, ns: u64) {
    lengthen(field!(stats.durations).nth::<WHAT>(), ns, 1);
    if let Some(bucket) = field!(stats.buckets).at(time_bucket(ns)) {
        bucket.nth::<WHAT>().add(1);
    }
}

/// Adds `count` times of a length in timer ticks to those of `what`, one of
/// [`tracer_ebpf::abi::peer::rhythm`].
#[inline(always)]
pub(crate) fn note_rhythm(stats: Shared<PeerStats>, what: u32, ticks: u32, count: u32) {
    let ns = ticks_ns(ticks);
    if let Some(durations) = field!(stats.rhythm).at(what) {
        lengthen(durations, ns, count);
    }
    if let Some(bucket) = field!(stats.rhythm_buckets).at(time_bucket(ns))
        && let Some(bucket) = bucket.at(what)
    {
        bucket.add(count);
    }
}

/// The round-trip time of one of a peer's connections.
#[inline(always)]
pub(crate) fn note_rtt(slot: u32, tcp: TcpSock) {
    let us = tcp.rtt_us();
    if us != 0
        && let Some(stats) = stats(slot)
    {
        field!(stats.rtt_us).store(us);
        field!(stats.inverse_rtt_min_us).raise(!us);
    }
}

#[inline(always)]
fn lengthen(durations: Shared<Durations>, ns: u64, count: u32) {
    if ns != 0 {
        field!(durations.sum_ns).add(ns.wrapping_mul(u64::from(count)));
    }
    field!(durations.max_ns).raise(ns);
    field!(durations.inverse_min_ns).raise(!ns);
}
