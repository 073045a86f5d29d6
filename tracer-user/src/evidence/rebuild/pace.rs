//! How often the history of a recording is told of an interval: each time would take longer than
//! anybody waits when there are many of both peers and intervals.

/// Between two, ns, and so much more for each peer.
const GAP_NS: i128 = 1_000_000_000;
const GAP_PER_PEER_NS: i128 = 1_000_000;

/// At the end nearly every interval counts: growth is that of the last half minute.
const LAST_NS: i128 = 60_000_000_000;
const LAST_GAP_NS: i128 = 100_000_000;

/// Picks intervals.
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

    /// Whether the interval of that moment is one to tell of.
    pub(crate) fn wants(&mut self, at: i128, peers: usize) -> bool {
        let near = self.end.is_none_or(|end| end - at <= LAST_NS);
        let peers = i128::try_from(peers).unwrap_or(0);
        let gap = match near {
            // Clocks are not that exact.
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

#[cfg(test)]
mod tests {
    use super::*;

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
