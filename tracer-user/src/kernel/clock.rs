//! The clocks the programs use.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use crate::model::sample::Moment;

/// Now, on the monotonic clock of the programs and in UTC.
pub fn now() -> Moment {
    Moment {
        monotonic_ns: u64::try_from(nanos(clock_gettime(ClockId::Monotonic))).unwrap_or(0),
        utc_ns: nanos(clock_gettime(ClockId::Realtime)),
    }
}

/// The time of a CPU that this thread has taken so far.
pub(super) fn of_this_thread() -> Duration {
    let nanos = u64::try_from(nanos(clock_gettime(ClockId::ThreadCPUTime))).unwrap_or(0);
    Duration::from_nanos(nanos)
}

/// Length of a timer tick (jiffy), ns. The coarse clocks advance once per tick, and the kernel reports that
/// as their resolution.
pub fn tick_ns() -> u64 {
    u64::try_from(nanos(clock_getres(ClockId::MonotonicCoarse))).unwrap_or(0)
}

fn nanos(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_one_of_the_kernels() {
        let hz = 1_000_000_000 / tick_ns();
        assert!([100, 250, 300, 1000].contains(&hz), "{hz} Hz");
    }
}
