//! One peer, counted again from its rows.

use std::collections::VecDeque;

use tracer_ebpf::buckets::held_bucket;

use super::{asked_and_answered, by_client};
use crate::{
    diagnosis::thresholds::LATE_CLOSE_NS,
    evidence::rows::{ConnectionRow, PeerRow},
    model::{
        ended::LastState,
        peer::{CloseReason, Counters},
        socket::State,
    },
};

const NS_PER_MS: u64 = 1_000_000;

/// Maximum number of connection times kept per peer.
const MAX_TIMES: usize = 4096;

/// One peer.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) slot: u32,
    /// From the rows of its connections.
    counters: Counters,
    /// Bytes received, bytes sent and retransmits of open connections, according to their rows.
    carried_by_open: (u64, u64, u64),
    /// Its last row.
    pub(super) gauge: Option<Box<PeerRow>>,
    /// The key frame that row belongs to or follows.
    key_frame: u64,
    /// The interval before the last row of one of its connections.
    interval: u64,
    /// Estimated opening times of the connections open at that interval. The oldest are assumed to have ended
    /// first, so that no age is too high.
    pub(super) opened: VecDeque<i128>,
    /// When those in CLOSE_WAIT entered it, estimated likewise.
    pub(super) lingering: VecDeque<i128>,
}

impl Entry {
    pub(super) fn new(slot: u32) -> Self {
        Self {
            slot,
            counters: Counters::default(),
            carried_by_open: (0, 0, 0),
            gauge: None,
            key_frame: 0,
            interval: 0,
            opened: VecDeque::new(),
            lingering: VecDeque::new(),
        }
    }

    /// With counters that are known, what open connections have carried, and its last row.
    pub(super) fn over(
        slot: u32,
        counters: Counters,
        carried_by_open: (u64, u64, u64),
        row: PeerRow,
    ) -> Self {
        Self {
            counters,
            carried_by_open,
            gauge: Some(Box::new(row)),
            ..Self::new(slot)
        }
    }

    /// Takes in the row of a connection, after so many intervals.
    pub(super) fn connection(&mut self, row: &ConnectionRow, expected: u32, interval: u64) {
        self.interval = interval;
        count(&mut self.counters, row, expected);
        if row.close_reason.is_none() {
            let (received, sent, retransmits) = &mut self.carried_by_open;
            add(received, row.bytes_received);
            add(sent, row.bytes_sent);
            add(retransmits, row.retransmits);
        }
    }

    /// Takes in the connections of another peer that is part of this one.
    pub(super) fn take_in(&mut self, other: &Self) {
        self.counters.absorb(&other.counters);
        let (received, sent, retransmits) = &mut self.carried_by_open;
        let (more_received, more_sent, more_retransmits) = other.carried_by_open;
        add(received, Some(more_received));
        add(sent, Some(more_sent));
        add(retransmits, Some(more_retransmits));
    }

    /// Takes in its row of an interval, since which there have been so many key frames.
    pub(super) fn interval(&mut self, row: PeerRow, key_frame: u64) {
        self.key_frame = key_frame;
        let before = self.gauge.as_ref().map_or(0, |gauge| gauge.opens);
        let opened = row.opens.saturating_sub(before).min(MAX_TIMES as u64);
        follow(&mut self.opened, row.open_now, opened, row.sampled_at);
        follow(&mut self.lingering, row.close_wait_now, 0, row.sampled_at);
        if let (Some(first), Some(ms)) = (self.lingering.front_mut(), row.close_wait_oldest_ms) {
            *first = (*first).min(row.sampled_at - i128::from(ms * NS_PER_MS));
        }
        self.gauge = Some(Box::new(row));
    }

    /// Whether it was a peer of its own at the last interval.
    pub(super) fn is_listed(&self, key_frame: u64) -> bool {
        let gauge = self.gauge.as_ref();
        self.key_frame == key_frame && gauge.is_some_and(|gauge| gauge.left != Some(true))
    }

