//! Python packages, in a virtual environment below the target directory: nothing of the system's Python
//! changes.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use super::{Setup, apt::Apt};
use crate::{process, project::Project};

/// The engine that the questions in `packaging/sql` are tested with: its module, and what pip calls it.
pub(super) const DUCKDB: (&str, &str) = ("duckdb", "duckdb==2.0.1");

/// The engine of clusters, which brings all of Spark but Java.
pub(super) const SPARK: (&str, &str) = ("pyspark", "pyspark==4.3.0");

/// What Debian's Python needs to make an environment.
const VENV_PACKAGE: &str = "python3-venv";

/// The interpreter of that environment.
pub(super) fn interpreter(project: &Project) -> PathBuf {
    environment(project).join("bin/python")
}

fn environment(project: &Project) -> PathBuf {
    project.target.join("python")
}

impl Setup<'_> {
    /// Installs those packages that are not there yet.
    pub(super) fn python(&mut self, packages: &[(&str, &str)]) -> Result<()> {
        let python = interpreter(self.project);
        let is_missing = |module: &str| {
            !process::succeeds(Command::new(&python).args(["-c", &format!("import {module}")]))
        };
        let missing: Vec<&str> = packages
            .iter()
            .filter(|(module, _)| is_missing(module))
            .map(|(_, package)| *package)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.say(&format!(
            "installing {} into {}",
            missing.join(", "),
            environment(self.project).display()
        ));
        let make = || {
            let mut command = Command::new("python3");
            command.args(["-m", "venv"]).arg(environment(self.project));
            command
        };
        let log = self.log("python");
        if !process::status_logged(&mut make(), &log, |text| self.say(text))?.success() {
            if let Some(apt) = Apt::usable() {
                apt.install(&[VENV_PACKAGE], &self.log("apt-get"), |text| self.say(text))?;
            }
            process::run_logged(&mut make(), &log, |text| self.say(text))?;
        }
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(&missing);
        process::run_logged(&mut pip, &log, |text| self.say(text))?;
        self.changed = true;
        Ok(())
    }
}
