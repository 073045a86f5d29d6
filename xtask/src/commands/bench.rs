//! `bench`: what tracing costs, measured by a binary of the tests' package in the release build.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use xtask::object;

use super::{build, setup};
use crate::{process, project::Project};

/// The page with the tables, and what stands before and after them.
const PAGE: &str = "docs/src/benchmarks.md";
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
        true => into_page(project, command),
        false => build::become_it(command),
    }
}

fn into_page(project: &Project, mut command: Command) -> Result<ExitCode> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    io::stdout().write_all(&output.stdout)?;
    if !output.status.success() && output.status.code() != Some(MISSED) {
        bail!("`{}` failed: {}", process::line(&command), output.status);
    }
    let tables = String::from_utf8(output.stdout).context("the tables are no text")?;
    let path = project.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let page = replaced(&page, &format!("\n{}\n\n", tables.trim()))
        .with_context(|| format!("{} has no place for it", path.display()))?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(process::pass_on(output.status))
}

/// The page with other tables between the marks; `None` when they are not there.
fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(MARK)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{MARK}{tables}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tables_change() {
        let page = |tables: &str| format!("one\n{MARK}{tables}{END}two\n");
        assert_eq!(
            replaced(&page("old\n"), "new\nlines\n"),
            Some(page("new\nlines\n"))
        );
        assert_eq!(replaced("no place", "new"), None);
    }

    #[test]
    fn the_page_has_a_place_for_the_tables() {
        let page = include_str!("../../../docs/src/benchmarks.md");
        assert!(replaced(page, "").is_some());
    }
}
