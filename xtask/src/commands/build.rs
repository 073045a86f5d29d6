//! `build`, `build-ebpf`, `demo`, `scenarios`, `soak` and `month`.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use xtask::{
    object,
    probe::{Machine, Probe},
};

use super::setup;
use crate::{process, project::Project, refusal::Refusal};

/// Builds the tracer and prints where it is.
pub(crate) fn run(project: &Project, debug: bool) -> Result<()> {
    let binary = tracer(project, debug)?;
    writeln!(io::stdout(), "{}", binary.display())?;
    Ok(())
}

/// Builds the BPF object alone and prints where it is and how large.
pub(crate) fn object(project: &Project) -> Result<()> {
    let toolchain = setup::toolchain(project)?;
    let object = object::build(&toolchain, &project.root, &project.bpf_target())?;
    let size = fs::metadata(&object)
        .with_context(|| format!("cannot read {}", object.display()))?
        .len();
    writeln!(io::stdout(), "{} ({size} bytes)", object.display())?;
    Ok(())
}

/// Builds the tracer and becomes its demo.
pub(crate) fn demo(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = demo_command(project)?;
    command.args(arguments);
    become_it(command)
}

/// The demo, built, and as root.
pub(super) fn demo_command(project: &Project) -> Result<Command> {
    let mut command = Command::new(tracer(project, false)?);
    command.arg("demo");
    as_root(command, "demo")
}

/// Builds the scenarios as the tests do and becomes their runner.
pub(crate) fn scenarios(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    setup::for_tests(project)?;
    run_of_tests(project, "tcpreuse-scenarios", "scenarios", arguments)
}

/// Builds the soak as the tests do and becomes it.
pub(crate) fn soak(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    setup::toolchain(project)?;
    run_of_tests(project, "tcpreuse-soak", "soak", arguments)
}

/// Builds the simulated month and becomes it. Optimised: a debug build does not keep up with that many
/// strangers.
pub(crate) fn month(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    const BINARY: &str = "tcpreuse-month";
    setup::toolchain(project)?;
    let mut build = project.cargo();
    build.args(["build", "--locked", "--release", "--package", "tcpreuse-tests"]);
    build.args(["--bin", BINARY, "--bin", "tcpreuse-under-test"]);
    process::run(&mut build)?;
    let mut command = Command::new(project.target.join("release").join(BINARY));
    command.args(arguments);
    become_it(as_root(command, "month")?)
}

/// A program of the tests' package. The program under test has to be built with it.
fn run_of_tests(project: &Project, binary: &str, task: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let mut build = project.cargo();
    build.args(["build", "--locked", "--package", "tcpreuse-tests", "--bins"]);
    process::run(&mut build)?;
    let mut command = Command::new(project.target.join("debug").join(binary));
    command.args(arguments);
    become_it(as_root(command, task)?)
}

/// Replaces this process, so that Ctrl-C and the exit code are the command's own.
pub(super) fn become_it(mut command: Command) -> Result<ExitCode> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", process::line(&command)))
}

/// A command that traces, through sudo if need be.
pub(super) fn as_root(command: Command, task: &str) -> Result<Command> {
    if setup::is_root() {
        return Ok(command);
    }
    Ok(with_sudo(&command, task)?)
}

fn with_sudo(command: &Command, task: &str) -> Result<Command, Refusal> {
    let Some(sudo) = Machine.on_path("sudo") else {
        let reason = "tracing takes root, and there is no sudo here; as root, run:".to_owned();
        return Err(Refusal {
            reason,
            advice: format!("  {}", process::line(command)),
        });
    };
    process::complain(&format!("{task}: tracing takes root, so this runs through sudo"));
    let mut with_sudo = Command::new(sudo);
    with_sudo.arg(command.get_program()).args(command.get_args());
    Ok(with_sudo)
}

fn tracer(project: &Project, debug: bool) -> Result<PathBuf> {
    setup::toolchain(project)?;
    let mut command = project.cargo();
    command.args(["build", "--locked", "--package", "tcpreuse", "--bin", "tcpreuse"]);
    if !debug {
        command.arg("--release");
    }
    process::run(&mut command)?;
    let directory = if debug { "debug" } else { "release" };
    Ok(project.target.join(directory).join("tcpreuse"))
}
