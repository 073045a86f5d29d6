//! Installs the package in a fresh root, runs it there, removes it again, and starts its service. What is in
//! the archive and in the package for RPM is tried too.
//!
//! The root is entered in mount, process and network namespaces of its own.

mod root;
mod service;

use std::process::Command;

use anyhow::{Context, Result, bail};

use self::root::{Kind, Root};
use super::{Dist, Made, say};
use crate::{commands::setup, process};

/// Takes the root as its only argument, already in namespaces of its own.
const ENTER: &str = include_str!("check/enter.sh");

/// Takes the package as its only argument, already in the root.
const INSIDE: &str = include_str!("check/inside.sh");

/// Takes the archive, the package for RPM, if there is one, and an empty directory.
const BARE: &str = include_str!("check/bare.sh");

/// A demo takes 17 s; more than this is a hang.
const TIME_LIMIT: &str = "120";

pub(super) fn run(dist: &Dist<'_>, made: &Made) -> Result<()> {
    if !setup::is_root() {
        bail!("a fresh root takes root: sudo cargo xtask dist --check");
    }
    bare(dist, made)?;
    let package = made
        .deb
        .as_deref()
        .context("without a package there is nothing to check")?;
    let root = Root::fresh(dist, Kind::Minimal, package, ("inside.sh", INSIDE))?;
    let script = dist.directory.join("enter.sh");
    super::write(&script, ENTER.as_bytes())?;

    say("installing, running and removing it in a fresh root");
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
