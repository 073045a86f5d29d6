//! `picture`: the live view, the report and the page of `serve` in the documentation, from the demo's real
//! traffic.

use std::fs;

use anyhow::{Context, Result};

use super::build;
use crate::{process, project::Project};

/// Where they go.
const PICTURES: &str = "docs/src/pictures";

/// Narrow enough for a page, and high enough for all of the demo's clients.
const SIZE: &str = "100x32";

pub(crate) fn run(project: &Project) -> Result<()> {
    let mut command = build::demo_command(project)?;
    let pictures = project.root.join(PICTURES);
    fs::create_dir_all(&pictures).with_context(|| format!("cannot create {}", pictures.display()))?;
    process::output(command.args(["--picture", SIZE, "--pictures"]).arg(pictures))?;
    Ok(())
}
