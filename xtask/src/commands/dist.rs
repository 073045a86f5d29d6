//! `dist`: what is handed out, in `target/dist`.
//!
//! Built twice from the same commit by the same compiler, it is the same byte for byte: times are that of
//! the commit (or `SOURCE_DATE_EPOCH`), files belong to root, and no path of this machine is in it.

mod archive;
mod check;
mod deb;
mod notices;
mod static_binary;
mod tree;

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use self::tree::Tree;
use crate::{process, project::Project};

/// What all parts of it need to know.
struct Dist<'a> {
    project: &'a Project,
    /// Where it goes.
    directory: PathBuf,
    version: &'static str,
    /// Seconds since 1970 that files are given for their time.
    epoch: String,
}

/// Builds everything, and tries it with `check`.
pub(crate) fn run(project: &Project, check: bool) -> Result<()> {
    let directory = project.target.join("dist");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let dist = Dist {
        project,
        directory,
        version: env!("CARGO_PKG_VERSION"),
        epoch: epoch(project),
    };
    let binary = static_binary::build(&dist)?;
    let tree = Tree::stage(&dist, &binary)?;
    let mut made = vec![archive::build(&dist, &tree)?];
    let package = deb::build(&dist, &tree)?;
    made.extend(package.clone());
    sums(&dist, &made)?;
    let mut stdout = io::stdout().lock();
    for path in made {
        writeln!(stdout, "{}", path.display())?;
    }
    if check {
        let package = package.context("without a package there is nothing to check")?;
        check::run(&dist, &package)?;
    }
    Ok(())
}

/// The time of the commit, unless the environment says another.
fn epoch(project: &Project) -> String {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    // Without git: when this version was made at the earliest.
    const FALLBACK: &str = "1767225600";
    if let Ok(epoch) = env::var(VARIABLE) {
        return epoch;
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(&project.root);
    let time = process::output(&mut git)
        .ok()
        .and_then(|time| String::from_utf8(time).ok());
    time.map_or_else(|| FALLBACK.to_owned(), |time| time.trim().to_owned())
}

/// Writes `SHA256SUMS`, as `sha256sum -c` takes it.
fn sums(dist: &Dist<'_>, files: &[PathBuf]) -> Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = process::output(Command::new("sha256sum").args(names).current_dir(&dist.directory))?;
    write(&dist.directory.join("SHA256SUMS"), &sums)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn say(text: &str) {
    process::complain(&format!("dist: {text}"));
}
