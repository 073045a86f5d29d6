//! `kernels`: the end-to-end tests that are about the kernel, on other kernels than this machine's.
//!
//! Each kernel boots in a virtual machine on an emulated CPU, of this machine's architecture or another one,
//! whose first process runs the tests of a plan one by one. This machine's kernel gets the same tests from
//! the same program.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use xtask::toolchain::Compiler;

use super::{debian, machine::Machine, setup, tally::Tally};
use crate::{args::Kernels, process, project::Project};

mod archive;
mod guest;
mod machine;
mod package;
mod report;
mod root;

use self::{
    guest::Guest,
    machine::{End, Running},
    package::Cache,
    report::{Column, Line, Outcome},
    root::Tests,
};

/// Kernels that are tried unless others are asked for.
const SERIES: &[&str] = &["6.1", "6.12", debian::NEWEST, "6.1-arm64"];

/// Names this machine's kernel among the others.
const HERE: &str = "here";

/// Modules of the end-to-end tests that are about the kernel. The others are about the command line,
/// files and the terminal, or need a server that guests do not have.
const TOPICS: &[&str] = &[
    "answers",
    "closes",
    "counts",
    "degraded",
    "failed",
    "filters",
    "interfaces",
    "kernel",
    "load",
    "losses",
    "one_host",
    "owners",
    "random",
    "records",
    "requests",
    "rhythm",
    "seed",
];

/// No test takes longer anywhere.
const TEST_LIMIT: Duration = Duration::from_secs(180);

/// What the guests' tests are told: where programs are, and how much slower everything is
/// (see `pace` in the tests).
const ENVIRONMENT: &str = "PATH=/usr/sbin:/usr/bin TCPREUSE_TEST_PACE=6";

/// The package the tests are in, and what is built of it.
const PACKAGE: &str = "tcpreuse-tests";
const E2E: &str = "e2e";
const RUNNER: &str = "tcpreuse-kernel-tests";
const PROGRAMS: &[&str] = &["tcpreuse-under-test", "tcpreuse-churn"];

/// Tests bring their libraries along.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// The command: prints the table and the tally.
pub(crate) fn run(project: &Project, options: &Kernels) -> Result<ExitCode> {
    setup::for_kernels(project)?;
    let tally = examine(project, options)?;
    writeln!(io::stdout(), "{tally}")?;
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

/// Runs the tests on each kernel and prints the table.
fn examine(project: &Project, options: &Kernels) -> Result<Tally> {
    let place = project.target.join("kernels");
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let kernels = if options.kernels.is_empty() {
        [&[HERE], SERIES]
            .concat()
            .iter()
            .map(|name| (*name).to_owned())
            .collect()
    } else {
        options.kernels.clone()
    };
    let log = place.join("packages.log");
    let cache = Cache::new(&log)?;
    let machine = Machine::like_this().context("no virtual machine is known for this architecture")?;
    let own = build(project, machine, &cache)?;
    let chosen = choose(&own.e2e, &options.filters)?;
    let mut columns = Vec::new();
    for kernel in &kernels {
        let session = Session {
            project,
            kernel,
            own: &own,
            cache: &cache,
            chosen: &chosen,
            limit: Duration::from_secs(60 * options.minutes),
            place: &place,
        };
        let column = if kernel == HERE {
            session.here()
        } else {
            session.guest(options.keep)
        };
        columns.push(column?);
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\n{}", report::table(&chosen, &columns))?;
    Ok(columns
        .iter()
        .fold(Tally::default(), |sum, column| sum + column.tally()))
}

/// The tests on one kernel.
struct Session<'a> {
    project: &'a Project,
    kernel: &'a str,
    /// The tests built for this machine.
    own: &'a Tests,
    cache: &'a Cache<'a>,
    chosen: &'a [String],
    limit: Duration,
    place: &'a Path,
}

impl Session<'_> {
    fn say(&self, text: &str) {
        process::complain(&format!("{:5} {text}", self.kernel));
    }

    /// The tests on this machine's own kernel.
    fn here(&self) -> Result<Column> {
        if !setup::is_root() {
            return Ok(self.skipped("needs root"));
        }
        let plan = self.file("plan");
        fs::write(&plan, self.plan()?).with_context(|| format!("cannot write {}", plan.display()))?;
        let mut runner = Command::new(&self.own.init);
        runner.arg(&plan).arg(&self.own.e2e);
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("no kernel release")?;
        self.follow(machine::start(&mut runner)?, release.trim())
    }

    /// The tests in a virtual machine.
    fn guest(&self, keep: bool) -> Result<Column> {
        let Some(guest) = Guest::read(self.kernel) else {
            return Ok(self.skipped("no such machine is known"));
        };
        let machine = guest.machine;
        if let Some(program) = root::missing(machine) {
            return Ok(self.skipped(&format!("there is no program {program} here")));
        }
        let parts = self
            .cache
            .kernel(&guest)
            .and_then(|kernel| Ok((kernel, self.cache.userland(machine)?)));
        let (kernel, userland) = match parts {
            Ok(parts) => parts,
            Err(error) => {
                // Nothing is wrong with the project where there is no such package.
                self.say(&format!("{error:#}"));
                return Ok(self.skipped(&error.to_string()));
            }
        };
        let foreign;
        let tests = if machine.is_like_this() {
            self.own
        } else {
            foreign = build(self.project, machine, self.cache)?;
            &foreign
        };
        self.say(&format!("booting {}", kernel.release));
        let (root, console) = (self.file("root"), self.file("console.log"));
        root::write(&root, tests, &kernel, &userland, &self.plan()?)?;
        let running = machine::boot(machine, &kernel.image, &root, &console, ENVIRONMENT)?;
        let column = self.follow(running, &kernel.release);
        if keep {
            self.say(&format!("kept: {} and {}", root.display(), console.display()));
        } else {
            fs::remove_file(&root).ok();
        }
        column
    }

    /// Reads a report to its end and shows how far it is.
    fn follow(&self, running: Running, release: &str) -> Result<Column> {
        let mut column = Column {
            kernel: release.to_owned(),
            ..Column::default()
        };
        let mut begun = None;
        let end = running.follow(self.limit, |line| {
            match Line::read(line) {
                Some(Line::Start(test)) => begun = Some(test.to_owned()),
                Some(Line::Out(text)) => self.say(&format!("  | {text}")),
                Some(Line::Note(name, value)) => column.notes.push((name.to_owned(), value.to_owned())),
                Some(Line::Ended {
                    test,
                    seconds,
                    outcome,
                }) => {
                    let word = match &outcome {
                        Outcome::Pass => "pass",
                        Outcome::Fail(_) => "FAIL",
                        Outcome::Skip(_) => "skip",
                    };
                    let done = column.outcomes.len() + 1;
                    self.say(&format!("{done}/{} {word} {test} {seconds} s", self.chosen.len()));
                    column.outcomes.push((test.to_owned(), outcome));
                }
                Some(Line::Done) => return true,
                None => {}
            }
            false
        })?;
        let at = begun.unwrap_or_else(|| "the start".to_owned());
        let console = self.file("console.log");
        let why = match end {
            End::Told => "not reported".to_owned(),
            End::Broke => format!("the kernel stopped at {at}, see {}", console.display()),
            End::Late => format!("not done after {} min, it was at {at}", self.limit.as_secs() / 60),
        };
        column.fill(self.chosen, &Outcome::Fail(why));
        Ok(column)
    }

    fn skipped(&self, reason: &str) -> Column {
        let mut column = Column {
            kernel: self.kernel.to_owned(),
            ..Column::default()
        };
        column.fill(self.chosen, &Outcome::Skip(reason.to_owned()));
        column
    }

    fn plan(&self) -> Result<String> {
        let mut plan = String::new();
        for test in self.chosen {
            writeln!(plan, "{test} {}", TEST_LIMIT.as_secs())?;
        }
        Ok(plan)
    }

    /// A file of this kernel's.
    fn file(&self, name: &str) -> PathBuf {
        self.place.join(format!("{}-{name}", self.kernel))
    }
}

