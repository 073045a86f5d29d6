//! What the programs count of a peer: one table, a line a figure.
//!
//! Reading it from the kernel's slot, what happened since an earlier sample, the sum over peers or
//! recordings, the state of a recording and the limits of what is read from one follow from the line. A
//! figure that is `shown` is in the JSON of a diagnosis, in `peers.csv` and in the detail pane of the view
//! besides, as it was counted.

use tracer_ebpf::{
    abi::peer::{self, PeerStats, rhythm, timed},
    buckets::{HELD_BUCKETS, held_floor},
};

use super::{
    buckets::Buckets,
    durations::Durations,
    figure::{Table, figures},
    peer::Closes,
    turns::Turns,
};

const NS_PER_MS: u64 = 1_000_000;

/// A slot, and the buckets of its durations that are in use.
struct Slot<'a> {
    stats: &'a PeerStats,
    timed: Used<'a, { timed::COUNT }>,
    rhythm: Used<'a, { rhythm::COUNT }>,
}

impl<'a> Slot<'a> {
    fn of(stats: &'a PeerStats) -> Self {
        Self {
            stats,
            timed: Used::of(&stats.buckets),
            rhythm: Used::of(&stats.rhythm_buckets),
        }
    }

    /// What is timed over a connection, by its number in [`timed`].
    fn durations(&self, what: usize) -> Durations {
        self.timed.durations(&self.stats.durations, what)
    }

    /// The sum of what is timed over a connection, by its number in [`timed`].
    fn sum_ns(&self, what: usize) -> u64 {
        self.stats.durations.get(what).map_or(0, |one| one.sum_ns)
    }

    /// What is timed from turn to turn, by its number in [`rhythm`].
    fn rhythm(&self, what: usize) -> Durations {
        self.rhythm.durations(&self.stats.rhythm, what)
    }
}

/// The buckets that are in use of `N` things that are timed together.
struct Used<'a, const N: usize> {
    first: usize,
    buckets: &'a [[u32; N]],
}

impl<'a, const N: usize> Used<'a, N> {
    fn of(all: &'a [[u32; N]]) -> Self {
        let used = |bucket: &[u32; N]| *bucket != [0; N];
        let first = all.iter().position(used).unwrap_or(0);
        let last = all.iter().rposition(used).unwrap_or(0);
        Self {
            first,
            buckets: all.get(first..=last).unwrap_or_default(),
        }
    }

    /// One of them.
    fn durations(&self, all: &[peer::Durations; N], what: usize) -> Durations {
        let count = |bucket: &[u32; N]| bucket.get(what).copied().unwrap_or_default();
        let counts = self.buckets.iter().map(count);
        all.get(what).map_or_else(Durations::default, |one| Durations {
            sum_ns: one.sum_ns,
            max_ns: one.max_ns,
            min_ns: !one.inverse_min_ns,
            buckets: Buckets::from_first(self.first, counts),
        })
    }
}

/// A smallest value with all bits turned round; 0: none yet.
fn least(inverse: u32) -> u32 {
    if inverse == 0 { 0 } else { !inverse }
}

impl From<&PeerStats> for Counters {
    /// The counters of one slot are read one after the other while programs go on counting, so sums of two of
    /// them never go below zero here.
    fn from(stats: &PeerStats) -> Self {
        Self::from(&Slot::of(stats))
    }
}

