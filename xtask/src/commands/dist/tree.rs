//! Everything that is installed, where a system has it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{Dist, notices, read, write};
use crate::{commands::machine::Machine, process};

/// A directory with `usr/…` in it, and nothing else.
pub(super) struct Tree {
    pub(super) root: PathBuf,
}

const MAN: &str = "usr/share/man/man1";
/// Where documents are.
pub(super) const DOC: &str = "usr/share/doc/tcpreuse";

/// Shell, and where its completions go.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/tcpreuse"),
    ("zsh", "usr/share/zsh/vendor-completions/_tcpreuse"),
    ("fish", "usr/share/fish/vendor_completions.d/tcpreuse.fish"),
];

/// What goes into the package as it is in `packaging/`.
const PACKAGED: &[(&str, &str)] = &[
    (
        "usr/lib/systemd/system/tcpreuse-record.service",
        "packaging/tcpreuse-record.service",
    ),
    (
        "usr/lib/systemd/system/tcpreuse-serve.service",
        "packaging/tcpreuse-serve.service",
    ),
    (
        "usr/share/doc/tcpreuse/prometheus/tcpreuse.rules.yml",
        "packaging/prometheus/tcpreuse.rules.yml",
    ),
    (
        "usr/share/doc/tcpreuse/prometheus/tcpreuse.rules.test.yml",
        "packaging/prometheus/tcpreuse.rules.test.yml",
    ),
    ("usr/share/doc/tcpreuse/runbook.md", "docs/src/runbook.md"),
    (
        "usr/share/doc/tcpreuse/grafana.json",
        "packaging/grafana/tcpreuse.json",
    ),
    (
        "usr/share/doc/tcpreuse/kubernetes/daemonset.yaml",
        "packaging/kubernetes/daemonset.yaml",
    ),
    ("usr/share/doc/tcpreuse/Containerfile", "packaging/Containerfile"),
    (
        "usr/share/doc/tcpreuse/kubernetes/kustomization.yaml",
        "packaging/kubernetes/kustomization.yaml",
    ),
    ("usr/share/doc/tcpreuse/sql/views.sql", "packaging/sql/views.sql"),
    (
        "usr/share/doc/tcpreuse/sql/not-reusing.sql",
        "packaging/sql/not-reusing.sql",
    ),
    ("usr/share/doc/tcpreuse/sql/held.sql", "packaging/sql/held.sql"),
    ("usr/share/doc/tcpreuse/sql/surge.sql", "packaging/sql/surge.sql"),
    (
        "usr/share/doc/tcpreuse/sql/two-days.sql",
        "packaging/sql/two-days.sql",
    ),
    (
        "usr/share/doc/tcpreuse/sql/capacity.sql",
        "packaging/sql/capacity.sql",
    ),
    (
        "usr/share/doc/tcpreuse/sql/dialect/duckdb.sql",
        "packaging/sql/dialect/duckdb.sql",
    ),
    (
        "usr/share/doc/tcpreuse/sql/dialect/spark.sql",
        "packaging/sql/dialect/spark.sql",
    ),
    (
        "usr/share/doc/tcpreuse/sql/dialect/clickhouse.sql",
        "packaging/sql/dialect/clickhouse.sql",
    ),
    (
        "usr/share/doc/tcpreuse/spark/figures.py",
        "packaging/spark/figures.py",
    ),
    (
        "usr/share/doc/tcpreuse/spark/verdicts.py",
        "packaging/spark/verdicts.py",
    ),
    (
        "usr/share/doc/tcpreuse/spark/on_duckdb.py",
        "packaging/spark/on_duckdb.py",
    ),
];

impl Tree {
    /// Makes it anew for a machine. `own` is the binary of this one, which says what its manual pages are.
    pub(super) fn stage(dist: &Dist<'_>, machine: &Machine, binary: &Path, own: &Path) -> Result<Self> {
        let root = dist.directory.join("tree");
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
        }
        let tree = Self { root };
        tree.add("usr/bin/tcpreuse", &read(binary)?, 0o755)?;
        let print = |arguments: &[&str]| process::output(Command::new(own).args(arguments));

