//! The licences of what the binary consists of besides tcpreuse: all of them ask to go along with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::probe::{Machine, Probe, cargo_home};

use super::{Dist, static_binary};
use crate::process;

/// What is in the binary and in no crate.
const LIBRARIES: &str = "\
The binary also contains:

- the standard library of Rust, MIT or Apache-2.0, https://www.rust-lang.org
- musl libc, MIT, https://musl.libc.org
- an unwinder: that of GCC, GPL-3.0-or-later with the GCC Runtime Library Exception 3.1, or that of
  LLVM, Apache-2.0 with LLVM exceptions
";

/// One text for all crates, each licence once with those that bring it along.
pub(super) fn collect(dist: &Dist<'_>) -> Result<String> {
    let mut tree = dist.project.cargo();
    tree.args([
        "tree",
        "--locked",
        "--package",
        "tcpreuse",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ])
    .args(["--target", &static_binary::target(), "--format", "{p}|{l}"]);
    let listed = String::from_utf8(process::output(&mut tree)?)?;
    let mut crates: Vec<(&str, &str)> = listed.lines().filter_map(entry).collect();
    crates.sort_unstable();
    crates.dedup();
    if crates.is_empty() {
        bail!("`cargo tree` lists no crates");
    }
    let mut text = format!("{LIBRARIES}\nand these crates, from https://crates.io:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, licence) in crates {
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

/// Name with version, and licence, of a crate that is not ours.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (package, licence) = line.split_once('|')?;
    // Ours have their path behind the version; macros are marked.
    let package = package.trim_end_matches(" (proc-macro)");
    (!package.contains('(')).then_some((package, licence.trim_end_matches(" (*)")))
}

/// Where cargo has unpacked a crate.
fn sources(name: &str) -> Option<PathBuf> {
    let registries = cargo_home(&Machine)?.join("registry/src");
    let names = Machine.entries(&registries);
    names
        .iter()
        .map(|registry| registries.join(registry).join(name))
        .find(|path| path.is_dir())
}

/// The texts a crate brings along.
fn licences(directory: &Path) -> Vec<String> {
    let mut names = Machine.entries(directory);
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
    use super::entry;

    #[test]
    fn crates_that_are_not_ours() {
        assert_eq!(
            entry("aya v0.14.0|MIT OR Apache-2.0"),
            Some(("aya v0.14.0", "MIT OR Apache-2.0"))
        );
        assert_eq!(entry("aya v0.14.0|MIT (*)"), Some(("aya v0.14.0", "MIT")));
        assert_eq!(
            entry("x_derive v1.0.0 (proc-macro)|MIT"),
            Some(("x_derive v1.0.0", "MIT"))
        );
        assert_eq!(entry("tcpreuse v0.1.0 (/work)|MIT"), None);
        assert_eq!(entry(""), None);
    }
}
