//! `picture`: the live view in the README, from the demo's real traffic.

use std::{fs, process::Stdio};

use anyhow::{Context, Result, bail};

use super::build;
use crate::{process, project::Project};

/// What stands before the picture in the README.
const MARK: &str = "<!-- made by `cargo xtask picture` -->\n```text\n";

/// What stands after it.
const END: &str = "```\n";

/// Narrow enough for a page, and high enough for all of the demo's clients.
const SIZE: &str = "100x32";

pub(crate) fn run(project: &Project) -> Result<()> {
    let mut command = build::demo_command(project)?;
    command.args(["--picture", SIZE]).stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", process::line(&command), output.status);
    }
    let picture = String::from_utf8(output.stdout).context("the picture is no text")?;
    let path = project.root.join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let readme = replaced(&readme, &picture)
        .with_context(|| format!("{} has no place for the picture", path.display()))?;
    fs::write(&path, readme).with_context(|| format!("cannot write {}", path.display()))
}

/// The README with another picture; `None` when there is no place for it.
fn replaced(readme: &str, picture: &str) -> Option<String> {
    let (before, rest) = readme.split_once(MARK)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{MARK}{picture}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_picture_changes() {
        let readme = |picture: &str| format!("one\n{MARK}{picture}{END}two\n```text\nthree\n```\n");
        assert_eq!(
            replaced(&readme("old\n"), "new\nlines\n"),
            Some(readme("new\nlines\n"))
        );
        assert_eq!(replaced("no place", "new"), None);
    }
}
