//! `fleet`: clients over several hosts behind a balancer, judged in plain Rust, by DuckDB and by Spark.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Result;

use super::{page::Page, setup};
use crate::{process, project::Project};

/// The page with what came of it.
pub(super) const PAGE: Page = Page {
    path: "docs/src/many-hosts.md",
    name: "fleet",
};

/// The same page with what was measured on many rows.
pub(super) const SCALE_PAGE: Page = Page {
    name: "fleet --scale",
    ..PAGE
};

/// The argument of that, which is also the binary's.
const SCALE: &str = "--scale";

/// The engines, as PyPI has them.
const ENGINES: &[&str] = &["pyspark==4.3.0", "duckdb==1.5.2"];

/// Succeeds where they are there.
const ARE_THERE: &str = "import pyspark, duckdb";

/// Builds the fleet, brings the engines, and runs it.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    const BINARY: &str = "tcpreuse-fleet";
    setup::for_fleet(project)?;
    let python = engines(project)?;
    let mut build = project.cargo();
    build.args(["build", "--locked", "--release", "--package", "tcpreuse-tests"]);
    build.args(["--bin", BINARY, "--bin", "tcpreuse-under-test"]);
    process::run(&mut build)?;
    let mut command = Command::new(project.target.join("release").join(BINARY));
    command.arg("--python").arg(python);
    let page = match arguments.iter().any(|argument| argument == SCALE) {
        true => SCALE_PAGE,
        false => PAGE,
    };
    page.perform(project, command, arguments)
}

/// A Python with the engines, below the target directory.
fn engines(project: &Project) -> Result<PathBuf> {
    let place = project.target.join("fleet").join("venv");
    let python = place.join("bin").join("python");
    let are_there = |python: &PathBuf| process::succeeds(Command::new(python).args(["-c", ARE_THERE]));
    if !are_there(&python) {
        let say = |text: &str| process::complain(&format!("fleet: {text}"));
        say(&format!("installing {}", ENGINES.join(", ")));
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--no-cache-dir",
            "--disable-pip-version-check",
        ]);
        process::run_logged(
            pip.args(ENGINES),
            &project.target.join("fleet").join("pip.log"),
            say,
        )?;
    }
    Ok(python)
}
