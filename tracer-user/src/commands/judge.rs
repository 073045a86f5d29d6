//! `tcpreuse judge`: figures in, verdicts out, line by line.

use std::{
    fs,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
};

use serde_json::{Map, Value};

use crate::{
    cli::Judge,
    config,
    diagnosis::{
        Options,
        line::{Learner, LineJudge, Populations},
        thresholds::Thresholds,
        words,
    },
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    text::sanitise,
};

/// Maximum length of a line, bytes. Figures with all buckets take some 4 KiB.
const MAX_LINE: u64 = 1 << 20;

/// How many invalid lines are told of one by one.
const MAX_TOLD: u64 = 1000;

/// Runs the command.
///
/// # Errors
/// If settings or populations are invalid, a line was, or the output cannot be written.
pub fn run(args: &Judge) -> Result<Outcome, Failure> {
    let options = Options {
        thresholds: config::of_recording(&args.settings, Thresholds::DEFAULT)?,
        ..args.usual.options()
    };
    let populations = match &args.population {
        Some(path) => populations(path)?,
        None => Populations::default(),
    };
    super::give_up_privileges(&Role::Reading { files: Vec::new() });
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut told = Told::default();
    if args.learn {
        let mut learner = Learner::new(options);
        each_line(&mut input, |line| {
            let learned = line.and_then(|line| learner.add(line));
            told.line(learned.err());
            Ok(())
        })?;
        for population in learner.populations() {
            serde_json::to_writer(&mut out, &population).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    } else {
        let mut judge = LineJudge::new(options, populations);
        each_line(&mut input, |line| {
            let (answer, wrong) = match line {
                Ok(line) => judge.judge(line),
                Err(what) => (
                    Map::from_iter([("error".to_owned(), Value::from(what.clone()))]),
                    Some(what),
                ),
            };
            told.line(wrong);
            serde_json::to_writer(&mut out, &answer)?;
            out.write_all(b"\n")
        })?;
    }
    out.flush()?;
    told.end()
}

fn populations(path: &Path) -> Result<Populations, Failure> {
    let shown = sanitise(&path.to_string_lossy());
    let wrong = |what: String| Failure::Usage(format!("{shown}: {what}"));
    let file = fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut populations = Populations::default();
    let mut number = 0_u64;
    let mut first = None;
    each_line(&mut BufReader::new(file), |line| {
        number += 1;
        if let Err(what) = line.and_then(|line| populations.add(line)) {
            first.get_or_insert(format!("line {number}: {what}"));
        }
        Ok(())
    })
    .map_err(|error| wrong(error.to_string()))?;
    match first {
        Some(what) => Err(wrong(sanitise(&what))),
        None => Ok(populations),
    }
}

/// The lines that were invalid.
#[derive(Default)]
struct Told {
    lines: u64,
    invalid: u64,
}

impl Told {
    /// Counts a line, and says what is wrong with it.
    fn line(&mut self, wrong: Option<String>) {
        self.lines += 1;
        if let Some(what) = wrong {
            self.invalid += 1;
            if self.invalid <= MAX_TOLD {
                // Nobody may be there to read it.
                let _ = writeln!(io::stderr(), "tcpreuse: line {}: {}", self.lines, sanitise(&what));
            }
        }
    }

    fn end(&self) -> Result<Outcome, Failure> {
        match self.invalid {
            0 => Ok(Outcome::Done),
            invalid => Err(Failure::Usage(format!(
                "{} of {} could not be judged; the others were",
                words::number(invalid),
                words::count(self.lines, "line", "lines")
            ))),
        }
    }
}

/// Hands over each line without its end. Of one that is too long, or cannot be read as a whole, what is
/// wrong.
fn each_line(
    input: &mut impl BufRead,
    mut each: impl FnMut(Result<&[u8], String>) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let is_whole = line.last() == Some(&b'\n');
        if !is_whole && line.len() as u64 > MAX_LINE {
            input.skip_until(b'\n')?;
            each(Err(format!("is longer than {MAX_LINE} bytes")))?;
            continue;
        }
        if is_whole {
            line.pop();
        }
        each(Ok(&line))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Result<usize, String>> {
        let mut found = Vec::new();
        each_line(&mut BufReader::with_capacity(7, input), |line| {
            found.push(line.map(<[u8]>::len));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn each_line_is_handed_over_once_and_none_takes_more_than_its_room() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [Ok(0)]);
        assert_eq!(lines(b"abc\n\nde"), [Ok(3), Ok(0), Ok(2)]);
        let room = usize::try_from(MAX_LINE).unwrap();
        let mut long = vec![b'x'; room];
        long.push(b'\n');
        assert_eq!(lines(&long), [Ok(room)]);
        let mut longer = vec![b'x'; 3 * room];
        longer.extend(b"\nabc\n");
        let found = lines(&longer);
        assert!(found[0].is_err(), "{found:?}");
        assert_eq!(found[1..], [Ok(3)]);
    }
}
