//! How often something is written although nothing has happened, and how often the state is.

use crate::model::accounting::{Accounting, Losses, LostByCause};

const S: u64 = 1_000_000_000;

/// In its first minute a run writes every interval. Later it leaves out those in which nothing has changed
/// ...
const YOUNG_NS: u64 = 60 * S;

/// ... but no more than a minute of them, so that a reader sees that the recorder was alive.
const SILENCE_NS: u64 = 60 * S;

/// Shortest and longest time between two states, and their share of the age of the run in between.
const MIN_STATE_NS: u64 = S;
const MAX_STATE_NS: u64 = 60 * S;
const STATES_PER_AGE: u64 = 20;

/// A state that takes longer to write comes less often: so many bytes a second, 350 MB a day.
const STATE_BYTES_PER_S: u64 = 4096;

/// The figures in a line of the journal.
type Counted = (Accounting, LostByCause, u64);

/// The figures of an interval. Of the losses, those that are none do not count.
pub(super) fn counted(accounting: Accounting, losses: &Losses, rows_not_written: u64) -> Counted {
    (accounting, losses.by_cause(), rows_not_written)
}

/// What decides that, by the clock of the samples.
#[derive(Debug, Default)]
pub(super) struct Pace {
    started_ns: u64,
    /// The last interval that was written.
    written_ns: Option<u64>,
    /// What it said besides its rows.
    said: Option<Counted>,
    /// When the next state is due.
    state_ns: u64,
}

impl Pace {
    pub(super) fn begin(&mut self, now_ns: u64) {
        *self = Self {
            started_ns: now_ns,
            ..Self::default()
        };
    }

    /// Whether an interval without a single row may be left out.
    pub(super) fn may_skip(&self, now_ns: u64, counted: Counted) -> bool {
        now_ns.saturating_sub(self.started_ns) >= YOUNG_NS
            && self.said == Some(counted)
            && self
                .written_ns
                .is_some_and(|last| now_ns.saturating_sub(last) < SILENCE_NS)
    }

    pub(super) fn wrote(&mut self, now_ns: u64, counted: Counted) {
        self.written_ns = Some(now_ns);
        self.said = Some(counted);
    }

    /// When the next state is due, on the monotonic clock, ns.
    pub(super) fn state_due_ns(&self) -> u64 {
        self.state_ns
    }

    /// A state of this size was written.
    pub(super) fn wrote_state(&mut self, now_ns: u64, bytes: u64) {
        let age_ns = now_ns.saturating_sub(self.started_ns);
        let by_age = (age_ns / STATES_PER_AGE).clamp(MIN_STATE_NS, MAX_STATE_NS);
        let by_size = bytes.saturating_mul(S) / STATE_BYTES_PER_S;
        // Half an interval early is better than half an interval late.
        self.state_ns = now_ns.saturating_add(by_age.max(by_size)).saturating_sub(S / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_run_writes_an_interval_a_minute() {
        let mut pace = Pace::default();
        pace.begin(5 * S);
        let of = |losses: &Losses, rows| counted(Accounting::default(), losses, rows);
        let none = of(&Losses::default(), 0);
        let mut written = 0;
        for second in 5..3605 {
            if !pace.may_skip(second * S, none) {
                pace.wrote(second * S, none);
                written += 1;
            }
        }
        assert_eq!(written, 60 + 59);
        let lost = Losses {
            records_lost: 1,
            ..Losses::default()
        };
        assert!(!pace.may_skip(3605 * S, of(&lost, 0)));
        assert!(!pace.may_skip(3605 * S, of(&Losses::default(), 1)));
    }

    #[test]
    fn large_states_come_less_often() {
        let mut pace = Pace::default();
        pace.begin(0);
        assert_eq!(pace.state_due_ns(), 0);
        for (now, bytes, later) in [
            (1, 0, 1),
            (1, 40_960, 10),
            (300, 4096, 15),
            (5000, 4096, 60),
            (5000, 409_600, 100),
        ] {
            pace.wrote_state(now * S, bytes);
            assert_eq!(pace.state_due_ns(), (now + later) * S - S / 2, "{now} {bytes}");
        }
    }
}
