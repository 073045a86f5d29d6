//! Runs scenarios one after another and reports how often each verdict was right.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use tcpreuse_tests::scenarios::{Scenario, list, run, table};

const USAGE: &str = "\
usage: tcpreuse-scenarios [--rounds N] [--figures] [--list] [NAME...]

Runs the named scenarios, or all of them. Prints the confusion matrix of the verdicts, the time until each
verdict was right, the time until a change was noticed, the share of right verdicts by confidence, and with
--figures everything that was counted. Needs root. Exit codes: 0 all verdicts were right, 1 a verdict was
wrong, 2 wrong usage, 3 a scenario cannot run here.
";

const WRONG: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

struct Args {
    rounds: u32,
    figures: bool,
    list: bool,
    names: Vec<String>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        rounds: 1,
        figures: false,
        list: false,
        names: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => {
                let number = words.next().ok_or("--rounds needs a number")?;
                args.rounds = number
                    .parse()
                    .map_err(|error| format!("--rounds {number}: {error}"))?;
            }
            "--figures" => args.figures = true,
            "--list" => args.list = true,
            _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
            _ => args.names.push(word),
        }
    }
    Ok(args)
}

fn chosen(names: &[String]) -> Result<Vec<Scenario>, String> {
    if names.is_empty() {
        return Ok(list::all());
    }
    let found = names
        .iter()
        .map(|name| list::named(name).ok_or_else(|| format!("there is no scenario {name}; see --list")));
    found.collect()
}

fn main() -> ExitCode {
    let usage = |error: String| {
        say(&format!("tcpreuse-scenarios: {error}\n\n{USAGE}"));
        ExitCode::from(BAD_USAGE)
    };
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => return usage(error),
    };
    let scenarios = match chosen(&args.names) {
        Ok(scenarios) => scenarios,
        Err(error) => return usage(error),
    };
    if args.list {
        for scenario in &scenarios {
            show(scenario.name);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = scenarios.iter().find_map(run::obstacle) {
        say(&format!("tcpreuse-scenarios: {reason}"));
        return ExitCode::from(CANNOT_RUN);
    }
    judge(&scenarios, &args)
}

fn judge(scenarios: &[Scenario], args: &Args) -> ExitCode {
    let mut outcomes = Vec::new();
    for round in 1..=args.rounds {
        for scenario in scenarios {
            say(&format!(
                "round {round} of {}: {}, {} s",
                args.rounds,
                scenario.name,
                scenario.length().as_secs()
            ));
            let outcome = run::run(scenario);
            if args.figures {
                show(&table::figures(&outcome));
            }
            outcomes.push(outcome);
        }
    }
    show(&table::matrix(&outcomes));
    show(&table::speed(&outcomes));
    show(&table::changes(&outcomes));
    show(&table::calibration(&outcomes));
    let complaints: Vec<String> = outcomes.iter().flat_map(|outcome| outcome.complaints()).collect();
    for complaint in &complaints {
        show(&format!("WRONG {complaint}"));
    }
    if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WRONG)
    }
}

/// Prints a result to stdout. A closed pipe is not an error.
fn show(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// Prints progress and errors to stderr.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{}", text.trim_end());
}
