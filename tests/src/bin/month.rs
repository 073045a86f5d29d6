//! A month of strangers condensed into minutes. `tcpreuse-month [--strangers N]`.

use std::process::ExitCode;

use tcpreuse_tests::{
    long::{Long, say},
    month::{self, Plan},
};

const USAGE: &str = "\
usage: tcpreuse-month [--strangers N]

Records N peers that come once (default: a million, in some six minutes) beside some that stay, with far fewer slots
than peers. Checks that the verdicts on those that stay never change, that every total is what the traffic did, and
that nothing grows. Needs root. Exit codes: 0 all checks passed, 1 a check failed, 2 wrong usage, 3 cannot run here.
";

/// The addresses that there are for strangers.
const MOST: u32 = 1_000_000;

fn main() -> ExitCode {
    let command = Long {
        name: "tcpreuse-month",
        usage: USAGE,
        flag: "--strangers",
        default: Plan::WHOLE.strangers.into(),
        range: Plan::WHOLE.slots.into()..=MOST.into(),
    };
    command.run(|strangers| {
        let plan = Plan {
            strangers: u32::try_from(strangers).unwrap_or(MOST),
            ..Plan::WHOLE
        };
        say(&plan.to_string());
        month::run(plan)
    })
}
