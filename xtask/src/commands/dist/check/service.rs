//! Starts the services, as systemd does it, and has it reload and restart them: in a container that is
//! booted, with the kernel of this machine.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, bail};

use super::root::{Kind, Root, name};
use crate::{
    commands::{
        dist::{Dist, say, write},
        setup,
    },
    process,
};

/// Boots the container.
const NSPAWN: (&str, &str) = ("systemd-nspawn", "systemd-container");

/// Run by systemd once it is up. Writes to `/said` what it finds, and ends the container.
const SCRIPT: &str = include_str!("service.sh");

/// What runs it.
const UNIT: &str =
    "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/bash /service.sh\n";

/// What the script says last when all is well.
const WELL: &str = "the service is well";

/// It boots within seconds, a demo takes 17, and all else less than a minute; more than this is a hang.
const TIME_LIMIT: &str = "240";

pub(super) fn run(dist: &Dist<'_>, package: &Path) -> Result<()> {
    setup::program(dist.project, NSPAWN)?;
    let root = Root::fresh(dist, Kind::Systemd, &[package], ("service.sh", SCRIPT))?;
    let units = root.path.join("etc/systemd/system");
    write(&units.join("check.service"), UNIT.as_bytes())?;
    let wanted = units.join("multi-user.target.wants");
    fs::create_dir_all(&wanted)?;
    std::os::unix::fs::symlink("../check.service", wanted.join("check.service"))?;
    write(&root.path.join("package"), name(package)?.as_bytes())?;

    say("starting the service in a container");
    let mut boot = Command::new("timeout");
    boot.args(["--kill-after=5", TIME_LIMIT, NSPAWN.0, "--quiet", "--boot"])
        .args([
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--console=pipe",
        ])
        // The service is to have less; what it has then is its unit's doing.
        .args(["--capability=all", "--system-call-filter=bpf @privileged"])
        .arg(format!("--directory={}", root.path.display()));
    process::run_logged(&mut boot, &dist.directory.join("boot.log"), say)?;
    let said = fs::read_to_string(root.path.join("said")).unwrap_or_default();
    if said.lines().last() != Some(WELL) {
        bail!("the service is not well: {said}");
    }
    root.remove()?;
    say(WELL);
    Ok(())
}
