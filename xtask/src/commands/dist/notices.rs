//! The licences of what the binary consists of besides tcpreuse: all of them ask to go along with it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use xtask::{
    probe::{Machine as Here, Probe, cargo_home},
    toolchain::bpf_target,
};

use super::Dist;
use crate::{commands::machine::Machine, process, project::Project};

/// What is in the binary and in no crate.
const LIBRARIES: &str = "\
The binary also contains:

- the standard library of Rust, MIT or Apache-2.0, https://www.rust-lang.org
- musl libc, MIT, https://musl.libc.org
- an unwinder: that of GCC, GPL-3.0-or-later with the GCC Runtime Library Exception 3.1, or that of
  LLVM, Apache-2.0 with LLVM exceptions
";

/// One text for all crates, each licence once with those that bring it along.
pub(super) fn collect(dist: &Dist<'_>, machine: &Machine) -> Result<String> {
    let mut crates = foreign(dist.project, "tcpreuse", &machine.static_target())?;
    // The binary embeds the object with the programs.
    crates.extend(foreign(dist.project, "tracer-ebpf", bpf_target())?);
    crates.sort_unstable();
    crates.dedup();
    let mut text = format!("{LIBRARIES}\nand these crates, from https://crates.io:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, licence) in &crates {
        writeln!(text, "- {name}: {licence}")?;
        let directory =
            sources(&name.replace(" v", "-")).with_context(|| format!("{name} has no source here"))?;
        for licence in licences(&directory) {
            texts.entry(licence).or_default().push(name.to_owned());
        }
    }
    for (licence, names) in texts {
        write!(
            text,
            "\n{}\nOf {}:\n\n{licence}\n",
            "-".repeat(80),
            names.join(", ")
        )?;
    }
    Ok(text)
}

/// The crates that a package is built of for a target, without ours.
fn foreign(project: &Project, package: &str, target: &str) -> Result<Vec<(String, String)>> {
    let mut tree = project.cargo();
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--package", package, "--target", target, "--format", "{p}|{l}"]);
    let listed = String::from_utf8(process::output(&mut tree)?)?;
    let crates: Vec<_> = listed.lines().filter_map(entry).collect();
    if crates.is_empty() {
        bail!("`cargo tree` lists no crates of {package}");
    }
    Ok(crates)
}

/// Name with version, and licence, of a crate that is not ours.
fn entry(line: &str) -> Option<(String, String)> {
    let (package, licence) = line.split_once('|')?;
    // Ours have their path behind the version; macros are marked.
    let package = package.trim_end_matches(" (proc-macro)");
    let licence = licence.trim_end_matches(" (*)");
    (!package.contains('(')).then(|| (package.to_owned(), licence.to_owned()))
}

/// Where cargo has unpacked a crate.
fn sources(name: &str) -> Option<PathBuf> {
    let registries = cargo_home(&Here)?.join("registry/src");
    let names = Here.entries(&registries);
    names
        .iter()
        .map(|registry| registries.join(registry).join(name))
        .find(|path| path.is_dir())
}

/// The texts a crate brings along.
fn licences(directory: &Path) -> Vec<String> {
    let mut names = Here.entries(directory);
    names.sort();
    names
        .iter()
        .filter(|name| {
            let name = name.to_string_lossy().to_uppercase();
            ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
                .iter()
                .any(|start| name.starts_with(start))
        })
        .filter_map(|name| std::fs::read_to_string(directory.join(name)).ok())
        .map(|text| text.trim().replace("\r\n", "\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_are_not_ours() {
        let found = |line| {
            let (name, licence) = entry(line)?;
            Some(format!("{name}: {licence}"))
        };
        let aya = "aya v0.14.0: MIT OR Apache-2.0";
        assert_eq!(found("aya v0.14.0|MIT OR Apache-2.0").as_deref(), Some(aya));
        assert_eq!(found("aya v0.14.0|MIT OR Apache-2.0 (*)").as_deref(), Some(aya));
        assert_eq!(
            found("x_derive v1.0.0 (proc-macro)|MIT").as_deref(),
            Some("x_derive v1.0.0: MIT")
        );
        assert_eq!(found("tcpreuse v0.1.0 (/work)|MIT"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_programs_bring_crates_along_too() {
        let project = Project::locate().unwrap();
        let crates = foreign(&project, "tracer-ebpf", bpf_target()).unwrap();
        assert!(
            crates.iter().any(|(name, _)| name.starts_with("aya-ebpf v")),
            "{crates:?}"
        );
    }
}
