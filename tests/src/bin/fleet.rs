//! A fleet of hosts behind a balancer, judged by several engines.
#![expect(clippy::expect_used, reason = "test support: a failure must end the process")]

use std::{
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::Duration,
};

use tcpreuse_tests::{
    bench::{machine::Machine, table::Table},
    fleet::{self, Recorded, engines, engines::Engines, scale},
    long::say,
};

const USAGE: &str = "\
usage: tcpreuse-fleet --python PATH [--hosts N] [--seconds N] [--keep DIR] [--markdown]
       tcpreuse-fleet --python PATH --scale N[,N...] [--markdown]

Records N hosts (default: 4) behind HAProxy for a minute or --seconds, and judges their clients over all of them: in
plain Rust, with DuckDB and on a Spark cluster of two workers. All have to agree with each other and with the clients'
log.

With --scale, measures DuckDB and Spark instead, on N million rows that are made up.

  --python PATH  a Python that has duckdb and pyspark
  --keep DIR     leave recordings, exports and verdicts in DIR
  --markdown     print the table as Markdown

Needs root. Exit codes: 0 all agree, 1 somebody does not, 2 wrong usage, 3 cannot run here.
";

const WRONG: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

#[derive(Debug)]
struct Args {
    python: Option<PathBuf>,
    keep: Option<PathBuf>,
    hosts: u8,
    seconds: u64,
    markdown: bool,
    /// Millions of rows.
    scale: Vec<u64>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        python: None,
        keep: None,
        hosts: 4,
        seconds: 60,
        markdown: false,
        scale: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            // Spark's workers are elsewhere.
            "--python" => args.python = std::path::absolute(value()?).ok(),
            "--keep" => args.keep = Some(value()?.into()),
            "--hosts" => args.hosts = number(&word, &value()?, 4, 50)?,
            "--seconds" => args.seconds = number(&word, &value()?, 30, 300)?,
            "--scale" => {
                let numbers = value()?;
                let numbers = numbers.split(',').map(|one| number("--scale", one, 1, 1000));
                args.scale = numbers.collect::<Result<_, _>>()?;
            }
            "--markdown" => args.markdown = true,
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(args)
}

fn number<T>(name: &str, word: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = word.parse().ok();
    number
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("{name} takes a number from {least} to {most}, not {word}"))
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            say(&format!("tcpreuse-fleet: {error}\n\n{USAGE}"));
            return ExitCode::from(BAD_USAGE);
        }
    };
    if !rustix::process::geteuid().is_root() {
        say("tcpreuse-fleet: needs root");
        return ExitCode::from(CANNOT_RUN);
    }
    let Some(python) = args.python.clone() else {
        say("tcpreuse-fleet: --python is missing; `cargo xtask fleet` gives it");
        return ExitCode::from(BAD_USAGE);
    };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = args.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder).expect("a folder");
    let machine = Machine::this();
    if !args.scale.is_empty() {
        let table = Table {
            title: format!("100 hosts; {}.", machine.in_words()),
            ..scale::measure(&python, &folder, &args.scale, say)
        };
        show(&table, args.markdown);
        return ExitCode::SUCCESS;
    }
    let recorded = record(&args, &folder);
    let alone = engines::alone(&recorded);
    let engines = Engines {
        python: &python,
        folder: &folder,
    };
    let answers = engines.ask(&recorded, say);
    let compared = recorded.compare(&answers, &alone);
    let agree = match compared.complaints.len() {
        0 => "All agree with each other and with the clients' log, client by client.".to_owned(),
        n => format!("{n} differences."),
    };
    let clients = recorded.log.len();
    let table = Table {
        title: format!(
            "{clients} clients of {} hosts over {} s; {}. {agree}",
            args.hosts,
            args.seconds,
            machine.in_words()
        ),
        ..compared.table
    };
    show(&table, args.markdown);
    for complaint in &compared.complaints {
        say(&format!("WRONG {complaint}"));
    }
    match compared.complaints.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(WRONG),
    }
}

fn show(table: &Table, markdown: bool) {
    // A closed pipe is not an error.
    let _ = match markdown {
        true => writeln!(stdout(), "{}", table.markdown()),
        false => writeln!(stdout(), "{}", table.text()),
    };
}

/// Records in a thread of its own, since that moves to other network namespaces.
fn record(args: &Args, folder: &std::path::Path) -> Recorded {
    say(&format!("recording {} hosts for {} s", args.hosts, args.seconds));
    let (hosts, time, folder) = (args.hosts, Duration::from_secs(args.seconds), folder.to_owned());
    let thread = thread::spawn(move || fleet::record(hosts, time, &folder));
    thread.join().expect("a fleet")
}
