//! What a guest's file system holds: the tests, and the few programs of this machine that they run,
//! each with its libraries.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use xtask::probe::{Machine, Probe};

use super::{archive::Archive, machine::EMULATOR, package::Kernel};
use crate::commands::setup::find;

/// Programs that tests run, and `modprobe`, which the kernel runs for them.
const PROGRAMS: &[&str] = &[
    "bash",
    "cp",
    "ip",
    "ip6tables",
    "iptables",
    "modprobe",
    "mount",
    "sleep",
    "umount",
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

/// Writes the file system of one guest.
pub(super) fn write(to: &Path, tests: &Tests, kernel: &Kernel, plan: &str) -> Result<()> {
    let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut root = Root {
        archive: Archive::new(BufWriter::new(file)),
        there: BTreeSet::new(),
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
    root.program("init", &tests.init)?;
    root.program("tests/e2e", &tests.e2e)?;
    for (name, file) in &tests.programs {
        root.program(&format!("tests/{name}"), file)?;
    }
    for name in PROGRAMS {
        let file = find(name).with_context(|| format!("there is no program {name} on this machine"))?;
        root.program(&place(&file), &file)?;
    }
    root.tree("usr/lib/modules", &kernel.modules)?;
    root.archive.text("plan", plan)?;
    root.archive.finish()?;
    Ok(())
}

/// The first program that a guest needs and this machine does not have.
pub(super) fn missing() -> Option<&'static str> {
    let needed = [EMULATOR, "depmod"].into_iter().chain(PROGRAMS.iter().copied());
    needed.into_iter().find(|name| find(name).is_none())
}

/// Where a file of this machine goes, without the slash at the start.
fn place(file: &Path) -> String {
    let path = file.to_string_lossy();
    let path = path.trim_start_matches('/');
    match path.split_once('/') {
        Some((first, _)) if MERGED.contains(&first) => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

/// A file system being written, and what it has already.
struct Root<W> {
    archive: Archive<W>,
    there: BTreeSet<String>,
}

impl<W: Write> Root<W> {
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

    /// A program and the libraries it is linked to.
    fn program(&mut self, path: &str, from: &Path) -> Result<()> {
        self.file(path, from)?;
        let file = from.to_string_lossy();
        // A static one has none, of which ldd makes an error.
        let linked = Machine.output(Path::new("ldd"), &[&file]).unwrap_or_default();
        for library in linked.lines().filter_map(library) {
            self.file(&place(library), library)?;
            // What firewall rules consist of is loaded by name.
            if library
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libxtables."))
            {
                let extensions = library.with_file_name("xtables");
                self.tree(&place(&extensions), &extensions)?;
            }
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
            let path = format!("{path}/{}", name.to_string_lossy());
            if file.is_dir() {
                self.tree(&path, &file)?;
            } else {
                self.file(&path, &file)?;
            }
        }
        Ok(())
    }
}

/// The file in a line of `ldd`: `NAME => FILE (ADDRESS)`, or `FILE (ADDRESS)` for the loader.
fn library(line: &str) -> Option<&Path> {
    let (file, _address) = line.trim().rsplit_once(" (")?;
    let file = file.rsplit_once(" => ").map_or(file, |(_, file)| file);
    file.starts_with('/').then(|| Path::new(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let of = |line| library(line).map(|path| path.to_str().unwrap());
        assert_eq!(of("\tlinux-vdso.so.1 (0x00007f3d036aa000)"), None);
        assert_eq!(
            of("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3d02e1e000)"),
            Some("/lib/x86_64-linux-gnu/libc.so.6")
        );
        assert_eq!(
            of("\t/lib64/ld-linux-x86-64.so.2 (0x0)"),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(of("\tlibgone.so => not found"), None);
    }

    #[test]
    fn everything_of_the_system_is_below_usr() {
        assert_eq!(place(Path::new("/bin/bash")), "usr/bin/bash");
        assert_eq!(place(Path::new("/usr/sbin/ip")), "usr/sbin/ip");
        assert_eq!(place(Path::new("/opt/lib/x")), "opt/lib/x");
    }
}
