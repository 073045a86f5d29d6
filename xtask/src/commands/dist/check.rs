//! Takes the archive to a first answer in a fresh root, installs the package there, runs it, removes it
//! again, and starts its service. What is in the package for RPM is tried too.
//!
//! The root is entered in mount, process and network namespaces of its own.

mod root;
mod service;

use std::process::Command;

use anyhow::{Context, Result, bail};

use self::root::{Kind, Root};
use super::{Dist, Made, SUMS, say};
use crate::{commands::setup, process};

/// Takes the root as its only argument, already in namespaces of its own.
const ENTER: &str = include_str!("check/enter.sh");

/// Takes the package as its only argument, already in the root, where what the archive takes is too.
const INSIDE: &str = include_str!("check/inside.sh");

/// Takes the archive, the package for RPM, if there is one, and an empty directory.
const BARE: &str = include_str!("check/bare.sh");

/// Two demos take 17 s each; more than this is a hang.
const TIME_LIMIT: &str = "180";

/// Both say how the archive is verified and unpacked.
const PAGES: [&str; 2] = ["README.md", "docs/src/install.md"];

pub(super) fn run(dist: &Dist<'_>, made: &Made) -> Result<()> {
    if !setup::is_root() {
        bail!("a fresh root takes root: sudo cargo xtask dist --check");
    }
    bare(dist, made)?;
    let package = made
        .deb
        .as_deref()
        .context("without a package there is nothing to check")?;
    let sums = dist.directory.join(SUMS);
    let [readme, install] = PAGES.map(|page| dist.project.root.join(page));
    let files = [package, &made.archive, &sums, &readme, &install];
    let root = Root::fresh(dist, Kind::Minimal, &files, ("inside.sh", INSIDE))?;
    let script = dist.directory.join("enter.sh");
    super::write(&script, ENTER.as_bytes())?;

    say("using the archive, and installing, running and removing the package, in a fresh root");
    let mut enter = Command::new("timeout");
    enter
        .args([
            "--kill-after=5",
            TIME_LIMIT,
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
        ])
        .args(["--fork", "--kill-child", "sh", "-eu"])
        .args([&script, &root.path])
        .arg(root::name(package)?)
        // What is asked and answered in there must not depend on the language here.
        .env("LC_ALL", "C.UTF-8")
        .stdout(std::io::stderr());
    process::run(&mut enter)?;
    root.remove()?;
    say("the package installs, works, and leaves nothing behind");
    service::run(dist, package)
}

/// Tries what needs no other program: in a root where nothing else is.
fn bare(dist: &Dist<'_>, made: &Made) -> Result<()> {
    say("unpacking the archive and installing the RPM package where nothing else is");
    let script = dist.directory.join("bare.sh");
    super::write(&script, BARE.as_bytes())?;
    let directory = dist.directory.join("bare");
    let mut command = Command::new("sh");
    command
        .arg("-eu")
        .arg(&script)
        .args([&directory, &made.archive])
        .args(&made.rpm)
        .env("LC_ALL", "C.UTF-8")
        .stdout(std::io::stderr());
    process::run(&mut command)
}