// Columns of `peers.csv` are only ever added, so the next figure that is shown stands after the others that
// are.
figures! {
    /// A peer's counters since tracing began, as the kernel kept them.
    Counters of Slot<'_>, shown as Plain;

    /// Connections open now.
    open_now: u64 = Gauge of Connections, |slot| slot.stats.open_now.into();

    /// The most open at once.
    open_peak: u64 = Largest of Connections, |slot| slot.stats.open_peak.into();

    /// Connections that were open before tracing began.
    seeded: u64 = Gauge of Connections, |slot| slot.stats.seeded.into();

    /// Failed connects.
    failed: u64 = Counter of Connections, |slot| slot.stats.failed.into();

    /// Connections that entered CLOSE_WAIT while traced.
    close_wait_entered: u64 = Counter of Connections, |slot| slot.stats.close_wait_entered.into();

    /// Connections in CLOSE_WAIT now.
    close_wait_now: u64 = Gauge of Connections, |slot| {
        let entered = slot.stats.close_wait_entered.wrapping_add(slot.stats.close_wait_seeded);
        // The counts wrap. They are read one after the other, so more may have left than entered.
        let now = entered.wrapping_sub(slot.stats.close_wait_left);
        if now > u32::MAX / 2 { 0 } else { now.into() }
    };

    /// Segments sent again after the handshake, over ended connections.
    retransmits: u64 = Counter of Segments, |slot| slot.stats.retransmits.into();

    /// Payload received over ended connections.
    bytes_received: u64 = Counter of Bytes, |slot| slot.stats.bytes_received;

    /// Payload sent over ended connections.
    bytes_sent: u64 = Counter of Bytes, |slot| slot.stats.bytes_sent;

    /// Ended connections.
    closes: Closes = Counter of Connections, |slot| slot.stats.closes.into();

    /// Opens by the number of connections held before.
    opens_by_held: Buckets<HELD_BUCKETS> = Histogram of Connections, |slot| slot.stats.opens_by_held.into();

    /// Lifetimes of ended connections that were not seeded.
    lifetime: Durations = Durations of Nanoseconds, |slot| slot.durations(timed::LIFETIME);

    /// Idle time before the first FIN or RST.
    idle: Durations = Durations of Nanoseconds, |slot| slot.durations(timed::IDLE);

    /// Time without any connection before a reopen.
    gap: Durations = Durations of Nanoseconds, |slot| slot.durations(timed::GAP);

    /// Time in CLOSE_WAIT of those that left it.
    close_wait: Durations = Durations of Nanoseconds, |slot| slot.durations(timed::CLOSE_WAIT);

    /// From a request to the end of its answer or, for outbound peers, to its beginning.
    hold: Durations = Durations of Nanoseconds, |slot| slot.rhythm(rhythm::HOLD);

    /// From the end of an answer to the next request on the same connection.
    pause: Durations = Durations of Nanoseconds, |slot| slot.rhythm(rhythm::PAUSE);

    /// How long connections were held, all together and without CLOSE_WAIT; of those that are open, until the
    /// sample.
    held_ms: u64 = Counter of Milliseconds, |slot| {
        let [life, waiting] = [timed::LIFETIME, timed::CLOSE_WAIT].map(|what| slot.sum_ns(what));
        life.saturating_add(slot.stats.seeded_ns).saturating_sub(waiting) / NS_PER_MS
    };

    /// How long of that they had a request that waited for its answer.
    busy_ms: u64 = Counter of Milliseconds, |slot| {
        let holds = slot.stats.rhythm.get(rhythm::HOLD).map_or(0, |hold| hold.sum_ns);
        holds.saturating_add(slot.stats.unanswered_ns) / NS_PER_MS
    };

    /// When that was reckoned, monotonic.
    reckoned_ms: u64 = Latest of Milliseconds, |_| 0;

    /// Request turns of the ended connections that were not seeded.
    turns: Turns = Histogram of Turns, |slot| Turns {
        sum: slot.stats.turns_sum,
        max: slot.stats.turns_max.into(),
        buckets: slot.stats.turn_buckets.into(),
    };

    /// Ended connections of which the number of requests is a bound, because not all that was read could be
    /// told.
    requests_bounded: u64 = Counter of Connections, |slot| slot.stats.requests_bounded.into();

    /// The protocol that was told last.
    protocol: u32 = Latest of Protocol, |slot| slot.stats.protocol;

    /// Connections that the client ended while its request had no answer yet. Told by reads and writes, else
    /// by the times of the last segments.
    unanswered: u64 = Counter of Connections, |slot| slot.stats.unanswered.into(),
        shown "unanswered" labelled "unanswered" if |known| known.turns || known.idle;

    /// Accepted connections whose first data lay unread for a second or longer: they waited for the process
    /// to accept them or to read.
    late_reads: u64 = Counter of Connections, |slot| slot.stats.late_reads.into(),
        shown "late_reads" labelled "read late" if |known| known.turns;

    /// The longest such wait, within 5 %.
    late_read_max_ns: u64 = Largest of Nanoseconds, |slot| u64::from(slot.stats.late_read_max_ms) << 20;

    /// The smoothed round-trip time that was seen last: at the end of a connection, and of open ones whenever
    /// the sockets are listed.
    rtt_us: u32 = Latest of Microseconds, |slot| slot.stats.rtt_us,
        shown "rtt_ms" labelled "round trip";

    /// The smallest of them since tracing began.
    rtt_min_us: u32 = Smallest of Microseconds, |slot| least(slot.stats.inverse_rtt_min_us),
        shown "rtt_min_ms" labelled "least round trip";

    /// Ended connections with a TLS handshake and no request after it.
    handshakes_alone: u64 = Counter of Connections, |slot| slot.stats.handshakes_alone.into(),
        shown "handshakes_without_request" labelled "handshakes alone" if |known| known.requests;

    /// Ended by this host's FIN or RST, after the other side had said goodbye: that is the one which ended them.
    left_by_remote: u64 = Counter of Connections, |slot| slot.stats.left_by_remote.into();

    /// Ended by the other side's FIN or RST, after this host had said goodbye.
    left_by_local: u64 = Counter of Connections, |slot| slot.stats.left_by_local.into();

    /// Request turns over the ended connections that were open when tracing began, each an upper bound over
    /// its whole life.
    seeded_turns: u64 = Counter of Turns, |slot| slot.stats.seeded_turns;

    /// Requests that came after this host had closed the connection; their clients see a reset.
    late_requests: u64 = Counter of Turns, |slot| slot.stats.late_requests.into(),
        shown "late_requests" labelled "late requests" if |known| known.late_requests;

    /// Process that last connected to the peer or read from it, by its thread group id.
    owner: Option<u32> = Latest of Process, |slot| Some(slot.stats.key.process).filter(|pid| *pid != 0);
}

