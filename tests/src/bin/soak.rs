//! A soak test: hours of work condensed into minutes. `tcpreuse-soak [--minutes N]`.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
    time::Duration,
};

use tcpreuse_tests::soak;

const USAGE: &str = "\
usage: tcpreuse-soak [--minutes N]

Runs record, top and diagnose side by side over traffic that never stops, for N minutes (default: 20). Checks
that memory, descriptors and threads do not grow and that every count is right. Needs root. Exit codes: 0 all
checks passed, 1 a check failed, 2 wrong usage, 3 cannot run here.
";

const WRONG: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

/// Default duration, and the longest allowed one: a day.
const MINUTES: u64 = 20;
const MAX_MINUTES: u64 = 24 * 60;

fn minutes(mut words: impl Iterator<Item = String>) -> Result<u64, String> {
    let minutes = match words.next().as_deref() {
        None => return Ok(MINUTES),
        Some("--minutes") => words.next().ok_or("--minutes needs a number")?,
        Some(word) => return Err(format!("unknown argument {word}")),
    };
    if let Some(word) = words.next() {
        return Err(format!("unexpected argument {word}"));
    }
    let number = minutes.parse().ok();
    number
        .filter(|minutes| (1..=MAX_MINUTES).contains(minutes))
        .ok_or_else(|| format!("--minutes takes a number from 1 to {MAX_MINUTES}, not {minutes}"))
}

fn main() -> ExitCode {
    let minutes = match minutes(std::env::args().skip(1)) {
        Ok(minutes) => minutes,
        Err(error) => {
            say(&format!("tcpreuse-soak: {error}\n\n{USAGE}"));
            return ExitCode::from(BAD_USAGE);
        }
    };
    if !rustix::process::geteuid().is_root() {
        say("tcpreuse-soak: needs root");
        return ExitCode::from(CANNOT_RUN);
    }
    say(&format!("soaking for {minutes} minutes"));
    let outcome = soak::run_for(Duration::from_secs(60 * minutes));
    // A closed pipe is not an error.
    let _ = write!(stdout(), "{outcome}");
    if outcome.complaints().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WRONG)
    }
}

fn say(text: &str) {
    let _ = writeln!(stderr(), "{}", text.trim_end());
}
