//! Roots in which a package is tried: a small Debian that is made once, and copied for each check.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    commands::{
        dist::{Dist, say, write},
        setup,
    },
    process,
};

/// Makes the root. `bookworm` has what is needed and will be there for years.
const DEBOOTSTRAP: (&str, &str) = ("debootstrap", "debootstrap");
const SUITE: &str = "bookworm";

/// What is in a root beside the least there can be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Minimal,
    /// With what boots it.
    Systemd,
}

/// A copy that can be written to and thrown away at any time.
pub(super) struct Root {
    pub(super) path: PathBuf,
}

impl Root {
    /// A fresh one with files and a script in `/`, none of which has been run.
    pub(super) fn fresh(dist: &Dist<'_>, kind: Kind, files: &[&Path], script: (&str, &str)) -> Result<Self> {
        let pristine = pristine(dist, kind)?;
        let path = dist.directory.join("root");
        remove(&path)?;
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto"])
            .arg(&pristine)
            .arg(&path);
        process::run(&mut copy)?;
        let root = Self { path };
        for file in files {
            fs::copy(file, root.path.join(name(file)?))
                .with_context(|| format!("cannot copy {}", file.display()))?;
        }
        write(&root.path.join(script.0), script.1.as_bytes())?;
        Ok(root)
    }

    /// Removes it.
    pub(super) fn remove(self) -> Result<()> {
        remove(&self.path)
    }
}

/// The name of a file in its directory.
pub(super) fn name(file: &Path) -> Result<&str> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no name", file.display()))
}

/// The root as it is before anything is installed.
fn pristine(dist: &Dist<'_>, kind: Kind) -> Result<PathBuf> {
    let (name, include) = match kind {
        Kind::Minimal => (format!("root-{SUITE}"), None),
        Kind::Systemd => (
            format!("root-{SUITE}-systemd"),
            Some("--include=systemd,systemd-sysv"),
        ),
    };
    let root = dist.directory.join(name);
    if root.is_dir() {
        return Ok(root);
    }
    setup::program(dist.project, DEBOOTSTRAP)?;
    let with = include.map_or("", |_| " with systemd");
    say(&format!("making a minimal Debian {SUITE}{with}, once"));
    // Under another name until it is whole.
    let unfinished = root.with_extension("unfinished");
    remove(&unfinished)?;
    let mut command = Command::new(DEBOOTSTRAP.0);
    command
        .arg("--variant=minbase")
        .args(include)
        .arg(SUITE)
        .arg(&unfinished);
    process::run_logged(&mut command, &dist.directory.join("debootstrap.log"), say)?;
    fs::rename(&unfinished, &root)?;
    Ok(root)
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}
