//! The result of a soak test, and whether it is acceptable.

use std::{fmt, time::Duration};

use serde_json::Value;

/// Allowed growth of anonymous memory, from the median of the first third to the median of the last, KiB. It
/// is not 0 because allocators return memory late and vectors double. A leak of 100 bytes per connection
/// exceeds it within twenty minutes.
const ALLOWED_KIB: u64 = 1536;

/// Minimum, median and maximum of several readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Minimum.
    pub least: u64,
    /// Median.
    pub median: u64,
    /// Maximum.
    pub most: u64,
}

impl Range {
    pub(super) fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().expect("at least one look");
        Self {
            least: at(0),
            median: at(values.len() / 2),
            most: at(values.len().saturating_sub(1)),
        }
    }
}

/// Resources used by one process, in the first and in the last third of the time after the warm-up.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Name of the process.
    pub name: &'static str,
    /// Resident anonymous memory, KiB.
    pub anonymous_kib: (Range, Range),
    /// Open file descriptors.
    pub descriptors: (Range, Range),
    /// Threads.
    pub threads: (Range, Range),
    /// CPU time divided by elapsed time; 1 is one full CPU.
    pub cpu: f64,
}

impl Usage {
    /// Describes each resource that grew. For descriptors and threads the minimum counts: a leaked one stays,
    /// while others come and go.
    fn growth(&self) -> Vec<String> {
        let mut grown = Vec::new();
        let (before, after) = self.anonymous_kib;
        if after.median > before.median + ALLOWED_KIB {
            grown.push(format!(
                "{}: anonymous memory went from {} to {} KiB, {ALLOWED_KIB} KiB more are allowed",
                self.name, before.median, after.median
            ));
        }
        for (what, (before, after)) in [("descriptors", self.descriptors), ("threads", self.threads)] {
            if after.least > before.least {
                grown.push(format!(
                    "{}: {what} went from {} to {}",
                    self.name, before.least, after.least
                ));
            }
        }
        grown
    }
}

/// The result of a soak test.
#[derive(Clone, Debug)]
pub struct Outcome {
    title: String,
    /// Duration of the traffic.
    pub time: Duration,
    /// Connections opened, as counted by the traffic itself.
    pub opened: u64,
    /// Resource use of each process.
    pub usage: Vec<Usage>,
    notes: Vec<String>,
    complaints: Vec<String>,
}

impl Outcome {
    pub(crate) fn new(title: String, time: Duration, opened: u64, usage: Vec<Usage>) -> Self {
        let complaints = usage.iter().flat_map(Usage::growth).collect();
        Self {
            title,
            time,
            opened,
            usage,
            notes: Vec::new(),
            complaints,
        }
    }

    /// Everything that is wrong; empty if the test passed.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    pub(crate) fn expect(&mut self, holds: bool, complaint: &str) {
        if !holds {
            self.complaints.push(complaint.to_owned());
        }
    }

    /// Checks that an answer matches the connections opened, of which `open_now` are still open, and that it
    /// lost exactly `peers_dropped` peers and nothing else.
    pub(crate) fn counted(&mut self, name: &str, answer: &Value, open_now: u64, peers_dropped: u64) {
        let accounting = &answer["accounting"];
        for (what, wanted) in [
            ("seeded", 0),
            ("opened", self.opened),
            ("closed", self.opened - open_now),
            ("open_now", open_now),
            ("drift", 0),
            ("events_lost", 0),
            ("connections_dropped", 0),
            ("peers_dropped", peers_dropped),
        ] {
            let counted = &accounting[what];
            self.expect(
                *counted == wanted,
                &format!("{name}: {what} is {counted}, expected {wanted}"),
            );
        }
        self.note(&format!(
            "{name}: opened {}, drift {}, events lost {}, peers without room {}",
            accounting["opened"], accounting["drift"], accounting["events_lost"], accounting["peers_dropped"]
        ));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; first third after the warm-up -> last third", self.title)?;
        writeln!(
            f,
            "{:<20} {:>20} {:>16} {:>12} {:>8}",
            "", "anonymous KiB", "descriptors", "threads", "CPU"
        )?;
        for usage in &self.usage {
            let text = |(before, after): (Range, Range), of: fn(Range) -> u64| {
                format!("{} -> {}", of(before), of(after))
            };
            writeln!(
                f,
                "{:<20} {:>20} {:>16} {:>12} {:>7.1}%",
                usage.name,
                text(usage.anonymous_kib, |range| range.median),
                text(usage.descriptors, |range| range.least),
                text(usage.threads, |range| range.least),
                usage.cpu * 100.0
            )?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for complaint in &self.complaints {
            writeln!(f, "WRONG {complaint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(memory: u64, descriptors: u64) -> Usage {
        let range = |n: u64| Range::of([n, n + 2, n + 1].into_iter());
        Usage {
            name: "top",
            anonymous_kib: (range(5000), range(memory)),
            descriptors: (range(20), range(descriptors)),
            threads: (range(3), range(3)),
            cpu: 0.1,
        }
    }

    #[test]
    fn growth_beyond_the_allowance_is_a_complaint() {
        assert!(usage(5000 + ALLOWED_KIB, 20).growth().is_empty());
        assert_eq!(usage(5001 + ALLOWED_KIB, 20).growth().len(), 1);
        assert_eq!(usage(100, 21).growth(), ["top: descriptors went from 20 to 21"]);
    }

    #[test]
    fn a_count_that_is_not_the_traffics_is_a_complaint() {
        let answer = |opened: u64| {
            serde_json::json!({"accounting": {"seeded": 0, "opened": opened, "closed": 7, "open_now": 0,
                "drift": 0, "events_lost": 0, "connections_dropped": 0, "peers_dropped": 0}})
        };
        let mut outcome = Outcome::new(String::new(), Duration::ZERO, 7, Vec::new());
        outcome.counted("record", &answer(7), 0, 0);
        assert!(outcome.complaints().is_empty());
        outcome.counted("record", &answer(6), 0, 0);
        assert_eq!(outcome.complaints(), ["record: opened is 6, expected 7"]);
    }
}
