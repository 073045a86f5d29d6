//! What the commands have in common that check for long and take one number.

use std::{
    io::{Write, stderr, stdout},
    ops::RangeInclusive,
    process::ExitCode,
};

use crate::soak::Outcome;

const WRONG: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

/// Such a command.
#[derive(Debug)]
pub struct Long {
    /// Its name.
    pub name: &'static str,
    /// How it is used, with the exit codes.
    pub usage: &'static str,
    /// The flag that the number follows.
    pub flag: &'static str,
    /// The number without the flag.
    pub default: u64,
    /// The numbers that it takes.
    pub range: RangeInclusive<u64>,
}

impl Long {
    /// Reads the program's arguments, checks as long as it takes, and prints what came of it.
    pub fn run(&self, check: impl FnOnce(u64) -> Outcome) -> ExitCode {
        let (name, usage) = (self.name, self.usage);
        let number = match self.number(std::env::args().skip(1)) {
            Ok(number) => number,
            Err(error) => {
                say(&format!("{name}: {error}\n\n{usage}"));
                return ExitCode::from(BAD_USAGE);
            }
        };
        if !rustix::process::geteuid().is_root() {
            say(&format!("{name}: needs root"));
            return ExitCode::from(CANNOT_RUN);
        }
        let outcome = check(number);
        // A closed pipe is not an error.
        let _ = write!(stdout(), "{outcome}");
        if outcome.complaints().is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(WRONG)
        }
    }

    fn number(&self, mut words: impl Iterator<Item = String>) -> Result<u64, String> {
        let flag = self.flag;
        let number = match words.next() {
            None => return Ok(self.default),
            Some(word) if word == flag => words.next().ok_or_else(|| format!("{flag} needs a number"))?,
            Some(word) => return Err(format!("unknown argument {word}")),
        };
        if let Some(word) = words.next() {
            return Err(format!("unexpected argument {word}"));
        }
        let parsed = number.parse().ok();
        parsed
            .filter(|number| self.range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (self.range.start(), self.range.end());
                format!("{flag} takes a number from {least} to {most}, not {number}")
            })
    }
}

/// Prints a line of progress or an error. A closed pipe is none.
pub fn say(text: &str) {
    let _ = writeln!(stderr(), "{}", text.trim_end());
}
