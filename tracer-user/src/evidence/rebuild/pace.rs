//! How often the history of a recording is given an interval: with many peers and many intervals, giving it
//! each one would take too long.

/// Minimum distance, ns, and the addition per peer.
const GAP_NS: i128 = 1_000_000_000;
const GAP_PER_PEER_NS: i128 = 1_000_000;

/// Near the end almost every interval counts, since growth is measured over the last half minute.
const LAST_NS: i128 = 60_000_000_000;
const LAST_GAP_NS: i128 = 100_000_000;

/// Selects intervals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    end: Option<i128>,
    last: Option<i128>,
}

impl Pace {
    /// For a recording that ends then, if that is known.
    pub(crate) fn until(end: Option<i128>) -> Self {
        Self { end, last: None }
    }

    /// Whether the interval at this moment is selected.
    pub(crate) fn wants(&mut self, at: i128, peers: usize) -> bool {
        let near = self.end.is_none_or(|end| end - at <= LAST_NS);
        let peers = i128::try_from(peers).unwrap_or(0);
        let gap = match near {
            // Clocks are not exact.
            true => LAST_GAP_NS * 9 / 10,
            false => GAP_NS * 9 / 10 + GAP_PER_PEER_NS * peers,
        };
        let wanted = self.last.is_none_or(|last| at - last >= gap);
        if wanted {
            self.last = Some(at);
        }
        wanted
    }
}

/// Maximum number of looks at a recording, not counting the last seconds.
const MAX_LOOKS: i128 = 250;

/// With more peers each look takes longer: this many halve the number of looks.
const PEERS_FOR_HALF: usize = 2_000;

/// There are at least this many looks, however many peers.
const MIN_LOOKS: i128 = 40;

/// Near the end every interval is looked at, as in a live run: a verdict has to hold for several looks.
const TIGHT_NS: i128 = 15_000_000_000;

/// Selects the intervals at which a recording is judged, so that long recordings take no longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    begin: i128,
    end: i128,
    last: Option<i128>,
}

impl Looks {
    /// Between two moments, UTC, ns.
    pub(crate) fn between(begin: i128, end: i128) -> Self {
        Self {
            begin,
            end: end.max(begin),
            last: None,
        }
    }

    /// Whether to look at the interval at this moment.
    pub(crate) fn wants(&mut self, at: i128, peers: usize) -> bool {
        if at < self.begin {
            return false;
        }
        let spared = 1 + i128::try_from(peers / PEERS_FOR_HALF).unwrap_or(0);
        let looks = (MAX_LOOKS / spared).max(MIN_LOOKS);
        let gap = match self.end - at <= TIGHT_NS {
            true => GAP_NS * 9 / 10,
            false => ((self.end - self.begin) / looks).max(GAP_NS * 9 / 10),
        };
        let wanted = self.last.is_none_or(|last| at - last >= gap);
        if wanted {
            self.last = Some(at);
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_looked_at_some_hundred_times_however_long_it_is() {
        let second = |n: i128| n * 1_000_000_000;
        let count = |begin: i128, seconds: i128, peers: usize| {
            let mut looks = Looks::between(second(begin), second(seconds));
            let wanted: Vec<i128> = (0..=seconds).filter(|n| looks.wants(second(*n), peers)).collect();
            let last: Vec<i128> = (seconds - 10..=seconds).collect();
            assert!(wanted.ends_with(&last), "{wanted:?}");
            assert!(wanted.first().is_some_and(|first| *first >= begin), "{wanted:?}");
            wanted.len()
        };
        assert_eq!(count(0, 60, 10), 61);
        assert!(count(0, 86_400, 10) < 300);
        assert!(count(85_000, 86_400, 10) < 300);
        assert!(count(0, 86_400, 100_000) < 80);
    }

    #[test]
    fn many_intervals_of_many_peers_are_thinned_but_for_the_last() {
        let second = |n: i128| n * 1_000_000_000;
        let count = |peers: usize| {
            let mut pace = Pace::until(Some(second(86_400)));
            (0..=86_400).filter(|n| pace.wants(second(*n), peers)).count()
        };
        assert_eq!(count(10), 86_401);
        assert!(count(10_000) < 8_100, "{}", count(10_000));
    }
}
