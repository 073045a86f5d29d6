//! Where the workspace is, and where its build results go.

use std::{
    env,
    path::{self, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use xtask::isolate::isolate;

/// The workspace of this very xtask.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
}

impl Project {
    pub(crate) fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let package = PathBuf::from(package);
        let root = package
            .parent()
            .context("xtask is not in its workspace")?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(target) => path::absolute(target).context("CARGO_TARGET_DIR is no path")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The cargo that is running us, in the workspace. Without a subcommand yet.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        // Explicit, so that a directory from the user's configuration cannot part the results from us.
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The same without the variables of the cargo that runs us, which would make build scripts run again.
    pub(crate) fn cargo_alone(&self) -> Command {
        let mut command = self.cargo();
        isolate(&mut command).env("CARGO_TARGET_DIR", &self.target);
        keep_toolchain(&mut command);
        command
    }

    /// `cargo install` of a tool, which has nothing to do with the workspace or with how it is being built.
    pub(crate) fn cargo_install(&self) -> Command {
        let mut command = cargo();
        isolate(&mut command).arg("install").current_dir(&self.root);
        keep_toolchain(&mut command);
        command
    }

    /// Where builds of the BPF half by hand go, away from those of the build script.
    pub(crate) fn bpf_target(&self) -> PathBuf {
        self.target.join("bpf")
    }
}

/// It is the same cargo, so the compiler has to be that toolchain's too: without this, rustup would go by the
/// `rust-toolchain.toml` that some crates are published with.
fn keep_toolchain(command: &mut Command) {
    const TOOLCHAIN: &str = "RUSTUP_TOOLCHAIN";
    if let Some(toolchain) = env::var_os(TOOLCHAIN) {
        command.env(TOOLCHAIN, toolchain);
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
