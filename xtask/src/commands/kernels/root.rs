//! What a guest's file system holds: the tests, and the programs that they run, from Debian's packages.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{archive::Archive, package::Kernel};
use crate::commands::machine::Machine;
use crate::commands::setup::find;

/// Directories of the packages that programs and their libraries are in.
const KEPT: &[&str] = &[
    "bin",
    "lib",
    "lib64",
    "sbin",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/sbin",
];

/// Of these, what is large and of no use here: data of Perl, of the C library's encodings, of systemd.
const LEFT_OUT: &[&str] = &["gconv", "perl-base", "systemd"];

/// Programs with a name of their own that a package has under another one.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("iptables", "xtables-nft-multi"),
    ("ip6tables", "xtables-nft-multi"),
];

/// Where the file system has links to the same place below `/usr`.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];

const EMPTY: &[&str] = &["etc", "proc", "root", "run", "sys", "tmp", "var"];

/// The tests' own programs, as the build leaves them.
#[derive(Debug)]
pub(super) struct Tests {
    /// The end-to-end tests.
    pub(super) e2e: PathBuf,
    /// What they run: name and file.
    pub(super) programs: Vec<(String, PathBuf)>,
    /// What becomes the first process.
    pub(super) init: PathBuf,
}

/// Writes the file system of one guest. `userland` is the unpacked packages.
pub(super) fn write(to: &Path, tests: &Tests, kernel: &Kernel, userland: &Path, plan: &str) -> Result<()> {
    let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut root = Root {
        archive: Archive::new(BufWriter::new(file)),
        there: BTreeSet::new(),
        userland,
    };
    for name in MERGED {
        let place = format!("usr/{name}");
        root.parents(&format!("{place}/"))?;
        root.archive.link(name, &place)?;
    }
    for name in EMPTY {
        root.parents(&format!("{name}/"))?;
    }
    root.parents("dev/console")?;
    root.archive.device("dev/console", (5, 1))?;
    root.file("init", &tests.init)?;
    root.file("tests/e2e", &tests.e2e)?;
    for (name, file) in &tests.programs {
        root.file(&format!("tests/{name}"), file)?;
    }
    for (name, other) in OTHER_NAMES {
        root.file(
            &format!("usr/sbin/{name}"),
            &userland.join("usr/sbin").join(other),
        )?;
    }
    for directory in KEPT {
        let from = userland.join(directory);
        if from.is_dir() {
            root.tree(&place(directory), &from)?;
        }
    }
    root.tree("usr/lib/modules", &kernel.modules)?;
    root.archive.text("plan", plan)?;
    root.archive.finish()?;
    Ok(())
}

/// The first program that a guest needs and this machine does not have.
pub(super) fn missing(machine: &Machine) -> Option<String> {
    let needed = [
        machine.emulator.to_owned(),
        "depmod".to_owned(),
        machine.compiler(),
    ];
    needed.into_iter().find(|name| find(name).is_none())
}

/// Where a file of a package goes: its directories are links to those below `usr`.
fn place(path: &str) -> String {
    match path.split('/').next() {
        Some(first) if MERGED.contains(&first) => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

/// A file system being written, and what it has already.
struct Root<'a, W> {
    archive: Archive<W>,
    there: BTreeSet<String>,
    /// The unpacked packages.
    userland: &'a Path,
}

impl<W: Write> Root<'_, W> {
    /// The directories above a path.
    fn parents(&mut self, path: &str) -> Result<()> {
        for (end, _) in path.match_indices('/') {
            let Some(directory) = path.get(..end) else {
                continue;
            };
            if self.there.insert(directory.to_owned()) {
                self.archive.directory(directory)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, from: &Path) -> Result<()> {
        self.parents(path)?;
        if self.there.insert(path.to_owned()) {
            self.archive.file(path, from)?;
        }
        Ok(())
    }

    /// A directory with all that is in it.
    fn tree(&mut self, path: &str, from: &Path) -> Result<()> {
        self.parents(&format!("{path}/"))?;
        let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
        for entry in entries {
            let entry = entry?;
            let (name, file) = (entry.file_name(), entry.path());
            if LEFT_OUT.iter().any(|left_out| *left_out == name) {
                continue;
            }
            let path = format!("{path}/{}", name.to_string_lossy());
            // A whole path in a link means one in the packages, not one of this machine.
            let file = match fs::read_link(&file) {
                Ok(target) if target.is_absolute() => {
                    self.userland.join(target.strip_prefix("/").unwrap_or(&target))
                }
                _ => file,
            };
            if entry.file_type()?.is_dir() {
                self.tree(&path, &file)?;
            } else if file.is_file() {
                // Links are followed, and those that lead nowhere in the packages are left out.
                self.file(&path, &file)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_the_system_is_below_usr() {
        assert_eq!(place("bin"), "usr/bin");
        assert_eq!(place("usr/sbin"), "usr/sbin");
        assert_eq!(place("opt/lib"), "opt/lib");
    }
}
