//! The package for Red Hat's systems and others that use RPM.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{DESCRIPTION, Dist, MAINTAINER, SUMMARY, read, say, tree::Tree, write};
use crate::{
    commands::{machine::Machine, setup},
    process,
};

/// Nothing is changed or derived: what is in the tree is in the package, and it depends on nothing.
const MACROS: &[&str] = &[
    "debug_package %{nil}",
    "__os_install_post %{nil}",
    "_build_id_links none",
    "_binary_payload w6.xzdio",
    "_buildhost localhost",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "source_date_epoch_from_changelog 0",
];

/// Builds it; `None` where there is no `rpmbuild`.
pub(super) fn build(dist: &Dist<'_>, machine: &Machine, tree: &Tree) -> Result<Option<PathBuf>> {
    if !setup::is_installed("rpmbuild") {
        say("no rpmbuild here (Debian's package rpm), so there is no RPM package");
        return Ok(None);
    }
    let top = dist.directory.join("rpm");
    if top.exists() {
        fs::remove_dir_all(&top).with_context(|| format!("cannot remove {}", top.display()))?;
    }
    fs::create_dir_all(&top)?;
    let description = top.join("tcpreuse.spec");
    let stop = String::from_utf8(read(&dist.project.root.join("packaging/prerm"))?)?;
    write(&description, spec(dist.version, tree, &stop)?.as_bytes())?;
    let mut command = Command::new("rpmbuild");
    command
        .env("SOURCE_DATE_EPOCH", &dist.epoch)
        .args(["-bb", "--quiet", "--target", machine.rust, "--define"])
        .arg(format!("_topdir {}", top.display()));
    for definition in MACROS {
        command.args(["--define", definition]);
    }
    process::run(command.arg(&description).stdout(std::io::stderr()))?;
    let name = format!("tcpreuse-{}-1.{}.rpm", dist.version, machine.rust);
    let package = dist.directory.join(&name);
    fs::rename(top.join("RPMS").join(machine.rust).join(&name), &package)?;
    Ok(Some(package))
}

/// What `rpmbuild` makes it of. `stop` is what Debian runs before the package is removed.
fn spec(version: &str, tree: &Tree, stop: &str) -> Result<String> {
    let root = tree.root.display();
    // Told by a number how many of the package there will be.
    let stop: String = stop
        .lines()
        .filter(|line| !line.starts_with("#!"))
        .map(|line| line.replace("[ \"$1\" = remove ]", "[ \"$1\" = 0 ]") + "\n")
        .collect();
    let mut files = String::new();
    for file in tree.files()? {
        // Only Debian has a use for this one.
        if !file.starts_with("usr/share/lintian") {
            writeln!(files, "\"/{}\"", file.display())?;
        }
    }
    Ok(format!(
        "\
Name: tcpreuse
Version: {version}
Release: 1
Summary: {SUMMARY}
License: MIT OR Apache-2.0
Packager: {MAINTAINER}
AutoReqProv: no

%description
{DESCRIPTION}

%install
cp -a '{root}/.' '%{{buildroot}}'
rm -r '%{{buildroot}}/usr/share/lintian'

%preun
{stop}
%files
%defattr(-,root,root,-)
{files}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_but_debians_own_are_in_it() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["usr/bin/tcpreuse", "usr/share/lintian/overrides/tcpreuse"] {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let tree = Tree {
            root: directory.path().to_owned(),
        };
        let spec = spec("1.2.3", &tree, "#!/bin/sh\nif [ \"$1\" = remove ]; then\n").unwrap();
        assert!(spec.contains("Version: 1.2.3\n"), "{spec}");
        assert!(spec.contains("%preun\nif [ \"$1\" = 0 ]; then\n"), "{spec}");
        assert!(spec.ends_with("\"/usr/bin/tcpreuse\"\n"), "{spec}");
        assert!(!spec.contains("/overrides"), "{spec}");
    }
}
