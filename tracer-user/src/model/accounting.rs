//! The identity `seeded + opened - closed = open now`, and its check against the socket list.

use serde::{Deserialize, Serialize};

use super::peer::Counters;

/// How often the kernel skipped the program that sees state changes, or the one that sees sockets go, because
/// the program was running already on that CPU, and how often what it missed was counted later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nested {
    /// Times the first was skipped, for changes that mean nothing too.
    pub first: u64,
    /// Times the second was skipped.
    pub second: u64,
    /// Opens, half closes and ends that were counted later.
    pub rescued: u64,
}

impl Nested {
    /// How many changes may have been missed for good.
    ///
    /// What is missed is counted at the connection's next change, at the next sample, or when the kernel
    /// gives the socket up. Half of all changes mean nothing, so that `first` alone is no loss. Where the counts
    /// agree with the kernel's socket list (`drift` 0) none was lost; where they do not, at most as many as
    /// were skipped and not made up for.
    pub fn lost(self, drift: Option<i64>) -> u64 {
        if drift == Some(0) {
            0
        } else {
            (self.first.saturating_add(self.second)).saturating_sub(self.rescued)
        }
    }
}

/// What was lost, by cause. Every number is a count; zero is a measured zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Losses {
    /// Distinct peers that found the peer table full.
    pub peers_dropped: u64,
    /// Peers for which not even that could be noted: `peers_dropped` is "at least" then.
    pub peers_dropped_unlisted: u64,
    /// Connections counted in the totals but for no peer.
    pub connections_unattributed: u64,
    /// Connections there was no room to remember: not counted at all.
    pub connections_dropped: u64,
    /// Records of ended connections that found the ring full.
    pub records_lost: u64,
    /// At most so many state changes were missed for good; see [`Nested::lost`].
    pub programs_skipped: u64,
    /// How often the kernel skipped a program because it was running already: no loss.
    pub nested: Nested,
    /// Reads not seen for the same reason: a request turn less, each at most.
    pub reads_skipped: u64,
    /// Network namespaces whose sockets could not be listed.
    pub namespaces_skipped: u64,
    /// How often the kernel broke off a walk over the sockets and was asked to go on: no loss.
    pub walks_resumed: u64,
    /// Connections that a walk showed twice and that were counted once: no loss.
    pub walk_repeats: u64,
}

impl Losses {
    /// What was lost for each cause, by the cause's name in JSON.
    pub fn by_cause(&self) -> [(&'static str, u64); 7] {
        [
            ("peers_dropped", self.peers_dropped),
            ("connections_unattributed", self.connections_unattributed),
            ("connections_dropped", self.connections_dropped),
            ("records_lost", self.records_lost),
            ("programs_skipped", self.programs_skipped),
            ("reads_skipped", self.reads_skipped),
            ("namespaces_skipped", self.namespaces_skipped),
        ]
    }

    /// Adds those of another run or host.
    pub fn add(&mut self, other: &Self) {
        // Named one by one, so that a new one is not forgotten here.
        let Self {
            peers_dropped,
            peers_dropped_unlisted,
            connections_unattributed,
            connections_dropped,
            records_lost,
            programs_skipped,
            nested,
            reads_skipped,
            namespaces_skipped,
            walks_resumed,
            walk_repeats,
        } = self;
        for (mine, theirs) in [
            (peers_dropped, other.peers_dropped),
            (peers_dropped_unlisted, other.peers_dropped_unlisted),
            (connections_unattributed, other.connections_unattributed),
            (connections_dropped, other.connections_dropped),
            (records_lost, other.records_lost),
            (programs_skipped, other.programs_skipped),
            (&mut nested.first, other.nested.first),
            (&mut nested.second, other.nested.second),
            (&mut nested.rescued, other.nested.rescued),
            (reads_skipped, other.reads_skipped),
            (namespaces_skipped, other.namespaces_skipped),
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
    /// Found open when tracing began.
    pub seeded: u64,
    /// Opened since.
    pub opened: u64,
    /// Closed since, seeded ones included.
    pub closed: u64,
}

impl Totals {
    /// Adds one peer's counters.
    pub fn add(&mut self, counters: &Counters) {
        self.seeded += counters.seeded;
        self.opened += counters.opens();
        self.closed += counters.closes.total();
    }

    /// What must be open now, if the identity holds.
    pub fn open_now(&self) -> u64 {
        (self.seeded + self.opened).saturating_sub(self.closed)
    }
}

/// The accounting block of every output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounting {
    /// The sums.
    pub totals: Totals,
    /// Sum of the gauges: equals `totals.open_now()` when nothing was skipped.
    pub open_now: u64,
    /// Counted minus listed, beyond what changed while the list was read; `None`: not checked.
    pub drift: Option<i64>,
}

impl Accounting {
    /// Adds that of another host.
    pub fn add(&mut self, other: &Self) {
        self.totals.seeded += other.totals.seeded;
        self.totals.opened += other.totals.opened;
        self.totals.closed += other.totals.closed;
        self.open_now += other.open_now;
        self.drift = self.drift.zip(other.drift).map(|(a, b)| a.saturating_add(b));
    }
}

/// How far the counted connections are from the listed ones, beyond what opened and closed
/// while the list was being read.
///
/// `before` and `after` are the totals around the walk, `listed` the connections it showed. Any
/// connection that opened or closed during the walk may have been shown or not, so `listed` may
/// lie between `before - closed meanwhile` and `before + opened meanwhile`. The result is 0
/// inside these limits, positive when too few were listed, negative when too many were.
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
