//! `dist`: what is handed out, in `target/dist`.
//!
//! Built twice from the same commit by the same compiler, it is the same byte for byte: times are that of
//! the commit (or `SOURCE_DATE_EPOCH`), files belong to root, and no path of this machine is in it.

mod again;
mod archive;
mod check;
mod deb;
mod notices;
mod rpm;
mod static_binary;
mod tree;

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use self::tree::Tree;
use super::{
    machine::{MACHINES, Machine},
    setup,
};
use crate::{process, project::Project};

/// What all parts of it need to know.
struct Dist<'a> {
    project: &'a Project,
    /// Where it goes.
    directory: PathBuf,
    version: &'static str,
    /// Seconds since 1970 that files are given for their time.
    epoch: String,
}

/// Who answers for the packages. There is no address yet.
const MAINTAINER: &str = "The tcpreuse developers <tcpreuse@localhost>";

const SUMMARY: &str = "finds clients that open new TCP connections instead of reusing theirs";

const DESCRIPTION: &str = "\
A web server with long-polling clients holds a steady number of connections.
When the number climbs and all workers are busy, tcpreuse says which clients
do not reuse their connections, why, and which setting to change.

It counts in the kernel by eBPF programs, which the binary brings along, and
needs Linux with BTF. The services that record evidence and serve metrics are
neither enabled nor started by installing it.";

/// What the files of a release are verified by.
const SUMS: &str = "SHA256SUMS";

/// What makes a package for RPM, and the package it is in.
const RPMBUILD: (&str, &str) = ("rpmbuild", "rpm");

/// Builds everything for this machine or for `all` that are known, tries it with `check`, and builds it in
/// another folder too with `again`.
pub(crate) fn run(project: &Project, all: bool, check: bool, again: bool) -> Result<()> {
    let directory = project.target.join("dist");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let dist = Dist {
        project,
        directory,
        version: env!("CARGO_PKG_VERSION"),
        epoch: epoch(project),
    };
    let this = Machine::like_this().with_context(|| {
        let names: Vec<&str> = MACHINES.iter().map(|machine| machine.name).collect();
        format!(
            "tcpreuse runs on {}, and this machine is another one",
            names.join(" and ")
        )
    })?;
    if all || check {
        setup::program(project, RPMBUILD)?;
    }
    let others = MACHINES.iter().filter(|machine| all && !machine.is_like_this());
    let mut made = Vec::new();
    let own = static_binary::build(&dist, this)?;
    let own = made_for(&dist, this, &own, &own, &mut made)?;
    for machine in others {
        let binary = static_binary::build(&dist, machine)?;
        made_for(&dist, machine, &binary, &own.binary, &mut made)?;
    }
    sums(&dist, &made)?;
    let mut stdout = io::stdout().lock();
    for path in &made {
        writeln!(stdout, "{}", path.display())?;
    }
    if check {
        check::run(&dist, &own)?;
    }
    if again {
        again::run(&dist, all)?;
    }
    Ok(())
}

/// What was made for one machine.
struct Made {
    binary: PathBuf,
    archive: PathBuf,
    deb: Option<PathBuf>,
    rpm: Option<PathBuf>,
}

/// Packs a binary in all ways. `own` is that of this machine.
fn made_for(
    dist: &Dist<'_>,
    machine: &Machine,
    binary: &Path,
    own: &Path,
    all: &mut Vec<PathBuf>,
) -> Result<Made> {
    let tree = Tree::stage(dist, machine, binary, own)?;
    let made = Made {
        binary: binary.to_owned(),
        archive: archive::build(dist, machine, &tree)?,
        deb: deb::build(dist, machine, &tree)?,
        rpm: rpm::build(dist, machine, &tree)?,
    };
    all.push(made.archive.clone());
    all.extend(made.deb.clone());
    all.extend(made.rpm.clone());
    Ok(made)
}

/// The time of the commit, unless the environment says another.
fn epoch(project: &Project) -> String {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    // Without git: when this version was made at the earliest.
    const FALLBACK: &str = "1767225600";
    if let Ok(epoch) = env::var(VARIABLE) {
        return epoch;
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(&project.root);
    let time = process::output(&mut git)
        .ok()
        .and_then(|time| String::from_utf8(time).ok());
    time.map_or_else(|| FALLBACK.to_owned(), |time| time.trim().to_owned())
}

/// Writes `SHA256SUMS`, as `sha256sum -c` takes it.
fn sums(dist: &Dist<'_>, files: &[PathBuf]) -> Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = process::output(Command::new("sha256sum").args(names).current_dir(&dist.directory))?;
    write(&dist.directory.join(SUMS), &sums)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn say(text: &str) {
    process::complain(&format!("dist: {text}"));
}
