//! `bench`: what tracing costs, measured by a binary of the tests' package in the release build.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use xtask::object;

use super::{build, picture, setup};
use crate::{process, project::Project};

/// What stands before the tables in the README, and after them.
const MARK: &str = "<!-- made by `cargo xtask bench --readme` -->\n";
const END: &str = "<!-- end of what `cargo xtask bench --readme` made -->\n";

/// Ours; all others go to the binary.
const README: &str = "--readme";

/// Its exit code when a budget was missed: there are tables all the same.
const MISSED: i32 = 1;

/// Builds what is measured and what measures, and runs it.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    let toolchain = setup::for_bench(project)?;
    let empty = object::build_empty(&toolchain, &project.root, &project.bpf_target())?;
    let package = "tcpreuse-tests";
    let binaries = ["tcpreuse-bench", "tcpreuse-under-test"];
    let mut cargo = project.cargo();
    cargo.args(["build", "--locked", "--release", "--package", package]);
    for binary in binaries {
        cargo.args(["--bin", binary]);
    }
    process::run(&mut cargo)?;

    let mut command = Command::new(project.target.join("release").join(binaries[0]));
    command.arg("--empty-object").arg(empty);
    if !arguments.iter().any(|argument| argument == "--json") {
        command
            .arg("--json")
            .arg(project.target.join("bench").join("bench.json"));
    }
    command.args(arguments.iter().filter(|argument| *argument != README));
    let for_readme = arguments.iter().any(|argument| argument == README);
    if for_readme {
        command.arg("--markdown");
    }
    let command = build::as_root(command, "bench")?;
    match for_readme {
        true => into_readme(project, command),
        false => build::become_it(command),
    }
}

fn into_readme(project: &Project, mut command: Command) -> Result<ExitCode> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    io::stdout().write_all(&output.stdout)?;
    if !output.status.success() && output.status.code() != Some(MISSED) {
        bail!("`{}` failed: {}", process::line(&command), output.status);
    }
    let tables = String::from_utf8(output.stdout).context("the tables are no text")?;
    picture::into_readme(project, (MARK, END), &format!("\n{}\n\n", tables.trim()))?;
    Ok(process::pass_on(output.status))
}
