//! A month of strangers condensed into minutes. `tcpreuse-month [--strangers N]`.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use tcpreuse_tests::month::{self, Plan};

const USAGE: &str = "\
usage: tcpreuse-month [--strangers N]

Records N peers that come once (default: a million, in some six minutes) beside some that stay, with far fewer slots
than peers. Checks that the verdicts on those that stay never change, that every total is what the traffic did, and
that nothing grows. Needs root. Exit codes: 0 all checks passed, 1 a check failed, 2 wrong usage, 3 cannot run here.
";

const WRONG: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

/// The addresses that there are for strangers.
const MOST: u32 = 1_000_000;

fn strangers(mut words: impl Iterator<Item = String>) -> Result<u32, String> {
    let number = match words.next().as_deref() {
        None => return Ok(Plan::WHOLE.strangers),
        Some("--strangers") => words.next().ok_or("--strangers needs a number")?,
        Some(word) => return Err(format!("unknown argument {word}")),
    };
    if let Some(word) = words.next() {
        return Err(format!("unexpected argument {word}"));
    }
    let least = Plan::WHOLE.slots;
    let parsed = number.parse().ok();
    parsed
        .filter(|strangers| (least..=MOST).contains(strangers))
        .ok_or_else(|| format!("--strangers takes a number from {least} to {MOST}, not {number}"))
}

fn main() -> ExitCode {
    let strangers = match strangers(std::env::args().skip(1)) {
        Ok(strangers) => strangers,
        Err(error) => {
            say(&format!("tcpreuse-month: {error}\n\n{USAGE}"));
            return ExitCode::from(BAD_USAGE);
        }
    };
    if !rustix::process::geteuid().is_root() {
        say("tcpreuse-month: needs root");
        return ExitCode::from(CANNOT_RUN);
    }
    let plan = Plan {
        strangers,
        ..Plan::WHOLE
    };
    say(&plan.to_string());
    let outcome = month::run(plan);
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
