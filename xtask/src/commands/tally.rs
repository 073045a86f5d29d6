//! Counting tests from what `cargo test` prints.

use std::{fmt, ops::Add};

/// How the tests went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// Takes in a line of output; only the summary of a test binary counts.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .trim()
            .strip_prefix("test result: ")
            .and_then(|line| line.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }

    /// Takes in tests that found that they cannot run here: for cargo they have passed.
    #[must_use]
    pub(crate) fn with_skips(self, count: u64) -> Self {
        Self {
            passed: self.passed.saturating_sub(count),
            skipped: self.skipped + count,
            ..self
        }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tests: {} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_summaries() {
        let mut tally = Tally::default();
        for line in [
            "running 12 tests",
            "test model::windows::merges ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n",
            "",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.50s",
        ] {
            tally.read(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 15,
                failed: 2,
                skipped: 1
            }
        );
        assert_eq!(tally.to_string(), "tests: 15 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_skip_is_no_pass() {
        let tally = Tally {
            passed: 5,
            failed: 1,
            skipped: 1,
        }
        .with_skips(3);
        assert_eq!(
            tally,
            Tally {
                passed: 2,
                failed: 1,
                skipped: 4
            }
        );
    }

    #[test]
    fn other_lines_do_not_count() {
        let mut tally = Tally::default();
        tally.read("the test result: ok. 12 passed; 0 failed");
        tally.read("test result: ok");
        tally.read("test result: ok. many passed; 0 failed");
        assert_eq!(tally, Tally::default());
    }
}
