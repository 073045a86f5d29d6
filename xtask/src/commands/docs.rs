//! `docs`: the pages of the documentation that follow from the code.

use anyhow::Result;

use crate::{process, project::Project};

/// Makes the test that compares the pages write them.
const WRITE: (&str, &str) = ("TCPREUSE_WRITE_DOCS", "1");

pub(crate) fn run(project: &Project) -> Result<()> {
    let mut command = project.cargo();
    command.args(["test", "--locked", "--package", "tcpreuse", "--lib", "docs::"]);
    command.env(WRITE.0, WRITE.1);
    process::run(&mut command)
}
