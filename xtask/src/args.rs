//! The command line of `cargo xtask`.

use std::{ffi::OsString, fmt::Write};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::Command, value_parser};

use crate::commands::fuzz::Fuzz;

/// Builds, runs, tests, measures and releases tcpreuse
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "\
Times are those of 2 CPUs once everything is built; the first build takes some minutes more.

TCPREUSE_BPF_TOOLCHAIN names the rustup toolchain for the BPF half (default: nightly). If that cannot be
used, the distribution's compiler is: see `cargo xtask setup`.

Exit codes: 0 done, 1 failed, 2 bad usage, 3 something has to be installed first. `demo`, `scenarios`,
`bench`, `soak`, `month`, `fleet` and `test` pass on the code of what they run. What traces runs through sudo if
need be."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// The commands under their headings in the help.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Use",
        &["setup", "build", "build-ebpf", "demo", "picture", "docs"],
    ),
    (
        "Test",
        &[
            "lint",
            "test",
            "fuzz",
            "scenarios",
            "kernels",
            "soak",
            "month",
            "fleet",
            "sanitize",
            "miri",
        ],
    ),
    ("Measure", &["bench"]),
    ("Release", &["dist"]),
];

/// One command with what it was given.
///
/// Those whose arguments go to another program leave `--help` to that program as well.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Task {
    /// Find or install what the BPF half is built with (seconds; minutes if a linker has to be compiled)
    Setup(Purpose),
    /// Build the tcpreuse binary (minutes after a change)
    Build {
        /// Without optimisation, which is quicker
        #[arg(long)]
        debug: bool,
    },
    /// Build the BPF object alone (10 s)
    BuildEbpf,
    /// Run `tcpreuse demo ARG...` (20 s)
    #[command(disable_help_flag = true)]
    Demo(PassedOn),
    /// Run scenarios of clients and servers with known verdicts, all (27 minutes) or those named (--list)
    ///
    /// --figures shows what was counted, --rounds N repeats them.
    #[command(disable_help_flag = true)]
    Scenarios(PassedOn),
    /// Measure what tracing costs beside others, and whether it is within its budgets (15 minutes)
    ///
    /// --quick takes a minute, and names of parts choose; --rounds N, --markdown, --json FILE; --readme puts
    /// the tables into docs/src/benchmarks.md.
    #[command(disable_help_flag = true)]
    Bench(PassedOn),
    /// Run the demo and make the pictures in docs/: the live view, its report, the page of `serve` (a minute)
    Picture,
    /// Make the pages of docs/ that follow from the code: fields, fixes, metrics and settings
    Docs,
    /// Run the tests that are about the kernel on other kernels, in virtual machines (20 minutes each)
    Kernels(Kernels),
    /// Run all tests (11 minutes), then fuzz every target (2 minutes); ARG... goes to `cargo test`
    ///
    /// With arguments nothing is fuzzed.
    #[command(disable_help_flag = true)]
    Test(PassedOn),
    /// Fuzz all targets of tests/fuzz or those named (30 s each)
    Fuzz(Fuzz),
    /// Run record, top and diagnose over traffic that never stops (--minutes N, 20 by default)
    ///
    /// Nothing may grow, and every count has to be right.
    #[command(disable_help_flag = true)]
    Soak(PassedOn),
    /// Let a million peers come once beside some that stay (6 minutes); --strangers N: fewer
    ///
    /// The verdicts on those that stay may not change, and every count has to be right.
    #[command(disable_help_flag = true)]
    Month(PassedOn),
    /// Judge clients over several hosts behind a balancer in plain Rust, DuckDB and Spark (4 minutes)
    ///
    /// All three have to agree with each other and with the clients' log. --scale: measure DuckDB and Spark
    /// on made-up rows instead; --readme puts the tables into docs/src/many-hosts.md.
    #[command(disable_help_flag = true)]
    Fleet(PassedOn),
    /// Run the libraries' tests with the address sanitizer (minutes); ARG... goes to `cargo test`
    #[command(disable_help_flag = true)]
    Sanitize(PassedOn),
    /// Run the tests of what both halves share under Miri, if a nightly has it (minutes)
    #[command(disable_help_flag = true)]
    Miri(PassedOn),
    /// Build a static binary, a Debian package and an archive with it into target/dist (minutes)
    Dist {
        /// For all machines it runs on, not just for one like this
        #[arg(long)]
        all: bool,
        /// Also install the packages in fresh roots, use them and remove them again (minutes more)
        #[arg(long)]
        check: bool,
        /// Also build the commit in another folder, which has to give the same bytes (as long again)
        #[arg(long)]
        again: bool,
    },
    /// Check formatting, clippy for both halves, licences and sources of dependencies (minutes)
    Lint,
}