/// Builds the tests and what they run.
fn build(project: &Project, machine: &'static Machine, cache: &Cache<'_>) -> Result<Tests> {
    process::complain(&format!("kernels: building the tests for {}", machine.name));
    let target = machine.target();
    let mut flags = vec![STATIC.to_owned()];
    let mut command = project.cargo_alone();
    if !machine.is_like_this() {
        // The compiler of a distribution takes a foreign standard library from where it is told.
        if let Compiler::Packaged { rustc } = setup::toolchain(project)?.compiler {
            flags.push(format!("--sysroot={}", cache.sysroot(machine)?.display()));
            command.env("RUSTC", rustc);
        }
    }
    let flags = flags
        .iter()
        .map(|flag| format!("'{flag}'"))
        .collect::<Vec<_>>()
        .join(",");
    command
        .args(["build", "--locked", "--package", PACKAGE, "--test", E2E])
        .args(["--profile", "guest", "--target", &target])
        .args(["--config", &format!("target.{target}.rustflags=[{flags}]")])
        .args([
            "--config",
            &format!("target.{target}.linker='{}'", machine.compiler()),
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null());
    for program in PROGRAMS.iter().chain([&RUNNER]) {
        command.args(["--bin", program]);
    }
    let messages = process::output(&mut command)?;
    let messages = String::from_utf8_lossy(&messages);
    let built: Vec<Value> = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let executable = |name: &str| {
        let mut found = built
            .iter()
            .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
            .filter_map(|message| message.get("executable")?.as_str());
        found
            .next()
            .map(PathBuf::from)
            .with_context(|| format!("cargo has not said where {name} is"))
    };
    let programs = PROGRAMS
        .iter()
        .map(|name| Ok(((*name).to_owned(), executable(name)?)));
    Ok(Tests {
        e2e: executable(E2E)?,
        programs: programs.collect::<Result<_>>()?,
        init: executable(RUNNER)?,
    })
}

/// The names of the tests that are about the kernel, or those of them that contain a filter.
fn choose(e2e: &Path, filters: &[String]) -> Result<Vec<String>> {
    let listed = process::output(Command::new(e2e).args(["--list", "--format", "terse"]))?;
    let listed = String::from_utf8_lossy(&listed);
    let chosen: Vec<String> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|name| {
            name.split_once("::")
                .is_some_and(|(topic, _)| TOPICS.contains(&topic))
        })
        .filter(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter)))
        .map(str::to_owned)
        .collect();
    if chosen.is_empty() {
        bail!(
            "no test about the kernel has {} in its name",
            filters.join(" or ")
        );
    }
    Ok(chosen)
}
