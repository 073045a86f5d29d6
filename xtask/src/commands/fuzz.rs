//! `fuzz`: the targets in `tests/fuzz`, with libFuzzer.
//!
//! What tells libFuzzer which input reaches something new is put into the code by LLVM's own pass, which
//! stable rustc lets one switch on; no nightly is needed. Overflow and debug assertions are on (profile
//! `fuzz`), so that a sum that runs over is a finding.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result, bail};
use clap::{Args, value_parser};
use xtask::probe::{Machine, Probe};

use super::setup;
use crate::{process, project::Project};

/// Counters at every edge and what comparisons compare: what libFuzzer is guided by.
const GUIDANCE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// One input may take no longer, seconds.
const TIMEOUT: u64 = 10;

/// The process may take no more memory, MiB.
const MEMORY: u64 = 1024;

/// No input is longer, bytes: the largest kept is a state of 8 KB.
const MAX_INPUT: u64 = 16 << 10;

/// What to fuzz.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct Fuzz {
    /// Names of targets [default: all]
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// How long for each
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// Add what reached something new to the inputs in tests/fuzz/corpus
    #[arg(long)]
    pub(crate) keep: bool,
}

/// The command. An error when a target found something.
pub(crate) fn run(project: &Project, what: &Fuzz) -> Result<()> {
    if !setup::for_fuzz(project)? {
        return Err(setup::cxx_missing().into());
    }
    let fuzzer = Fuzzer::build(project)?;
    let targets = match what.targets.is_empty() {
        true => fuzzer.targets()?,
        false => what.targets.clone(),
    };
    let mut broken = Vec::new();
    for target in &targets {
        if !fuzzer.fuzz(target, what.seconds, Luck::New)? {
            broken.push(target.as_str());
        } else if what.keep {
            fuzzer.keep(target)?;
        }
    }
    if !broken.is_empty() {
        bail!("found something: {}", broken.join(", "));
    }
    Ok(())
}

/// All targets for some seconds each at most, as part of all tests, which are to say the same of the same
/// code twice. Counts those that went well and those that found something; `None` where there is no C++
/// compiler and none can be had.
pub(super) fn all(project: &Project, seconds: u64) -> Result<Option<(u64, u64)>> {
    if !setup::for_fuzz(project)? {
        return Ok(None);
    }
    let fuzzer = Fuzzer::build(project)?;
    let (mut passed, mut failed) = (0, 0);
    for target in fuzzer.targets()? {
        match fuzzer.fuzz(&target, seconds, Luck::Same)? {
            true => passed += 1,
            false => failed += 1,
        }
    }
    Ok(Some((passed, failed)))
}

/// Which way the fuzzer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luck {
    /// Another one each time, from all that was found before.
    New,
    /// The same as ever, from the inputs that are kept: as far as time allows, but no further than
    /// [`SAME_RUNS`].
    Same,
}

impl Luck {
    fn folder(self) -> &'static str {
        match self {
            Self::New => "corpus",
            Self::Same => "corpus-of-the-tests",
        }
    }
}

/// As many as the slowest targets get through in some seconds.
const SAME_RUNS: u32 = 1000;

/// The program that fuzzes, and where its files are.
struct Fuzzer {
    program: PathBuf,
    /// Inputs that are kept, a folder a target.
    kept: PathBuf,
    /// Everything else.
    place: PathBuf,
}

impl Fuzzer {
    fn build(project: &Project) -> Result<Self> {
        let place = project.target.join("fuzz");
        let host = host(project)?;
        let mut build = project.cargo();
        build
            .args(["build", "--locked", "--package", "tcpreuse-fuzz"])
            .args(["--features", "engine"])
            // With a target named, build scripts and macros are spared the flags.
            .args(["--profile", "fuzz", "--target", &host])
            .env("CARGO_TARGET_DIR", &place)
            .env("RUSTFLAGS", GUIDANCE);
        say("building the targets");
        process::run_logged(&mut build, &project.target.join("fuzz-build.log"), say)?;
        Ok(Self {
            program: place.join(host).join("fuzz/tcpreuse-fuzz"),
            kept: project.root.join("tests/fuzz/corpus"),
            place,
        })
    }