/// Arguments of another program, as they were typed.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct PassedOn {
    #[arg(value_name = "ARG")]
    pub(crate) arguments: Vec<OsString>,
}

/// What `kernels` is to try.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct Kernels {
    /// A series such as 6.1, `newest`, or `here`: this machine's. With -arm64 behind it, for such a machine
    /// [default: here and some of these]
    #[arg(long = "kernel", value_name = "VERSION", value_parser = kernel)]
    pub(crate) kernels: Vec<String>,
    /// Limit the time that each kernel may take
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u64).range(1..=600))]
    pub(crate) minutes: u64,
    /// Keep the virtual machines' file systems
    #[arg(long)]
    pub(crate) keep: bool,
    /// Run only tests with one of these in their names
    #[arg(value_name = "NAME")]
    pub(crate) filters: Vec<String>,
}

/// What a set-up is for beside building.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(crate) struct Purpose {
    /// Also what the tests need
    #[arg(long)]
    pub(crate) tests: bool,
    /// Also what the measurements need
    #[arg(long, conflicts_with = "tests")]
    pub(crate) bench: bool,
}

/// Reads the arguments, the program's name first.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, clap::Error> {
    let mut cli = command();
    let mut args: Vec<OsString> = args.into_iter().collect();
    // clap takes the first `--` for its own: here it is, so that one that was typed is passed on.
    if args.get(1).is_some_and(|name| passes_on(&cli, name)) {
        args.insert(2, "--".into());
    }
    let mut matches = cli.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map(|cli| cli.task)
}

fn passes_on(cli: &Command, name: &OsString) -> bool {
    let task = name.to_str().and_then(|name| cli.find_subcommand(name));
    task.is_some_and(Command::is_disable_help_flag_set)
}

/// The command with its help in groups, which clap has for options only.
fn command() -> Command {
    let cli = Cli::command();
    let mut help = String::from("{about}\n\n{usage-heading} {usage}\n");
    for (heading, names) in GROUPS {
        // Writing to a String does not fail.
        let _ = write!(help, "\n{heading}:\n");
        for task in names.iter().filter_map(|name| cli.find_subcommand(name)) {
            let about = task.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(help, "  {:<10}  {about}", task.get_name());
        }
    }
    cli.help_template(help.trim_end().to_owned() + "{after-help}")
}