    /// Whether it has left by the end of an interval. A peer without a row of its own came and left between
    /// two samples, but may be listed only at the one after its connection.
    pub(super) fn has_left(&self, key_frame: u64, interval: u64) -> bool {
        match self.gauge {
            Some(_) => !self.is_listed(key_frame),
            None => self.interval + 1 < interval,
        }
    }

    /// Whether a row is that of a peer that left since its last row and came back.
    pub(super) fn began_anew(&self, row: &PeerRow) -> bool {
        self.gauge.as_ref().is_some_and(|gauge| row.opens < gauge.opens)
    }

    /// Connections open at the last interval.
    pub(super) fn open_now(&self) -> u64 {
        self.gauge.as_ref().map_or(0, |gauge| gauge.open_now)
    }

    /// The counters. Rows may have been lost, in which case the row of the interval is more accurate; at stop
    /// (`listed`) open connections have rows of their own.
    pub(super) fn counters(&self, expected: u32, listed: bool) -> Counters {
        let mut counters = self.counters.clone();
        let Some(gauge) = &self.gauge else {
            return counters;
        };
        let closes = &mut counters.closes;
        closes.local_fin = closes.local_fin.max(gauge.closes.local_fin);
        closes.remote_fin = closes.remote_fin.max(gauge.closes.remote_fin);
        closes.local_rst = closes.local_rst.max(gauge.closes.local_rst);
        closes.remote_rst = closes.remote_rst.max(gauge.closes.remote_rst);
        closes.timeout = closes.timeout.max(gauge.closes.timeout);
        counters.failed = counters.failed.max(gauge.failed);
        gauge.count(&mut counters);
        let missing = gauge.opens.saturating_sub(counters.opens());
        let overlaps = gauge
            .overlaps
            .saturating_sub(counters.overlaps(expected))
            .min(missing);
        open(&mut counters, expected, overlaps);
        let unmarked = gauge.overlaps.saturating_sub(counters.overlaps(expected));
        mark_overlaps(&mut counters, expected, unmarked);
        open(&mut counters, 0, missing - overlaps);
        if !listed {
            counters.open_now = gauge.open_now;
            counters.close_wait_now = gauge.close_wait_now;
            let entered = counters.close_wait.count() + gauge.close_wait_now;
            counters.close_wait_entered = counters.close_wait_entered.max(entered);
        }
        // What open connections have carried is added where they are; those made up from gauges carry
        // nothing.
        let apart = |gauge: Option<u64>, open: u64| gauge.unwrap_or(0).saturating_sub(open);
        let (received, sent, retransmits) = self.carried_by_open;
        counters.bytes_received = counters.bytes_received.max(apart(gauge.bytes_received, received));
        counters.bytes_sent = counters.bytes_sent.max(apart(gauge.bytes_sent, sent));
        counters.retransmits = counters.retransmits.max(apart(gauge.retransmits, retransmits));
        counters.open_peak = gauge.open_peak.max(counters.open_now);
        let before = (counters.open_now + counters.closes.total()).saturating_sub(counters.opens());
        counters.seeded = counters.seeded.max(before);
        counters
    }
}

/// Keeps a list of times as long as a gauge: new ones are assumed to have come now, and the oldest to have
/// gone first.
fn follow(times: &mut VecDeque<i128>, now: u64, came: u64, at: i128) {
    let now = usize::try_from(now).unwrap_or(usize::MAX).min(MAX_TIMES);
    for _ in 0..came {
        times.push_back(at);
    }
    while times.len() < now {
        times.push_back(at);
    }
    while times.len() > now {
        times.pop_front();
    }
}

fn open(counters: &mut Counters, held: u32, n: u64) {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    counters.opens_by_held.add(held_bucket(held) as usize, n);
}

