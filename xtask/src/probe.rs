//! Questions about the machine, behind a trait so that the choice of a toolchain can be tested.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::isolate::isolate;

/// What the search for a toolchain may ask.
pub trait Probe {
    /// Standard output of a program, `None` when it is not there or ends with a failure.
    fn output(&self, program: &Path, args: &[&str]) -> Option<String>;

    /// Names of what a directory holds, none when there is no such directory.
    fn entries(&self, directory: &Path) -> Vec<OsString>;

    /// Whether this is a file that may be run.
    fn is_program(&self, path: &Path) -> bool;

    /// An environment variable; an empty one counts as unset.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The first program of that name on `PATH`.
    fn on_path(&self, name: &str) -> Option<PathBuf> {
        let path = self.variable("PATH")?;
        env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| self.is_program(file))
    }
}

/// Where cargo keeps crates and what its subcommands leave there; `None` without a home.
#[must_use]
pub fn cargo_home(probe: &impl Probe) -> Option<PathBuf> {
    let default = || Some(PathBuf::from(probe.variable("HOME")?).join(".cargo"));
    probe.variable("CARGO_HOME").map(PathBuf::from).or_else(default)
}

/// The machine this runs on.
#[derive(Clone, Copy, Debug)]
pub struct Machine;

impl Probe for Machine {
    fn output(&self, program: &Path, args: &[&str]) -> Option<String> {
        let output = isolate(&mut Command::new(program))
            .args(args)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn entries(&self, directory: &Path) -> Vec<OsString> {
        let Ok(entries) = fs::read_dir(directory) else {
            return Vec::new();
        };
        entries.flatten().map(|entry| entry.file_name()).collect()
    }

    fn is_program(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name).filter(|value| value != OsStr::new(""))
    }
}
