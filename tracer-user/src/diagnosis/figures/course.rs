//! How the number of connections a peer holds moved over the window.

use serde::{Deserialize, Serialize};

use crate::model::window::{FILL_NS, Level, Seen};

/// The number held at several points of the window, in a few figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// At the window's beginning, or when the peer had filled its pool after its first connection.
    pub start: u64,
    /// The fewest since.
    pub low: u64,
    /// The most since.
    pub peak: u64,
    /// Now.
    pub end: u64,
    /// By how many more it holds now than at any time before it began to grow. A return to a former level, as
    /// after a restart of the server, is no growth, and neither is filling a pool.
    pub grown: u64,
    /// When it began to grow, monotonic, ns; of meaning when it has.
    pub since_ns: u64,
    /// By how many it grew in the last third of the time since.
    pub lately: u64,
    /// Connections that ended in that time.
    pub closes_since: u64,
    /// The most that ended between two looks, of all in the window.
    pub closes_at_once: u64,
}

impl Course {
    /// From what it held at the boundaries of the window, oldest first, and holds now. What it held above
    /// `usual` before was a pile, and no level to return to.
    pub(super) fn of(levels: &[Level], now: Level, seen: Seen, usual: Option<u64>) -> Self {
        let filled_ns = seen.began_ns + FILL_NS;
        let mut points: Vec<Level> = levels.to_vec();
        points.retain(|level| level.at_ns < now.at_ns);
        let fills_within = points.first().is_none_or(|first| first.at_ns < filled_ns);
        if seen.began_ns > 0 && fills_within {
            points.retain(|level| level.at_ns > filled_ns);
            points.insert(
                0,
                Level {
                    at_ns: filled_ns.min(now.at_ns),
                    held: seen.filled,
                    opens: now.opens,
                    closes: points.first().map_or(now.closes, |first| first.closes),
                },
            );
        }
        points.push(now);
        let held = || points.iter().map(|level| level.held);
        let low = held().min().unwrap_or(now.held);
        let lowest = points.iter().rposition(|level| level.held == low).unwrap_or(0);
        let before = points.get(..lowest).unwrap_or_default();
        let former = before.iter().map(|level| level.held).max().unwrap_or(low);
        let from = former.min(usual.unwrap_or(u64::MAX)).max(low);
        let grown = now.held.saturating_sub(from);
        let since = points
            .iter()
            .rev()
            .find(|level| level.held <= from)
            .copied()
            .unwrap_or(now);
        // What went on growing after it had begun to hold any began to grow then.
        let since_ns = if seen.began_ns > 0 && fills_within && since.at_ns <= filled_ns {
            seen.began_ns
        } else {
            since.at_ns
        };
        let steps = points.iter().zip(points.iter().skip(1));
        let third_ns = now.at_ns - now.at_ns.saturating_sub(since_ns) / 3;
        let by_then = points
            .iter()
            .rev()
            .find(|level| level.at_ns <= third_ns)
            .map_or(from, |level| level.held);
        Self {
            start: points.first().map_or(now.held, |first| first.held),
            low,
            peak: held().max().unwrap_or(now.held),
            end: now.held,
            grown,
            since_ns,
            lately: now.held.saturating_sub(by_then),
            closes_since: now.closes.saturating_sub(since.closes),
            closes_at_once: steps
                .map(|(before, after)| after.closes.saturating_sub(before.closes))
                .max()
                .unwrap_or(0),
        }
    }

    /// Of a peer that holds so few that its course tells nothing.
    pub(super) fn flat(start: u64, now: Level) -> Self {
        Self {
            start,
            low: start.min(now.held),
            peak: start.max(now.held),
            end: now.held,
            grown: 0,
            since_ns: now.at_ns,
            lately: 0,
            closes_since: 0,
            closes_at_once: 0,
        }
    }

    /// The level that it has grown from.
    pub fn from(&self) -> u64 {
        self.end - self.grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::S;

    /// A level at which nothing was opened or closed.
    fn level(second: u64, held: u64) -> Level {
        Level {
            at_ns: second * S,
            held,
            opens: 0,
            closes: 0,
        }
    }

    /// The course of a peer that held so many, second by second, and was there before.
    fn of(held: &[u64]) -> Course {
        let levels: Vec<Level> = (100..)
            .zip(held)
            .map(|(second, held)| level(second, *held))
            .collect();
        let (now, before) = levels.split_last().unwrap();
        Course::of(before, *now, Seen::default(), None)
    }

    #[test]
    fn what_only_grows_has_grown_by_all_of_it() {
        let course = of(&[57, 60, 64, 70, 77, 85, 97]);
        assert_eq!((course.start, course.grown, course.from()), (57, 40, 57));
        assert_eq!(course.since_ns, 100 * S);
        assert_eq!(course.lately, 20);
    }

    #[test]
    fn a_return_to_a_former_level_is_no_growth() {
        assert_eq!(of(&[50, 50, 0, 0, 20, 50]).grown, 0);
        assert_eq!(of(&[4, 7, 10, 6, 4, 8, 10]).grown, 0, "a pool that breathes");
        assert_eq!(of(&[50, 50, 0, 20, 50, 58]).grown, 8);
    }

    #[test]
    fn a_former_pile_is_no_level_to_return_to() {
        let held = [1, 4, 8, 1, 1, 4];
        let levels: Vec<Level> = (100..)
            .zip(held)
            .map(|(second, held)| level(second, held))
            .collect();
        let grown = |usual| Course::of(&levels, level(106, 8), Seen::default(), usual).grown;
        assert_eq!(grown(None), 0);
        assert_eq!(grown(Some(1)), 7);
    }

    #[test]
    fn what_was_held_first_counts_although_the_next_look_saw_more() {
        let seen = Seen {
            began_ns: 101 * S,
            filled: 1,
            ..Seen::default()
        };
        let course = Course::of(&[level(100, 0), level(115, 2)], level(130, 4), seen, None);
        assert_eq!((course.low, course.grown), (1, 3));
    }

    #[test]
    fn a_pool_that_has_just_filled_has_not_grown() {
        let seen = Seen {
            began_ns: 100 * S,
            filled: 6,
            ..Seen::default()
        };
        let levels: Vec<Level> = (95..110)
            .map(|second| level(second, if second < 100 { 0 } else { 6 }))
            .collect();
        assert_eq!(Course::of(&levels, level(110, 6), seen, None).grown, 0);
        assert_eq!(Course::of(&levels, level(110, 9), seen, None).grown, 3);
        assert_eq!(
            Course::of(&levels[..7], level(102, 6), seen, None).grown,
            0,
            "filling"
        );
    }
}
