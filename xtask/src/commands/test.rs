//! `test`: all tests of the workspace, and one line that says how they went.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};

use super::tally::Tally;
use super::{kernels, setup};
use crate::process;
use crate::project::Project;

/// Names the file to which a test that cannot run here adds one line with the reason. For libtest such a
/// test has passed, and what it prints is lost.
const SKIP_LOG_VARIABLE: &str = "TCPREUSE_SKIP_LOG";

/// Runs the tests; the arguments go to `cargo test`.
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
    let (status, tally) = watch(&mut command)?;
    // Whoever asks for certain tests does not want others.
    let elsewhere = match arguments {
        [] => kernels::for_tests(project)?,
        _ => Tally::default(),
    };
    report(status, tally, elsewhere, &skip_log)?;
    Ok(if status.success() && elsewhere.failed > 0 {
        ExitCode::FAILURE
    } else {
        process::pass_on(status)
    })
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

/// Sums up the tests here and those on other kernels.
fn report(status: ExitStatus, tally: Tally, elsewhere: Tally, skip_log: &Path) -> Result<()> {
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
    let here = tally.with_skips(u64::try_from(skips.len())?);
    writeln!(stdout, "{}", here + elsewhere)?;
    Ok(())
}