/// Turns opens assumed to be first ones into overlaps.
fn mark_overlaps(counters: &mut Counters, expected: u32, n: u64) {
    let mut all = counters.opens_by_held.all();
    let Some(first) = all.first_mut() else {
        return;
    };
    let moved = u32::try_from(n).unwrap_or(u32::MAX).min(*first);
    *first -= moved;
    counters.opens_by_held = all.into();
    open(counters, expected, moved.into());
}

/// Sums stay far below overflow.
fn add(sum: &mut u64, more: Option<u64>) {
    *sum = sum.saturating_add(more.unwrap_or(0)).min(1 << 60);
}

/// Counts one connection.
pub(super) fn count(counters: &mut Counters, row: &ConnectionRow, expected: u32) {
    if row.close_reason == Some(CloseReason::ConnectFailed) {
        counters.failed += 1;
        return;
    }
    if row.seeded {
        counters.seeded += 1;
    } else {
        // The row does not say how many were held, only whether there were as many as expected.
        let held = if row.overlap == Some(true) { expected } else { 0 };
        open(counters, held, 1);
    }
    if row.close_reason.is_none() {
        counters.open_now += 1;
        counters.open_peak = counters.open_peak.max(counters.open_now);
        if row.state == LastState::Open(State::CloseWait) {
            counters.close_wait_now += 1;
            counters.close_wait_entered += u64::from(!row.seeded);
        }
    }
    count_end(counters, row, false);
}

/// Counts how a connection ended, if it has. Unless it was open already when counting began, also how long
/// the peer had held none.
pub(super) fn count_end(counters: &mut Counters, row: &ConnectionRow, was_open: bool) {
    counters.owner = row.owner_pid.or(counters.owner);
    if let Some(ms) = row.reopen_gap_ms.filter(|_| !was_open) {
        counters.gap.note(ms * NS_PER_MS);
    }
    let closes = &mut counters.closes;
    let reason = match row.close_reason {
        None => return,
        Some(CloseReason::LocalFin) => &mut closes.local_fin,
        Some(CloseReason::RemoteFin) => &mut closes.remote_fin,
        Some(CloseReason::LocalRst) => &mut closes.local_rst,
        Some(CloseReason::RemoteRst) => &mut closes.remote_rst,
        Some(CloseReason::Timeout | CloseReason::ConnectFailed) => &mut closes.timeout,
    };
    *reason += 1;
    ended(counters, row);
}

/// Counts what only ended connections show.
fn ended(counters: &mut Counters, row: &ConnectionRow) {
    if !row.seeded {
        let exact = row
            .closed_at
            .zip(row.opened_at)
            .and_then(|(closed, opened)| u64::try_from(closed - opened).ok());
        if let Some(ns) = exact.or(row.duration_ms.map(|ms| ms * NS_PER_MS)) {
            counters.lifetime.note(ns);
        }
        let bound = || row.segs_in.unwrap_or(0).min(row.segs_out.unwrap_or(0));
        let turns = row.turns.unwrap_or_else(bound);
        counters.turns.note(u32::try_from(turns).unwrap_or(u32::MAX));
        if let Some(ms) = row.close_wait_ms {
            counters.close_wait.note(ms * NS_PER_MS);
            counters.close_wait_entered += 1;
        }
    }
    if let Some(ms) = row.idle_before_close_ms {
        counters.idle.note(ms * NS_PER_MS);
    }
    add(&mut counters.bytes_received, row.bytes_received);
    add(&mut counters.bytes_sent, row.bytes_sent);
    add(&mut counters.retransmits, row.retransmits);
    let (asked, answered) = asked_and_answered(row);
    // A server that closes late was busy, namely with the poll.
    let late = row
        .close_wait_ms
        .is_some_and(|ms| ms * NS_PER_MS >= LATE_CLOSE_NS);
    if by_client(row) && ((asked > 0 && answered == 0) || late) {
        counters.unanswered += 1;
    }
}
