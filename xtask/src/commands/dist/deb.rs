//! The Debian package.

use std::{env::consts::ARCH, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{Dist, read, say, tree::Tree, write};
use crate::{commands::setup, process};

/// Who answers for the package. There is no address yet.
pub(super) const MAINTAINER: &str = "The tcpreuse developers <tcpreuse@localhost>";

/// Builds it; `None` where there is no `dpkg-deb`.
pub(super) fn build(dist: &Dist<'_>, tree: &Tree) -> Result<Option<PathBuf>> {
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
    write(&control.join("control"), description(dist, bytes)?.as_bytes())?;
    write(&control.join("md5sums"), &sums)?;
    let stop = control.join("prerm");
    write(&stop, &read(&dist.project.root.join("packaging/prerm"))?)?;
    for (file, mode) in [("control", 0o644), ("md5sums", 0o644), ("prerm", 0o755)] {
        fs::set_permissions(control.join(file), fs::Permissions::from_mode(mode))?;
    }
    let package = dist
        .directory
        .join(format!("tcpreuse_{}_{}.deb", dist.version, architecture()?));
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

/// Debian's name for this kind of machine.
fn architecture() -> Result<&'static str> {
    Ok(match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "riscv64" => "riscv64",
        other => bail!("Debian's name for {other} is not known here"),
    })
}

fn description(dist: &Dist<'_>, kib: u64) -> Result<String> {
    Ok(format!(
        "\
Package: tcpreuse
Version: {}
Architecture: {}
Maintainer: {MAINTAINER}
Installed-Size: {kib}
Section: net
Priority: optional
Description: finds clients that open new TCP connections instead of reusing theirs
 A web server with long-polling clients holds a steady number of connections.
 When the number climbs and all workers are busy, tcpreuse says which clients
 do not reuse their connections, why, and which setting to change.
 .
 It counts in the kernel by eBPF programs, which the binary brings along, and
 needs Linux with BTF. The service that records evidence is
 neither enabled nor started by installing it.
",
        dist.version,
        architecture()?
    ))
}
