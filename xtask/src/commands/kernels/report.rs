//! What came of the tests: read from a guest line by line, and shown as a table.

use std::fmt::Write;

use crate::commands::tally::Tally;

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Pass,
    Fail(String),
    Skip(String),
}

/// A line of a guest's report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Start(&'a str),
    /// What a test that failed had said.
    Out(&'a str),
    /// A figure that a test tells: its name and its value.
    Note(&'a str, &'a str),
    Ended {
        test: &'a str,
        seconds: &'a str,
        outcome: Outcome,
    },
    Done,
}

impl<'a> Line<'a> {
    /// Nothing for what is no line of a report.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let line = line.trim_end();
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "start" => Some(Self::Start(rest)),
            "out" => Some(Self::Out(rest)),
            "note" => rest
                .split_once(' ')?
                .1
                .split_once(": ")
                .map(|(name, value)| Self::Note(name, value)),
            "done" => Some(Self::Done),
            "pass" | "fail" | "skip" => {
                let mut words = rest.splitn(3, ' ');
                let (test, seconds) = (words.next()?, words.next()?);
                let reason = words.next().unwrap_or_default().to_owned();
                let outcome = match kind {
                    "pass" => Outcome::Pass,
                    "skip" => Outcome::Skip(reason),
                    _ => Outcome::Fail(reason),
                };
                Some(Self::Ended {
                    test,
                    seconds,
                    outcome,
                })
            }
            _ => None,
        }
    }
}

/// One kernel and how the tests went on it.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The kernel, as `uname -r` says it.
    pub(super) kernel: String,
    /// Test and outcome.
    pub(super) outcomes: Vec<(String, Outcome)>,
    /// Figures by name.
    pub(super) notes: Vec<(String, String)>,
}

impl Column {
    /// Every test of the plan gets an outcome: what has none did not come to its turn.
    pub(super) fn fill(&mut self, tests: &[String], outcome: &Outcome) {
        for test in tests {
            if self.outcome(test).is_none() {
                self.outcomes.push((test.clone(), outcome.clone()));
            }
        }
    }

    fn outcome(&self, test: &str) -> Option<&Outcome> {
        self.outcomes
            .iter()
            .find(|(name, _)| name == test)
            .map(|(_, outcome)| outcome)
    }

    fn note(&self, name: &str) -> Option<&str> {
        self.notes
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    /// Why tests failed or were skipped, a line for each reason.
    fn reasons(&self, text: &mut String) {
        let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for (test, outcome) in &self.outcomes {
            let (word, reason) = match outcome {
                Outcome::Pass => continue,
                Outcome::Fail(reason) => ("FAIL", reason),
                Outcome::Skip(reason) => ("SKIP", reason),
            };
            match reasons
                .iter_mut()
                .find(|(its, because, _)| (*its, *because) == (word, reason))
            {
                Some((_, _, tests)) => tests.push(test),
                None => reasons.push((word, reason, vec![test])),
            }
        }
        for (word, reason, tests) in reasons {
            let tests = match tests.as_slice() {
                [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
                all => all.join(", "),
            };
            // Writing to a String does not fail.
            let _ = writeln!(text, "{word} {} {tests}: {reason}", self.kernel);
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (_, outcome) in &self.outcomes {
            match outcome {
                Outcome::Pass => tally.passed += 1,
                Outcome::Fail(_) => tally.failed += 1,
                Outcome::Skip(_) => tally.skipped += 1,
            }
        }
        tally
    }
}

/// Tests by kernels, then the figures likewise, then the reasons.
pub(super) fn table(tests: &[String], columns: &[Column]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in columns.iter().flat_map(|column| &column.notes) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let tests_part = tests.iter().map(|test| {
        let cells = columns.iter().map(|column| match column.outcome(test) {
            Some(Outcome::Pass) => "pass",
            Some(Outcome::Fail(_)) => "FAIL",
            Some(Outcome::Skip(_)) => "skip",
            None => "-",
        });
        (test.as_str(), cells.collect::<Vec<_>>())
    });
    let notes_part = names.iter().map(|name| {
        let cells = columns.iter().map(|column| column.note(name).unwrap_or("-"));
        (*name, cells.collect::<Vec<_>>())
    });
    let rows: Vec<(&str, Vec<&str>)> = tests_part.chain(notes_part).collect();
    let first = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    let heads = columns.iter().map(|column| column.kernel.as_str()).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            let cells = rows.iter().map(|(_, cells)| cells).chain([&heads]);
            let lengths = cells.filter_map(|cells| Some(cells.get(index)?.chars().count()));
            lengths.max().unwrap_or_default()
        })
        .collect();
    for (name, cells) in [("", heads.clone())].into_iter().chain(rows) {
        let mut line = format!("{name:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            // Writing to a String does not fail.
            let _ = write!(line, "  {cell:width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    columns.iter().for_each(|column| column.reasons(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_guest_are_read() {
        assert_eq!(Line::read("start a::b\r\n"), Some(Line::Start("a::b")));
        assert_eq!(
            Line::read("note a::b verified x: 12"),
            Some(Line::Note("verified x", "12"))
        );
        let ended = |outcome| {
            Some(Line::Ended {
                test: "a::b",
                seconds: "1.5",
                outcome,
            })
        };
        assert_eq!(Line::read("pass a::b 1.5"), ended(Outcome::Pass));
        assert_eq!(
            Line::read("skip a::b 1.5 no such thing"),
            ended(Outcome::Skip("no such thing".into()))
        );
        assert_eq!(Line::read("[    0.1] a line of the kernel"), None);
    }

    #[test]
    fn a_test_without_an_outcome_is_no_pass() {
        let tests = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        let mut column = Column {
            kernel: "6.1.0".to_owned(),
            outcomes: vec![
                ("one".to_owned(), Outcome::Pass),
                ("three".to_owned(), Outcome::Skip("no bash".to_owned())),
            ],
            notes: vec![("verified".to_owned(), "12".to_owned())],
        };
        column.fill(&tests, &Outcome::Fail("the guest stopped".to_owned()));
        let tally = column.tally();
        assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 1, 1));
        assert_eq!(
            table(&tests, &[column]),
            "          6.1.0\n\
             one       pass\n\
             two       FAIL\n\
             three     skip\n\
             verified  12\n\
             SKIP 6.1.0 three: no bash\n\
             FAIL 6.1.0 two: the guest stopped\n"
        );
    }
}