/// What the table does not say: figures that depend on one another.
impl Counters {
    /// Connections opened while traced.
    pub fn opens(&self) -> u64 {
        self.opens_by_held.total()
    }

    /// Opens while the peer already held at least `expected` connections. Exact up to 15; above,
    /// counted from the next bucket edge (a power of two) on, so never too many.
    pub fn overlaps(&self, expected: u32) -> u64 {
        let held = self.opens_by_held.used();
        held.filter(|(bucket, _)| held_floor(*bucket) >= expected)
            .map(|(_, n)| u64::from(n))
            .sum()
    }

    /// What happened since an earlier state of these counters. All but extremes are exact; what is a gauge
    /// stays as it is now, and so does the number found open when tracing began.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.each_since(earlier);
        if self.open_peak <= earlier.open_peak {
            // It is not the highest ever, so it is at least what was open at the two ends.
            since.open_peak = self.open_now.max(earlier.open_now);
        }
        if since.late_reads == 0 {
            since.late_read_max_ns = 0;
        }
        since
    }

    /// The same with what an earlier recording counted. What is open now stays as it is. What was open at its
    /// start was open at the end of the earlier one, or else was found open all the same.
    #[must_use]
    pub fn after(&self, earlier: &Self) -> Self {
        let mut both = self.clone();
        both.each_precede(earlier);
        both.seeded = earlier.seeded + self.seeded.saturating_sub(earlier.open_now);
        both
    }

    /// Takes in those of another peer, or of another time, so that one stands for both. The peak is that of
    /// the one that held more, or what both hold now.
    pub fn absorb(&mut self, other: &Self) {
        self.each_absorb(other);
        self.open_peak = self.open_peak.max(self.open_now);
    }
}

#[cfg(test)]
mod tests;
