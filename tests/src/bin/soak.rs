//! A soak test: hours of work condensed into minutes. `tcpreuse-soak [--minutes N]`.

use std::{process::ExitCode, time::Duration};

use tcpreuse_tests::{
    long::{Long, say},
    soak,
};

const USAGE: &str = "\
usage: tcpreuse-soak [--minutes N]

Runs record, top and diagnose side by side over traffic that never stops, for N minutes (default: 20). Checks
that memory, descriptors and threads do not grow and that every count is right. Needs root. Exit codes: 0 all
checks passed, 1 a check failed, 2 wrong usage, 3 cannot run here.
";

/// Default duration, and the longest allowed one: a day.
const MINUTES: u64 = 20;
const MAX_MINUTES: u64 = 24 * 60;

fn main() -> ExitCode {
    let command = Long {
        name: "tcpreuse-soak",
        usage: USAGE,
        flag: "--minutes",
        default: MINUTES,
        range: 1..=MAX_MINUTES,
    };
    command.run(|minutes| {
        say(&format!("soaking for {minutes} minutes"));
        soak::run_for(Duration::from_secs(60 * minutes))
    })
}
