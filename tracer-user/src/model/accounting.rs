//! The identity `seeded + opened - closed = open now`, and its check against the socket list.

use serde::{Deserialize, Serialize};

use super::peer::Counters;

/// How often the kernel skipped a program because it was already running on that CPU, and how much of what
/// was missed was counted later. The first program handles state changes, the second one destroyed sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nested {
    /// Times the first program was skipped, including for changes that do not matter.
    pub first: u64,
    /// Times the second program was skipped.
    pub second: u64,
    /// Opens, half closes and ends that were rescued, which means counted later.
    pub rescued: u64,
}

impl Nested {
    /// Upper bound of the changes missed for good.
    ///
    /// A missed change is counted at the connection's next change, at the next sample, or when the kernel
    /// destroys the socket. Half of all changes do not matter, so `first` alone does not mean a loss. If the
    /// counts agree with the kernel's socket list (`drift` is 0) nothing was lost. Otherwise at most as many
    /// were lost as were skipped and not rescued.
    pub fn lost(self, drift: Option<i64>) -> u64 {
        if drift == Some(0) {
            0
        } else {
            (self.first.saturating_add(self.second)).saturating_sub(self.rescued)
        }
    }
}

/// What was lost, by cause. All are counts, and 0 means that none was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Losses {
    /// Distinct peers that found the peer table full.
    pub peers_dropped: u64,
    /// Peers that could not even be recorded as dropped. If not 0, `peers_dropped` is a lower bound.
    pub peers_dropped_unlisted: u64,
    /// Connections counted in the totals but not for any peer.
    pub connections_unattributed: u64,
    /// Connections that found the connection table full, and are not counted at all.
    pub connections_dropped: u64,
    /// Ended connections without a record: the ring was full, or nothing saw their end.
    pub records_lost: u64,
    /// Records of ended connections whose place in the ring other CPUs took each time it was tried.
    pub records_raced: u64,
    /// Upper bound of the state changes missed for good; see [`Nested::lost`].
    pub programs_skipped: u64,
    /// How often the kernel skipped a program because it was already running. Not a loss in itself.
    pub nested: Nested,
    /// Reads missed for the same reason. Each costs at most one request turn.
    pub reads_skipped: u64,
    /// Network namespaces whose sockets could not be listed.
    pub namespaces_skipped: u64,
    /// Rows of a recording that could not be written.
    pub rows_not_written: u64,
    /// Listeners that made room for others in a table of the kernel although they still listened. The
    /// direction of a connection may be wrong if its open was missed at that time.
    pub listeners_forgotten: u64,
    /// Processes without a name: the kernel's table had no room for it any more, and they have ended. No
    /// count is affected.
    pub names_forgotten: u64,
    /// How often the kernel interrupted a walk over the sockets, which was then resumed. Not a loss.
    pub walks_resumed: u64,
    /// Connections that a walk showed twice and that were counted once. Not a loss.
    pub walk_repeats: u64,
}

