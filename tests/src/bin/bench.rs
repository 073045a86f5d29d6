//! Measures the cost of tcpreuse next to that of other tools and checks it against the budgets.

use std::{
    fs,
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use tcpreuse_tests::bench::{
    budget::{self, Verdict},
    holder, json,
    parts::{Extent, Part, run},
    report::Report,
    table::Table,
    tables,
};

const USAGE: &str = "\
usage: tcpreuse-bench [--rounds N] [--peers N] [--quick] [--markdown] [--json FILE] [--empty-object FILE] [PART...]

Runs the named parts, or all of them: overhead, reads, crowd, served, serve, attach, peers, sockets, recordings, report,
long, hosts, view.

  --rounds N           rounds of the first four parts (default: 7, or 1 with --quick)
  --peers N            clients in them (default: 200)
  --quick              measure less of everything, within about a minute
  --markdown           print one Markdown table for a README
  --json FILE          also write all figures to FILE
  --empty-object FILE  BPF object with an empty program to compare with

Needs root. Exit codes: 0 no budget was missed, 1 a budget was missed, 2 wrong usage, 3 cannot run here.
";

const MISSED: u8 = 1;
const BAD_USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;

#[derive(Debug, Default)]
struct Args {
    rounds: Option<u32>,
    peers: Option<u32>,
    quick: bool,
    markdown: bool,
    help: bool,
    /// Only for the process that runs [`holder`]: first client and number of connections.
    hold: Option<(u32, u32)>,
    json: Option<PathBuf>,
    empty: Option<PathBuf>,
    parts: Vec<Part>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--rounds" => args.rounds = Some(positive(&word, &value()?, 1000)?),
            "--peers" => args.peers = Some(positive(&word, &value()?, 16_000)?),
            "--json" => args.json = Some(value()?.into()),
            "--empty-object" => args.empty = Some(value()?.into()),
            holder::ARGUMENT => {
                let mut number = || value().and_then(|word| word.parse().map_err(|_| USAGE.to_owned()));
                args.hold = Some((number()?, number()?));
            }
            "--quick" => args.quick = true,
            "--markdown" => args.markdown = true,
            "--help" | "-h" => args.help = true,
            _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
            _ => {
                let part = Part::named(&word).ok_or_else(|| format!("there is no part {word}"))?;
                args.parts.push(part);
            }
        }
    }
    Ok(args)
}

fn positive(name: &str, word: &str, most: u32) -> Result<u32, String> {
    match word.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("{name} {word}: needs a number from 1 to {most}")),
    }
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            say(&format!("tcpreuse-bench: {error}\n\n{USAGE}"));
            return ExitCode::from(BAD_USAGE);
        }
    };
    if args.help {
        show(USAGE);
        return ExitCode::SUCCESS;
    }
    if !rustix::process::geteuid().is_root() {
        say("tcpreuse-bench: tracing takes root; run `cargo xtask bench`");
        return ExitCode::from(CANNOT_RUN);
    }
    if let Some((first, connections)) = args.hold {
        holder::serve(first, connections);
        return ExitCode::SUCCESS;
    }
    measure(&args)
}

fn measure(args: &Args) -> ExitCode {
    // Next to the binary, because `/tmp` may be in memory and a real recording is on disk.
    let place = std::env::current_exe().ok();
    let place = place.as_deref().and_then(|path| path.parent());
    let scratch = match tempfile::tempdir_in(place.unwrap_or(&std::env::temp_dir())) {
        Ok(scratch) => scratch,
        Err(error) => {
            say(&format!(
                "tcpreuse-bench: cannot make a folder for recordings: {error}"
            ));
            return ExitCode::from(CANNOT_RUN);
        }
    };
    let parts = match args.parts.as_slice() {
        [] => &Part::ALL,
        some => some,
    };
    let extent = Extent {
        rounds: args.rounds.unwrap_or(if args.quick { 1 } else { 7 }),
        peers: args.peers.unwrap_or(200),
        quick: args.quick,
        empty: args.empty.clone(),
        scratch: scratch.path().to_owned(),
    };
    let begun = Instant::now();
    let report = run(parts, &extent, &|text| {
        say(&format!("bench, {:>3} s: {text}", begun.elapsed().as_secs()));
    });
    print(&report, args.markdown);
    if let Some(path) = &args.json
        && let Err(error) = write(path, &report)
    {
        say(&format!("tcpreuse-bench: {}: {error}", path.display()));
        return ExitCode::from(CANNOT_RUN);
    }
    let missed = budget::all(&report)
        .iter()
        .any(|budget| budget.verdict == Verdict::Missed);
    ExitCode::from(if missed { MISSED } else { 0 })
}

fn print(report: &Report, markdown: bool) {
    let mut words = format!("Measured on {}.", report.machine.in_words());
    if report.machine.is_busy() {
        words.push_str(" The machine was busy with other work, so speeds are less reliable.");
    }
    let tables = match markdown {
        true => tables::summary(report).markdown(),
        false => tables::all(report)
            .iter()
            .map(Table::text)
            .collect::<Vec<_>>()
            .join("\n"),
    };
    show(&format!("{words}\n\n{tables}"));
}

fn write(path: &PathBuf, report: &Report) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, format!("{:#}\n", json::of(report)))
}

/// Prints a result to stdout. A closed pipe is not an error.
fn show(text: &str) {
    let _ = write!(stdout(), "{text}");
}

/// Prints progress and errors to stderr.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{}", text.trim_end());
}
