//! `test`: all tests of the workspace, and one line that says how they went.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Context, Result};

use super::{fuzz, setup, tally::Tally};
use crate::{process, project::Project};

/// Names the file to which a test that cannot run here adds one line with the reason. For libtest such a
/// test has passed, and what it prints is lost.
const SKIP_LOG_VARIABLE: &str = "TCPREUSE_SKIP_LOG";

/// Where proptest takes the seed of its cases from. All runs of one version try the same ones, so that what
/// fails was changed; new ones are for those who look for them, with a seed of their own.
const PROPERTY_SEED: &str = "PROPTEST_RNG_SEED";

/// How long each fuzz target is fuzzed at most after the tests, which have replayed all inputs that are kept.
const FUZZ_SECONDS: u64 = 10;

/// Runs the tests and then fuzzes; the arguments go to `cargo test`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    setup::for_tests(project)?;
    if !setup::is_root() {
        process::complain("test: not root, so the tests that load programs into the kernel will say SKIP");
    }
    let skip_log = project.target.join("skipped-tests.log");
    fs::write(&skip_log, "").with_context(|| format!("cannot write {}", skip_log.display()))?;

    // To the end even when something fails: the summary is about all tests.
    let mut command = project.cargo();
    command
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(arguments);
    command.env(SKIP_LOG_VARIABLE, &skip_log);
    if env::var_os(PROPERTY_SEED).is_none() {
        command.env(PROPERTY_SEED, "1");
    }
    let (status, mut tally) = watch(&mut command)?;
    // If tests are named, only those are wanted.
    let fuzzed = arguments
        .is_empty()
        .then(|| fuzz::all(project, FUZZ_SECONDS))
        .transpose()?;
    let mut found = 0;
    match fuzzed.flatten() {
        Some((passed, failed)) => {
            (tally.passed, tally.failed) = (tally.passed + passed, tally.failed + failed);
            found = failed;
        }
        None if arguments.is_empty() => {
            let mut log = fs::OpenOptions::new().append(true).open(&skip_log)?;
            writeln!(log, "SKIP fuzzing: needs a C++ compiler")?;
            // The summary takes skips from what has passed.
            tally.passed += 1;
        }
        None => {}
    }
    report(status, tally, &skip_log)?;
    match (status.success(), found) {
        (true, 1..) => Ok(ExitCode::FAILURE),
        _ => Ok(process::pass_on(status)),
    }
}

/// Runs the command, shows its output as it comes and counts the tests in it.
fn watch(command: &mut Command) -> Result<(ExitStatus, Tally)> {
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.with_context(|| format!("cannot start `{}`", process::line(command)))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut stdout = io::stdout().lock();
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? > 0 {
            stdout.write_all(&line)?;
            tally.read(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    Ok((child.wait()?, tally))
}

fn report(status: ExitStatus, tally: Tally, skip_log: &Path) -> Result<()> {
    let skips =
        fs::read_to_string(skip_log).with_context(|| format!("cannot read {}", skip_log.display()))?;
    let skips: Vec<_> = skips.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut stdout = io::stdout().lock();
    writeln!(stdout)?;
    for skip in &skips {
        writeln!(stdout, "SKIP {}", skip.strip_prefix("SKIP ").unwrap_or(skip))?;
    }
    if tally.skipped > 0 {
        writeln!(stdout, "SKIP {} marked #[ignore]", tally.skipped)?;
    }
    if !status.success() && tally.failed == 0 {
        // It did not compile, or a test took its whole process down.
        writeln!(
            stdout,
            "xtask: cargo test failed ({status}) without saying which test; see above"
        )?;
    }
    writeln!(stdout, "{}", tally.with_skips(u64::try_from(skips.len())?))?;
    Ok(())
}