        let manual = print(&["man"])?;
        let commands = commands(&String::from_utf8_lossy(&manual));
        if commands.is_empty() {
            bail!("the manual page names no commands");
        }
        tree.page("tcpreuse", &manual)?;
        for command in &commands {
            tree.page(&format!("tcpreuse-{command}"), &print(&["man", command])?)?;
        }
        for (shell, path) in COMPLETIONS {
            tree.add(path, &print(&["completions", shell])?, 0o644)?;
        }
        let source = |path: &str| read(&dist.project.root.join(path));
        for (path, from) in PACKAGED {
            tree.add(path, &source(from)?, 0o644)?;
        }
        tree.add(
            &format!("{DOC}/copyright"),
            &source("packaging/copyright")?,
            0o644,
        )?;
        tree.add(&format!("{DOC}/README.md"), &source("README.md")?, 0o644)?;
        for page in documentation(&dist.project.root)? {
            tree.add(&format!("{DOC}/{page}"), &source(&page)?, 0o644)?;
        }
        tree.zipped(
            &format!("{DOC}/THIRD-PARTY.txt"),
            notices::collect(dist, machine)?.as_bytes(),
        )?;
        tree.zipped(&format!("{DOC}/changelog"), changelog(dist)?.as_bytes())?;
        tree.add(
            "usr/share/lintian/overrides/tcpreuse",
            &source("packaging/lintian-overrides")?,
            0o644,
        )?;
        Ok(tree)
    }

    /// All files, in order, relative to the root.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        fn walk(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    walk(&path, found)?;
                } else {
                    found.push(path);
                }
            }
            Ok(())
        }
        let mut found = Vec::new();
        walk(&self.root, &mut found)?;
        let mut names: Vec<PathBuf> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok())
            .map(Path::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    fn page(&self, name: &str, content: &[u8]) -> Result<()> {
        self.zipped(&format!("{MAN}/{name}.1"), content)
    }

    /// Adds a file, whatever the umask is.
    fn add(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        write(&path, content)?;
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&path, mode).with_context(|| format!("cannot change {}", path.display()))?;
        for directory in path
            .ancestors()
            .skip(1)
            .take_while(|above| above.starts_with(&self.root))
        {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Adds a file with gzip, without its name or time.
    fn zipped(&self, path: &str, content: &[u8]) -> Result<()> {
        self.add(path, content, 0o644)?;
        process::run(
            Command::new("gzip")
                .args(["-9", "-n", "-f"])
                .arg(self.root.join(path)),
        )
    }
}

/// The pages that README.md links, and their pictures.
fn documentation(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in ["docs", "docs/src", "docs/src/pictures"] {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_file() {
                found.push(format!("{folder}/{}", name.to_string_lossy()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The names of the commands that have a page of their own, from the page of the program.
fn commands(manual: &str) -> Vec<String> {
    let plain = manual.replace("\\-", "-");
    let mut names: Vec<String> = plain
        .split("tcpreuse-")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("(1)")?.0.to_owned()))
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    names.retain(|name| name != "help");
    names.dedup();
    names
}

fn changelog(dist: &Dist<'_>) -> Result<String> {
    let date = process::output(Command::new("date").env("LC_ALL", "C").args([
        "-u",
        "-R",
        "-d",
        &format!("@{}", dist.epoch),
    ]))?;
    Ok(format!(
        "tcpreuse ({}) unstable; urgency=medium\n\n  * As released.\n\n -- {}  {}",
        dist.version,
        super::MAINTAINER,
        String::from_utf8_lossy(&date)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_the_page() {
        let page = ".TP\ntcpreuse\\-top(1)\nShow\n.TP\ntcpreuse\\-record(1)\nWrite; see tcpreuse\\-x y\n\
                    .TP\ntcpreuse\\-help(1)\n";
        assert_eq!(commands(page), ["top", "record"]);
        assert!(commands("nothing").is_empty());
    }
}
