//! Debian packages.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{self, Command},
};

use anyhow::Result;
use xtask::probe::{Machine, Probe};

use super::is_root;
use crate::process::{run_logged, status_logged};

/// Proof that packages can be installed here without asking anybody.
pub(super) struct Apt(());

impl Apt {
    pub(super) fn usable() -> Option<Self> {
        (is_root() && Machine.on_path("apt-get").is_some()).then_some(Self(()))
    }

    /// Installs packages; the lists of what there is are renewed only if they prove too old or empty.
    pub(super) fn install(&self, packages: &[&str], log: &Path, say: impl Fn(&str)) -> Result<()> {
        say(&format!("installing {}", packages.join(", ")));
        let _stopped = NoServices::begin();
        let install = || {
            let mut command = apt_get();
            command
                .args(["install", "-y", "--no-install-recommends"])
                .args(packages);
            command
        };
        if status_logged(&mut install(), log, &say)?.success() {
            return Ok(());
        }
        say("that did not work, so the package lists are renewed first");
        run_logged(apt_get().arg("update"), log, &say)?;
        run_logged(&mut install(), log, &say)
    }
}

/// The script that Debian's packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While it exists and this process lives, packages do not start the services that they bring.
struct NoServices(());

impl NoServices {
    /// `None` if the administrator has a policy already, or none can be made; neither keeps packages away.
    fn begin() -> Option<Self> {
        let mut script = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY)
            .ok()?;
        let stopped = Self(());
        // 101: not allowed to. If this process is killed, the script that it leaves behind allows everything.
        let only_now = format!("#!/bin/sh\n[ -e /proc/{} ] && exit 101\nexit 0\n", process::id());
        script.write_all(only_now.as_bytes()).ok()?;
        Some(stopped)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        // Nobody else has made it.
        let _ = fs::remove_file(POLICY);
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Nothing may ask, and another apt at work is waited for.
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}
