//! A page of the documentation with tables that a command measures.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};

use super::build;
use crate::{process, project::Project};

/// Makes a command write its tables into its page. It is not passed on.
const README: &str = "--readme";

/// What is passed on instead: what is printed is Markdown then.
const MARKDOWN: &str = "--markdown";

/// The exit code of a command that measured all and found something wrong: there are tables all the same.
const MISSED: i32 = 1;

/// A page, and the command whose tables it has.
pub(super) struct Page {
    /// Its path in the project.
    pub(super) path: &'static str,
    /// The command as it is typed, after `cargo xtask`.
    pub(super) name: &'static str,
}

impl Page {
    /// Passes the arguments on and becomes the command; with `--readme`, runs it and writes what it prints
    /// into the page.
    pub(super) fn perform(
        &self,
        project: &Project,
        mut command: Command,
        arguments: &[OsString],
    ) -> Result<ExitCode> {
        command.args(arguments.iter().filter(|argument| *argument != README));
        let for_readme = arguments.iter().any(|argument| argument == README);
        if for_readme {
            command.arg(MARKDOWN);
        }
        let command = build::as_root(command, self.name)?;
        match for_readme {
            true => self.write(project, command),
            false => build::become_it(command),
        }
    }

    fn write(&self, project: &Project, mut command: Command) -> Result<ExitCode> {
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
        io::stdout().write_all(&output.stdout)?;
        if !output.status.success() && output.status.code() != Some(MISSED) {
            bail!("`{}` failed: {}", process::line(&command), output.status);
        }
        let tables = String::from_utf8(output.stdout).context("the tables are no text")?;
        let path = project.root.join(self.path);
        let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let page = self
            .replaced(&page, &format!("\n{}\n\n", tables.trim()))
            .with_context(|| format!("{} has no place for it", path.display()))?;
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(process::pass_on(output.status))
    }

    /// The page with other tables between the marks; `None` when they are not there.
    fn replaced(&self, page: &str, tables: &str) -> Option<String> {
        let mark = format!("<!-- made by `cargo xtask {} {README}` -->\n", self.name);
        let end = format!("<!-- end of what `cargo xtask {} {README}` made -->\n", self.name);
        let (before, rest) = page.split_once(&mark)?;
        let (_, after) = rest.split_once(&end)?;
        Some(format!("{before}{mark}{tables}{end}{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{bench, fleet};

    #[test]
    fn only_the_tables_change() {
        let page = Page {
            path: "",
            name: "cook",
        };
        let with = |tables: &str| {
            format!(
                "one\n<!-- made by `cargo xtask cook --readme` -->\n{tables}\
                 <!-- end of what `cargo xtask cook --readme` made -->\ntwo\n"
            )
        };
        assert_eq!(
            page.replaced(&with("old\n"), "new\nlines\n"),
            Some(with("new\nlines\n"))
        );
        assert_eq!(page.replaced("no place", "new"), None);
    }

    #[test]
    fn each_page_has_a_place_for_its_tables() {
        for page in [bench::PAGE, fleet::PAGE, fleet::SCALE_PAGE] {
            let path = format!("{}/../{}", env!("CARGO_MANIFEST_DIR"), page.path);
            let text = fs::read_to_string(&path).unwrap();
            assert!(page.replaced(&text, "").is_some(), "{path}");
        }
    }
}
