//! Installs the package in a fresh root, runs it there, removes it again, and starts its service.
//!
//! The root is entered in mount, process and network namespaces of its own.

mod root;
mod service;

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use self::root::{Kind, Root};
use super::{Dist, say};
use crate::{commands::setup, process};

/// Takes the root as its only argument, already in namespaces of its own.
const ENTER: &str = include_str!("check/enter.sh");

/// Takes the package as its only argument, already in the root.
const INSIDE: &str = include_str!("check/inside.sh");

/// A demo takes 17 s; more than this is a hang.
const TIME_LIMIT: &str = "120";

pub(super) fn run(dist: &Dist<'_>, package: &Path) -> Result<()> {
    if !setup::is_root() {
        bail!("a fresh root takes root: sudo cargo xtask dist --check");
    }
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
