//! The Debian package.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{DESCRIPTION, Dist, MAINTAINER, SUMMARY, read, say, tree::Tree, write};
use crate::{
    commands::{machine::Machine, setup},
    process,
};

/// Builds it; `None` where there is no `dpkg-deb`.
pub(super) fn build(dist: &Dist<'_>, machine: &Machine, tree: &Tree) -> Result<Option<PathBuf>> {
    if !setup::is_installed("dpkg-deb") {
        say("no dpkg-deb here, so there is no Debian package");
        return Ok(None);
    }
    let control = tree.root.join("DEBIAN");
    let sums = process::output(Command::new("md5sum").args(tree.files()?).current_dir(&tree.root))?;
    let bytes: u64 = tree
        .files()?
        .iter()
        .filter_map(|file| fs::metadata(tree.root.join(file)).ok())
        .map(|file| file.len().div_ceil(1024))
        .sum();
    fs::create_dir(&control).with_context(|| format!("cannot create {}", control.display()))?;
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755))?;
    write(
        &control.join("control"),
        description(dist, machine, bytes).as_bytes(),
    )?;
    write(&control.join("md5sums"), &sums)?;
    let stop = control.join("prerm");
    write(&stop, &read(&dist.project.root.join("packaging/prerm"))?)?;
    for (file, mode) in [("control", 0o644), ("md5sums", 0o644), ("prerm", 0o755)] {
        fs::set_permissions(control.join(file), fs::Permissions::from_mode(mode))?;
    }
    let package = dist
        .directory
        .join(format!("tcpreuse_{}_{}.deb", dist.version, machine.name));
    let mut command = Command::new("dpkg-deb");
    command
        .env("SOURCE_DATE_EPOCH", &dist.epoch)
        .args(["--root-owner-group", "-Zxz", "--build"])
        .arg(&tree.root)
        .arg(&package)
        .stdout(std::io::stderr());
    process::run(&mut command)?;
    fs::remove_dir_all(&control)?;
    Ok(Some(package))
}

fn description(dist: &Dist<'_>, machine: &Machine, kib: u64) -> String {
    format!(
        "\
Package: tcpreuse
Version: {}
Architecture: {}
Maintainer: {MAINTAINER}
Installed-Size: {kib}
Section: net
Priority: optional
Description: {SUMMARY}
{}
",
        dist.version,
        machine.name,
        indented(DESCRIPTION)
    )
}

/// Lines begin with a space, and empty ones have a dot.
fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => " .".to_owned(),
        line => format!(" {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_indented_and_has_no_empty_line() {
        assert_eq!(indented("a\n\nb"), " a\n .\n b");
    }
}
