//! What the newest sample comes to, which is all that a request sees.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    diagnosis::Diagnosis,
    model::{sample::Sample, socket::State},
    report::{Origin, openmetrics::Counted},
};

/// The newest diagnosis with what belongs to it.
#[derive(Clone, Debug)]
pub struct Latest {
    /// Its number, ascending.
    pub number: u64,
    /// When it was made.
    pub at: Instant,
    /// How long the sample took.
    pub took: Duration,
    /// The diagnosis.
    pub diagnosis: Arc<Diagnosis>,
    /// What was counted since tracing began.
    pub counted: Arc<Counted>,
    /// How the number of connections moved.
    pub course: Arc<[Point]>,
    /// This machine.
    pub origin: Arc<Origin>,
}

/// The connections open at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, monotonic, ns.
    pub at_ns: u64,
    /// How many.
    pub open: u64,
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
}

/// How far the course reaches back, ns.
const COURSE_NS: u64 = 1_800_000_000_000;

/// Two points are at least this far apart, ns, so that there are never more than 900.
const APART_NS: u64 = 2_000_000_000;

/// The last half hour.
#[derive(Debug, Default)]
pub struct Course(VecDeque<Point>);

impl Course {
    /// Adds a sample.
    pub fn add(&mut self, sample: &Sample) {
        let at_ns = sample.taken.monotonic_ns;
        let in_close_wait = sample
            .sockets
            .connections
            .iter()
            .filter(|one| one.state == State::CloseWait);
        let point = Point {
            at_ns,
            open: sample.accounting.open_now,
            close_wait: in_close_wait.count() as u64,
        };
        if self
            .0
            .back()
            .is_none_or(|last| at_ns.saturating_sub(last.at_ns) >= APART_NS)
        {
            self.0.push_back(point);
        }
        while self
            .0
            .front()
            .is_some_and(|first| at_ns.saturating_sub(first.at_ns) > COURSE_NS)
        {
            self.0.pop_front();
        }
    }

    /// All of it, oldest first.
    pub fn points(&self) -> Arc<[Point]> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::Moment;

    #[test]
    fn the_course_of_days_is_bounded() {
        let mut course = Course::default();
        let mut sample = Sample::empty(Moment {
            monotonic_ns: 0,
            utc_ns: 0,
        });
        for tenth in 0..100_000_u64 {
            sample.taken.monotonic_ns = tenth * 100_000_000;
            course.add(&sample);
        }
        assert_eq!(course.points().len(), 900);
    }
}
