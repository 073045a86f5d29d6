//! Builds the same commit in another folder, from nothing, and compares what comes of it.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use super::{Dist, SUMS, read, say};
use crate::process;

pub(super) fn run(dist: &Dist<'_>, all: bool) -> Result<()> {
    let root = &dist.project.root;
    let mut status = Command::new("git");
    status.args(["status", "--porcelain", "--untracked-files=no"]);
    if !process::output(status.current_dir(root))?.is_empty() {
        bail!("only what is committed can be built again in another folder");
    }
    let directory = dist.directory.join("again");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    say("building the commit again in another folder");
    process::run(
        Command::new("git")
            .args(["clone", "--quiet"])
            .args([root, &directory]),
    )?;
    let target = directory.join("target");
    let mut again = dist.project.cargo_alone();
    again
        .args(["xtask", "dist"])
        .args(all.then_some("--all"))
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(&directory);
    process::run_logged(&mut again, &dist.directory.join("again.log"), say)?;

    let first = read(&dist.directory.join(SUMS))?;
    let second = read(&target.join("dist").join(SUMS))?;
    if first != second {
        bail!(
            "the same commit gives other bytes in {}:\n{}and here:\n{}",
            directory.display(),
            String::from_utf8_lossy(&second),
            String::from_utf8_lossy(&first)
        );
    }
    fs::remove_dir_all(&directory)?;
    say("the same commit gives the same bytes in another folder");
    Ok(())
}
