//! The archive, for systems without Debian packages: the same files, unpacked anywhere or below `/`.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    Dist,
    tree::{DOC, Tree},
};
use crate::{commands::machine::Machine, process};

pub(super) fn build(dist: &Dist<'_>, machine: &Machine, tree: &Tree) -> Result<PathBuf> {
    let name = format!("tcpreuse-{}-{}", dist.version, machine.static_target());
    let tar = dist.directory.join(format!("{name}.tar"));
    let mut command = Command::new("tar");
    command
        .args([
            "--sort=name",
            "--format=ustar",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            // Those of the checkout depend on the umask.
            "--mode=u=rwX,go=rX",
        ])
        .arg(format!("--mtime=@{}", dist.epoch))
        // Only Debian has a use for this one.
        .args(["--exclude=./usr/share/lintian"])
        .arg(format!("--transform=s,^\\.,{name},"))
        // Debian has its own place for licences, and the text of one.
        .arg(format!("--transform=s,^LICENSE,{name}/{DOC}/LICENSE,"))
        .arg("-C")
        .arg(&tree.root)
        .arg("-cf")
        .arg(&tar)
        .args([".", "-C"])
        .arg(&dist.project.root)
        .args(["LICENSE-APACHE", "LICENSE-MIT"]);
    process::run(&mut command)?;
    process::run(Command::new("gzip").args(["-9", "-n", "-f"]).arg(&tar))?;
    Ok(dist.directory.join(format!("{name}.tar.gz")))
}
