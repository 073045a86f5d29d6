//! `picture`: the live view and the chart in the README, from the demo's real traffic.

use std::fs;

use anyhow::{Context, Result};

use super::build;
use crate::{process, project::Project};

/// What stands before the picture in the README.
const MARK: &str = "<!-- made by `cargo xtask picture` -->\n```text\n";

/// What stands after it.
const END: &str = "```\n";

/// Where the same goes as a picture, with the first chart of the demo's report.
const PICTURES: &str = "docs";

/// Narrow enough for a page, and high enough for all of the demo's clients.
const SIZE: &str = "100x32";

pub(crate) fn run(project: &Project) -> Result<()> {
    let mut command = build::demo_command(project)?;
    let pictures = project.root.join(PICTURES);
    fs::create_dir_all(&pictures).with_context(|| format!("cannot create {}", pictures.display()))?;
    let picture = process::output(command.args(["--picture", SIZE, "--pictures"]).arg(pictures))?;
    let picture = String::from_utf8(picture).context("the picture is no text")?;
    into_readme(project, (MARK, END), &picture)
}

/// Puts a text into the README, between two marks.
pub(super) fn into_readme(project: &Project, marks: (&str, &str), text: &str) -> Result<()> {
    let path = project.root.join("README.md");
    let readme = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let readme =
        replaced(&readme, marks, text).with_context(|| format!("{} has no place for it", path.display()))?;
    fs::write(&path, readme).with_context(|| format!("cannot write {}", path.display()))
}

/// The README with another text between these marks; `None` when they are not there.
fn replaced(readme: &str, (mark, end): (&str, &str), text: &str) -> Option<String> {
    let (before, rest) = readme.split_once(mark)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{mark}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_picture_changes() {
        let readme = |picture: &str| format!("one\n{MARK}{picture}{END}two\n```text\nthree\n```\n");
        assert_eq!(
            replaced(&readme("old\n"), (MARK, END), "new\nlines\n"),
            Some(readme("new\nlines\n"))
        );
        assert_eq!(replaced("no place", (MARK, END), "new"), None);
    }
}