    /// Each has a folder of inputs; a test sees to it.
    fn targets(&self) -> Result<Vec<String>> {
        let folders =
            fs::read_dir(&self.kept).with_context(|| format!("cannot list {}", self.kept.display()))?;
        let mut names: Vec<String> = folders
            .flatten()
            .map(|folder| folder.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// A folder for this target, made if need be.
    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.place.join(kind).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    fn command(&self, target: &str) -> Result<Command> {
        let mut command = Command::new(&self.program);
        let scratch = self.scratch();
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        command.env("TCPREUSE_FUZZ_TARGET", target).env("TMPDIR", scratch);
        Ok(command)
    }

    /// For files that a target writes with every input: in memory where that is possible, since some file
    /// systems wait for the disk whenever a file is written over.
    fn scratch(&self) -> PathBuf {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => memory.join(format!("tcpreuse-fuzz-{}", std::process::id())),
            false => self.place.join("tmp"),
        }
    }

    /// Fuzzes one target; whether nothing was found.
    fn fuzz(&self, target: &str, seconds: u64, luck: Luck) -> Result<bool> {
        let kept = self.kept.join(target);
        if !kept.is_dir() {
            bail!(
                "there is no target {target}; there are {}",
                self.targets()?.join(", ")
            );
        }
        let crashes = self.folder("crashes", target)?;
        let mut command = self.command(target)?;
        let corpus = self.folder(luck.folder(), target)?;
        if luck == Luck::Same {
            // What an earlier run found would lead elsewhere.
            fs::remove_dir_all(&corpus)?;
            fs::create_dir_all(&corpus)?;
            command.arg("-seed=1").arg(format!("-runs={SAME_RUNS}"));
        }
        command
            .arg(corpus)
            .arg(&kept)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={MAX_INPUT}"))
            .arg(format!("-artifact_prefix={}/", crashes.display()));
        let log = self.place.join(format!("{target}.log"));
        let status = process::status_logged(&mut command, &log, say)?;
        // What an input left behind goes with it.
        fs::remove_dir_all(self.scratch()).ok();
        let output = fs::read_to_string(&log).unwrap_or_default();
        self.tell(target, status, &output, &log)?;
        Ok(status.success())
    }

    fn tell(&self, target: &str, status: ExitStatus, output: &str, log: &Path) -> Result<()> {
        let mut stdout = io::stdout().lock();
        if status.success() {
            writeln!(stdout, "fuzz {target:<14} {}", Summary::of(output))?;
            return Ok(());
        }
        let panicked = output.lines().skip_while(|line| !line.contains("panicked at"));
        for line in panicked.take(4) {
            writeln!(stdout, "  | {line}")?;
        }
        let input = output
            .lines()
            .find_map(|line| line.split_once("Test unit written to "))
            .map_or("", |(_, path)| path);
        writeln!(
            stdout,
            "fuzz {target:<14} FAILED, see {}; the input is {input}: once that is mended, keep it in tests/fuzz/regressions/{target}",
            log.display()
        )?;
        Ok(())
    }

    /// Adds what reaches something that the kept inputs do not, as few as do.
    fn keep(&self, target: &str) -> Result<()> {
        let mut command = self.command(target)?;
        command
            .arg("-set_cover_merge=1")
            .arg(format!("-max_len={MAX_INPUT}"))
            .arg(self.kept.join(target))
            .arg(self.folder("corpus", target)?);
        let log = self.place.join(format!("{target}-merge.log"));
        process::run_logged(&mut command, &log, say)
    }
}

/// What libFuzzer says of a run.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    runs: u64,
    /// Edges reached by the inputs there were, and at the end.
    reached: (u64, u64),
    /// Inputs that reached something new.
    new: u64,
}

impl Summary {
    fn of(output: &str) -> Self {
        let edges = |line: &str| -> Option<u64> {
            let mut words = line.split_whitespace();
            words.find(|word| *word == "cov:")?;
            words.next()?.parse().ok()
        };
        let event = |line: &str, name: &str| line.split_whitespace().nth(1) == Some(name);
        let at = |name: &str| {
            output
                .lines()
                .rev()
                .find(|line| event(line, name))
                .and_then(edges)
        };
        let runs = output.lines().rev().find_map(|line| {
            let (runs, _) = line.strip_prefix("Done ")?.split_once(' ')?;
            runs.parse().ok()
        });
        Self {
            runs: runs.unwrap_or(0),
            reached: (at("INITED").unwrap_or(0), at("DONE").unwrap_or(0)),
            new: output.lines().filter(|line| event(line, "NEW")).count() as u64,
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = self.reached;
        write!(
            f,
            "ok: {} runs, {before} edges reached at first, {after} at the end, {} new inputs",
            self.runs, self.new
        )
    }
}

/// What this machine is called among the compiler's targets.
pub(super) fn host(project: &Project) -> Result<String> {
    let compiler = Machine.variable("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = process::output(Command::new(&compiler).arg("-vV").current_dir(&project.root))?;
    let text = String::from_utf8_lossy(&said);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .context("rustc does not say what this machine is")?
        .to_owned())
}

fn say(text: &str) {
    process::complain(&format!("fuzz: {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_summed_up() {
        let output = "INFO: seed corpus: files: 2\n\
            #3\tINITED cov: 57 ft: 127 corp: 2/45b exec/s: 0 rss: 27Mb\n\
            #9\tNEW    cov: 58 ft: 130 corp: 3/50b lim: 4096 exec/s: 0 rss: 27Mb L: 29/2057 MS: 1 EraseBytes-\n\
            #10\tREDUCE cov: 58 ft: 130 corp: 3/49b lim: 4096 exec/s: 0 rss: 27Mb\n\
            #4068662\tDONE   cov: 61 ft: 127 corp: 54/4501b lim: 4096 exec/s: 678110 rss: 27Mb\n\
            Done 4068662 runs in 6 second(s)\n";
        let summary = Summary::of(output);
        assert_eq!(
            summary,
            Summary {
                runs: 4_068_662,
                reached: (57, 61),
                new: 1
            }
        );
    }
}
