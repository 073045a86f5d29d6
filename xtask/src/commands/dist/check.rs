//! Installs the package in a fresh root, runs it there, and removes it again.
//!
//! The root is a minimal Debian that is made once and copied for each check; it is entered in mount,
//! process and network namespaces of its own, and can be thrown away at any time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Dist, say};
use crate::commands::setup;
use crate::process;

/// Makes the root. `bookworm` has what is needed and will be there for years.
const DEBOOTSTRAP: (&str, &str) = ("debootstrap", "debootstrap");
const SUITE: &str = "bookworm";

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
    if !setup::is_installed(DEBOOTSTRAP.0) {
        setup::for_dist(dist.project, &[DEBOOTSTRAP.1])?;
    }
    let pristine = pristine(dist)?;
    let root = dist.directory.join("root");
    remove(&root)?;
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--reflink=auto"])
        .arg(&pristine)
        .arg(&root);
    process::run(&mut copy)?;
    let name = package.file_name().context("a package has a name")?;
    fs::copy(package, root.join(name))?;
    super::write(&root.join("inside.sh"), INSIDE.as_bytes())?;
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
        .args([&script, &root])
        .arg(name)
        // What is asked and answered in there must not depend on the language here.
        .env("LC_ALL", "C.UTF-8")
        .stdout(std::io::stderr());
    process::run(&mut enter)?;
    verify_unit(&root, dist)?;
    remove(&root)?;
    say("the package installs, works, and leaves nothing behind");
    Ok(())
}

/// The root as it is before anything is installed.
fn pristine(dist: &Dist<'_>) -> Result<PathBuf> {
    let root = dist.directory.join(format!("root-{SUITE}"));
    if root.is_dir() {
        return Ok(root);
    }
    say(&format!("making a minimal Debian {SUITE}, once"));
    // Under another name until it is whole.
    let unfinished = root.with_extension("unfinished");
    remove(&unfinished)?;
    let mut command = Command::new(DEBOOTSTRAP.0);
    command.args(["--variant=minbase", SUITE]).arg(&unfinished);
    process::run_logged(&mut command, &dist.directory.join("debootstrap.log"), say)?;
    fs::rename(&unfinished, &root)?;
    Ok(root)
}

/// What this machine's systemd says of the unit. There is none in a minimal root.
fn verify_unit(root: &Path, dist: &Dist<'_>) -> Result<()> {
    if !setup::is_installed("systemd-analyze") {
        say("the unit was not looked at, since there is no systemd-analyze here");
        return Ok(());
    }
    // The program it starts has to be there, and here it is not installed.
    let unit = fs::read_to_string(dist.project.root.join("packaging/tcpreuse-record.service"))?;
    let binary = dist.directory.join("tree/usr/bin/tcpreuse");
    let unit = unit
        .replace("/usr/bin/tcpreuse ", &format!("{} ", binary.display()))
        .lines()
        .filter(|line| !line.starts_with("Documentation="))
        .collect::<Vec<_>>()
        .join("\n");
    let copy = root.join("tcpreuse-record.service");
    super::write(&copy, unit.as_bytes())?;
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&copy)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("tcpreuse-record.service") {
        bail!("systemd-analyze does not like the unit: {said}");
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}
