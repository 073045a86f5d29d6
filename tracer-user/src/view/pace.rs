//! How often a live view samples: as often as requested, unless that uses too much CPU. A tool that looks for
//! the cause of an overload must not add to it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A look may use one part in this many of a CPU's time: below a twentieth, even while looks become more
/// expensive.
const PART: u32 = 24;

/// A look that takes this long is compensated at once, since the average would let several pass.
const DEAR: Duration = Duration::from_millis(250);

/// The intervals that the keys step through.
const STEPS: [Duration; 10] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// The next shorter interval; `None` if there is none.
pub fn shorter(interval: Duration) -> Option<Duration> {
    STEPS.into_iter().rev().find(|step| *step < interval)
}

/// The next longer interval; `None` if there is none.
pub fn longer(interval: Duration) -> Option<Duration> {
    STEPS.into_iter().find(|step| *step > interval)
}

/// The pace of one feed.
#[derive(Clone, Debug)]
pub struct Pace {
    asked: Duration,
    /// The average cost of recent looks.
    cost: Duration,
    /// The cost of the last one.
    last: Duration,
    /// CPU time of this process at the end of the last look.
    spent: Duration,
}

impl Pace {
    /// Starts with the requested interval.
    pub fn new(asked: Duration) -> Self {
        Self {
            asked,
            cost: Duration::ZERO,
            last: Duration::ZERO,
            spent: spent(),
        }
    }

    /// Requests another interval.
    pub fn ask(&mut self, asked: Duration) {
        self.asked = asked;
    }

    /// The interval requested.
    pub fn asked(&self) -> Duration {
        self.asked
    }

    /// Called after each look. Its cost includes everything this process has done since the previous one: the
    /// walk over the sockets has threads of its own, and a frame is drawn.
    pub fn looked(&mut self) {
        let spent = spent();
        self.cost_was(spent.saturating_sub(self.spent));
        self.spent = spent;
    }

    pub(super) fn cost_was(&mut self, cost: Duration) {
        // Some looks cost more than others, such as the first one and each that looks up the holders of
        // sockets.
        self.cost = (self.cost * 3 + cost) / 4;
        self.last = cost;
    }

    /// The time from one look to the next.
    pub fn interval(&self) -> Duration {
        // There is no limit: the wait grows with the duration of a look.
        let at_once = if self.last < DEAR {
            Duration::ZERO
        } else {
            self.last
        };
        (self.cost.max(at_once) * PART).max(self.asked)
    }

    /// The interval, if it is noticeably longer than requested.
    pub fn slowed(&self) -> Option<Duration> {
        let interval = self.interval();
        (interval > self.asked + self.asked / 20).then_some(interval)
    }
}

/// CPU time of this process, system calls included.
fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_cheap_look_is_taken_as_often_as_asked() {
        let mut pace = Pace::new(SECOND);
        assert_eq!(pace.interval(), SECOND);
        (0..40).for_each(|_| pace.cost_was(SECOND / 25));
        assert_eq!((pace.interval(), pace.slowed()), (SECOND, None));
    }

    #[test]
    fn a_dear_look_is_taken_less_often() {
        let mut pace = Pace::new(SECOND);
        pace.cost_was(SECOND / 10);
        assert_eq!(pace.slowed(), None, "the first one is dear");
        (0..40).for_each(|_| pace.cost_was(SECOND / 10));
        let slowed = pace.slowed().unwrap();
        assert!(slowed.abs_diff(SECOND * 24 / 10) < SECOND / 1000, "{slowed:?}");
        pace.cost_was(SECOND * 100);
        assert!(pace.interval() > SECOND * 24 * 25, "one that is far dearer");
        for _ in 0..40 {
            pace.cost_was(SECOND / 100);
        }
        assert_eq!(pace.slowed(), None, "it gets faster again");
    }

    #[test]
    fn another_interval_takes_effect_and_leads_through_all_steps() {
        let mut pace = Pace::new(SECOND);
        pace.ask(SECOND * 7);
        assert_eq!((pace.interval(), pace.slowed()), (SECOND * 7, None));
        assert_eq!(longer(SECOND * 7), Some(SECOND * 10));
        assert_eq!(shorter(SECOND * 7), Some(SECOND * 5));
        assert_eq!(shorter(SECOND * 3600), Some(SECOND * 60));
        let steps = |step: fn(Duration) -> Option<Duration>, from| {
            std::iter::successors(Some(from), move |now| step(*now)).count()
        };
        assert_eq!(steps(longer, STEPS[0]), STEPS.len());
        assert_eq!(steps(shorter, STEPS[9]), STEPS.len());
    }

    #[test]
    fn who_asks_for_less_gets_less() {
        let mut pace = Pace::new(SECOND * 60);
        (0..40).for_each(|_| pace.cost_was(SECOND));
        assert_eq!(pace.interval(), SECOND * 60);
    }

    /// Over many looks of different cost, the total stays within its share.
    #[test]
    fn the_part_is_kept() {
        let mut pace = Pace::new(SECOND / 10);
        let (mut took, mut lasted) = (Duration::ZERO, Duration::ZERO);
        for look in 0..1000_u32 {
            let cost = SECOND / if look % 5 == 0 { 8 } else { 40 };
            pace.cost_was(cost);
            took += cost;
            lasted += pace.interval();
        }
        let part = lasted.as_secs_f64() / took.as_secs_f64();
        assert!((23.5..24.5).contains(&part), "1/{part}");
    }

    /// From the first look on, and as they become more expensive.
    #[test]
    fn looks_of_a_second_take_less_than_a_twentieth() {
        let mut pace = Pace::new(SECOND);
        let mut looks = |ms: u64, looks: u32| {
            let (mut took, mut lasted) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..looks {
                let cost = Duration::from_millis(ms);
                pace.cost_was(cost);
                took += cost;
                lasted += pace.interval();
            }
            took.as_secs_f64() / lasted.as_secs_f64()
        };
        for (ms, times) in [(1000, 1), (1000, 20), (3000, 1), (3000, 20), (300, 20)] {
            let part = looks(ms, times);
            assert!(part < 0.05, "{times} of {ms} ms: {part}");
        }
    }

    #[test]
    fn the_time_of_this_process_counts() {
        let mut pace = Pace::new(Duration::from_millis(1));
        let until = spent() + Duration::from_millis(20);
        while spent() < until {
            std::hint::spin_loop();
        }
        pace.looked();
        assert!(
            pace.interval() >= Duration::from_millis(20 / 4) * PART,
            "{pace:?}"
        );
    }
}