/// Amounts under the names of their causes.
pub type LostByCause = [(&'static str, u64); 11];

/// The only cause by which no count is wrong.
pub const NAMES_FORGOTTEN: &str = "names_forgotten";

impl Losses {
    /// Records and state changes that were lost for good.
    pub fn events(&self) -> u64 {
        self.records_lost
            .saturating_add(self.records_raced)
            .saturating_add(self.programs_skipped)
    }

    /// The amount lost by each cause, under the cause's name in JSON.
    pub fn by_cause(&self) -> LostByCause {
        [
            ("peers_dropped", self.peers_dropped),
            ("connections_unattributed", self.connections_unattributed),
            ("connections_dropped", self.connections_dropped),
            ("records_lost", self.records_lost),
            ("records_raced", self.records_raced),
            ("programs_skipped", self.programs_skipped),
            ("reads_skipped", self.reads_skipped),
            ("namespaces_skipped", self.namespaces_skipped),
            ("rows_not_written", self.rows_not_written),
            ("listeners_forgotten", self.listeners_forgotten),
            (NAMES_FORGOTTEN, self.names_forgotten),
        ]
    }

    /// Adds the losses of another run or host.
    pub fn add(&mut self, other: &Self) {
        // Every field is named, so that the compiler reports a new one missing here.
        let Self {
            peers_dropped,
            peers_dropped_unlisted,
            connections_unattributed,
            connections_dropped,
            records_lost,
            records_raced,
            programs_skipped,
            nested,
            reads_skipped,
            namespaces_skipped,
            rows_not_written,
            listeners_forgotten,
            names_forgotten,
            walks_resumed,
            walk_repeats,
        } = self;
        for (mine, theirs) in [
            (peers_dropped, other.peers_dropped),
            (peers_dropped_unlisted, other.peers_dropped_unlisted),
            (connections_unattributed, other.connections_unattributed),
            (connections_dropped, other.connections_dropped),
            (records_lost, other.records_lost),
            (records_raced, other.records_raced),
            (programs_skipped, other.programs_skipped),
            (&mut nested.first, other.nested.first),
            (&mut nested.second, other.nested.second),
            (&mut nested.rescued, other.nested.rescued),
            (reads_skipped, other.reads_skipped),
            (namespaces_skipped, other.namespaces_skipped),
            (rows_not_written, other.rows_not_written),
            (listeners_forgotten, other.listeners_forgotten),
            (names_forgotten, other.names_forgotten),
            (walks_resumed, other.walks_resumed),
            (walk_repeats, other.walk_repeats),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// Sums over all peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Connections already open when tracing began.
    pub seeded: u64,
    /// Connections opened since then.
    pub opened: u64,
    /// Connections ended since then, seeded ones included.
    pub closed: u64,
}

impl Totals {
    /// Adds one peer's counters.
    pub fn add(&mut self, counters: &Counters) {
        self.seeded += counters.seeded;
        self.opened += counters.opens();
        self.closed += counters.closes.total();
    }

    /// Adds other sums.
    pub fn plus(&mut self, other: Self) {
        self.seeded += other.seeded;
        self.opened += other.opened;
        self.closed += other.closed;
    }

    /// Carries these sums on to a later reading, whose counters of 32 bits may have started again at 0. A sum
    /// of such counters is right in its low 32 bits whichever of them did so, and fewer than 2^31 connections
    /// come between two readings.
    pub fn carry(&mut self, read: Self) {
        for (sum, read) in [
            (&mut self.seeded, read.seeded),
            (&mut self.opened, read.opened),
            (&mut self.closed, read.closed),
        ] {
            let more = read.wrapping_sub(*sum) & u64::from(u32::MAX);
            if more < 1 << 31 {
                *sum += more;
            }
        }
    }

    /// The number open now according to the identity.
    pub fn open_now(&self) -> u64 {
        (self.seeded + self.opened).saturating_sub(self.closed)
    }
}

/// The accounting as it appears in every output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounting {
    /// The sums.
    pub totals: Totals,
    /// Sum of the peers' gauges. Equals `totals.open_now()` if nothing was missed.
    pub open_now: u64,
    /// Counted minus listed connections, beyond what changed while the list was read; `None` if not checked.
    pub drift: Option<i64>,
    /// Peers that have left: they held nothing and were quiet. The sums go on to count them.
    pub peers_left: u64,
}

impl Accounting {
    /// Adds the accounting of another host.
    pub fn add(&mut self, other: &Self) {
        self.totals.plus(other.totals);
        self.peers_left += other.peers_left;
        self.open_now += other.open_now;
        self.drift = self.drift.zip(other.drift).map(|(a, b)| a.saturating_add(b));
    }
}

/// The difference between counted and listed connections, beyond what opened and closed while the list was
/// read.
///
/// `before` and `after` are the totals around the walk, and `listed` is the number of connections it showed.
/// The walk may or may not have shown a connection that opened or closed meanwhile, so `listed` may be
/// anything from `before - closed meanwhile` to `before + opened meanwhile`. The result is 0 within these
/// limits, positive if too few were listed, and negative if too many were.
pub fn drift(before: Totals, after: Totals, listed: u64) -> i64 {
    let opened = (after.seeded + after.opened).saturating_sub(before.seeded + before.opened);
    let closed = after.closed.saturating_sub(before.closed);
    let open = before.open_now();
    let (low, high) = (open.saturating_sub(closed), open + opened);
    if listed < low {
        i64::try_from(low - listed).unwrap_or(i64::MAX)
    } else if listed > high {
        i64::try_from(listed - high).map_or(i64::MIN, |n| -n)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(seeded: u64, opened: u64, closed: u64) -> Totals {
        Totals {
            seeded,
            opened,
            closed,
        }
    }

    #[test]
    fn nested_runs_are_a_loss_only_when_counts_and_list_differ() {
        let nested = Nested {
            first: 9,
            second: 4,
            rescued: 6,
        };
        assert_eq!(nested.lost(Some(0)), 0);
        assert_eq!(nested.lost(Some(-1)), 7);
        assert_eq!(nested.lost(None), 7);
        assert_eq!(
            Nested {
                rescued: 20,
                ..nested
            }
            .lost(Some(1)),
            0
        );
    }

    #[test]
    fn sums_go_on_where_counters_start_again() {
        let wrap = 1 << 32;
        let mut sums = totals(7, wrap - 15, wrap - 30);
        // Two peers, whose counters start again one after the other.
        for (opened, closed, sum) in [
            (wrap - 10 + 5, wrap - 20, totals(7, wrap - 5, wrap - 20)),
            (10 + 5, wrap - 20, totals(7, wrap + 15, wrap - 20)),
            (10 + wrap / 2, 5, totals(7, wrap + wrap / 2 + 10, wrap + 5)),
            (10 + wrap - 1, 5, totals(7, 2 * wrap + 9, wrap + 5)),
            (10 + 1, 5, totals(7, 2 * wrap + 11, wrap + 5)),
        ] {
            sums.carry(totals(7, opened, closed));
            assert_eq!(sums, sum);
            sums.carry(totals(7, opened, closed));
            assert_eq!(sums, sum, "the same again");
        }
        sums.carry(totals(6, 10, 5));
        assert_eq!(
            sums,
            totals(7, 2 * wrap + 11, wrap + 5),
            "two readings in a race are no turn"
        );
    }

    #[test]
    fn at_rest_every_difference_shows() {
        let rest = totals(3, 10, 5);
        assert_eq!(drift(rest, rest, 8), 0);
        assert_eq!(drift(rest, rest, 7), 1);
        assert_eq!(drift(rest, rest, 10), -2);
    }

    #[test]
    fn changes_during_the_walk_explain_a_difference() {
        let (before, after) = (totals(0, 10, 0), totals(0, 12, 3));
        for listed in 7..=12 {
            assert_eq!(drift(before, after, listed), 0, "{listed}");
        }
        assert_eq!(drift(before, after, 6), 1);
        assert_eq!(drift(before, after, 13), -1);
    }
}
