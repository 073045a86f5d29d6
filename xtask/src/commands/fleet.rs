//! `fleet`: clients over several hosts behind a balancer, judged in plain Rust, by DuckDB and by Spark.

use std::{
    ffi::OsString,
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

/// Builds the fleet, brings the engines, and runs it.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> Result<ExitCode> {
    const BINARY: &str = "tcpreuse-fleet";
    let python = setup::for_fleet(project)?;
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