fn kernel(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let series = text
        .strip_suffix("-arm64")
        .or(text.strip_suffix("-amd64"))
        .unwrap_or(text);
    if text == "here" || series == "newest" || series.split('.').all(is_number) {
        return Ok(text.to_owned());
    }
    Err("must be a version such as 6.1 or 6.1-arm64, `newest`, or `here`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(line: &str) -> Result<Task, clap::Error> {
        parse(format!("xtask {line}").split_whitespace().map(OsString::from))
    }

    fn refused(line: &str) -> ErrorKind {
        parsed(line).unwrap_err().kind()
    }

    fn passed_on(words: &[&str]) -> PassedOn {
        let arguments = words.iter().map(OsString::from).collect();
        PassedOn { arguments }
    }

    #[test]
    fn switches_belong_to_their_command() {
        let setup = |tests, bench| Task::Setup(Purpose { tests, bench });
        assert_eq!(parsed("setup").unwrap(), setup(false, false));
        assert_eq!(parsed("setup --tests").unwrap(), setup(true, false));
        assert_eq!(parsed("setup --bench").unwrap(), setup(false, true));
        assert_eq!(refused("setup --bench --tests"), ErrorKind::ArgumentConflict);
        assert_eq!(parsed("build").unwrap(), Task::Build { debug: false });
        assert_eq!(parsed("build --debug").unwrap(), Task::Build { debug: true });
        assert_eq!(
            parsed("dist --check").unwrap(),
            Task::Dist {
                all: false,
                check: true,
                again: false
            }
        );
        assert_eq!(
            parsed("dist --all --again").unwrap(),
            Task::Dist {
                all: true,
                check: false,
                again: true
            }
        );
        assert_eq!(refused("setup --debug"), ErrorKind::UnknownArgument);
        assert_eq!(refused("lint --fix"), ErrorKind::UnknownArgument);
        assert_eq!(refused("picture now"), ErrorKind::UnknownArgument);
    }

    #[test]
    fn what_is_passed_on_is_not_read() {
        let words = ["--help", "--", "--nocapture"];
        assert_eq!(
            parsed("test --help -- --nocapture").unwrap(),
            Task::Test(passed_on(&words))
        );
        assert_eq!(
            parsed("test -- --nocapture").unwrap(),
            Task::Test(passed_on(&["--", "--nocapture"]))
        );
        assert_eq!(parsed("demo").unwrap(), Task::Demo(passed_on(&[])));
        assert_eq!(
            parsed("scenarios --list").unwrap(),
            Task::Scenarios(passed_on(&["--list"]))
        );
    }

    #[test]
    fn kernels_and_tests_can_be_chosen() {
        let mut wanted = Kernels {
            kernels: Vec::new(),
            filters: Vec::new(),
            minutes: 20,
            keep: false,
        };
        assert_eq!(parsed("kernels").unwrap(), Task::Kernels(wanted));
        wanted = Kernels {
            kernels: vec!["6.1".to_owned(), "here".to_owned()],
            filters: vec!["seed".to_owned(), "counts::".to_owned()],
            minutes: 5,
            keep: true,
        };
        assert_eq!(
            parsed("kernels --kernel 6.1 --kernel here --keep --minutes 5 seed counts::").unwrap(),
            Task::Kernels(wanted)
        );
        for wrong in [
            "--kernel",
            "--kernel ../x",
            "--kernel 6.",
            "--minutes 0",
            "--minutes x",
            "--fast",
        ] {
            assert!(parsed(&format!("kernels {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn targets_and_a_time_can_be_chosen() {
        let fuzz = |targets: &[&str], seconds, keep| {
            let targets = targets.iter().map(|target| (*target).to_owned()).collect();
            Task::Fuzz(Fuzz {
                targets,
                seconds,
                keep,
            })
        };
        assert_eq!(
            parsed("fuzz btf --seconds 5 rows").unwrap(),
            fuzz(&["btf", "rows"], 5, false)
        );
        assert_eq!(parsed("fuzz --keep").unwrap(), fuzz(&[], 30, true));
        for wrong in ["--seconds", "--seconds 0", "--seconds many", "--jobs"] {
            assert!(parsed(&format!("fuzz {wrong}")).is_err(), "{wrong}");
        }
    }

    /// Each `cargo xtask …` in the documentation is a command that there is.
    #[test]
    fn the_documentation_names_commands_that_exist() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let pages = std::fs::read_dir(format!("{root}/docs/src")).unwrap();
        let mut files: Vec<_> = pages.map(|page| page.unwrap().path()).collect();
        for page in ["README.md", "docs/CONTRIBUTING.md"] {
            files.push(format!("{root}/{page}").into());
        }
        let mut found = 0;
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|end| end == "md"))
        {
            let text = std::fs::read_to_string(file).unwrap();
            for rest in text.split("cargo xtask ").skip(1) {
                let line = rest.lines().next().unwrap_or_default();
                let end = line.find(['`', '#', '|', '>']).unwrap_or(line.len());
                let line = line.get(..end).unwrap_or_default().trim();
                assert!(parsed(line).is_ok(), "{}: cargo xtask {line}", file.display());
                found += 1;
            }
        }
        assert!(found > 10, "only {found}");
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(refused(""), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(refused("bulid"), ErrorKind::InvalidSubcommand);
        let error = parsed("bulid").unwrap_err().to_string();
        assert!(error.contains("'build'"), "{error}");
    }

    #[test]
    fn the_help_has_every_command_once() {
        let cli = command();
        cli.clone().debug_assert();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        grouped.sort_unstable();
        let mut all: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }
}
