//! `bench`: what tracing costs, measured by a binary of the tests' package in the release build.

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::Result;
use xtask::object;

use super::{page::Page, setup};
use crate::{process, project::Project};

/// The page with the tables.
pub(super) const PAGE: Page = Page {
    path: "docs/src/benchmarks.md",
    name: "bench",
};

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
    PAGE.perform(project, command, arguments)
}
