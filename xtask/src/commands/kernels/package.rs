//! Other kernels, from the packages of Debian.
//!
//! They are downloaded through the machine's own apt, which checks their signatures, and are unpacked,
//! never installed. What a guest needs of one is kept in the user's cache directory.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use xtask::{
    probe::{Machine, Probe},
    toolchain,
};

use crate::{commands::setup, process, refusal::Refusal};

/// Where a package has its modules; Debian moves it some day.
const MODULES: &[&str] = &["lib/modules", "usr/lib/modules"];

/// Directories of modules that firewall rules need.
const KEPT_MODULES: &[&str] = &["crypto", "lib", "net/ipv4", "net/ipv6", "net/netfilter"];

/// One kernel, ready to boot.
#[derive(Debug)]
pub(super) struct Kernel {
    /// As `uname -r` says it.
    pub(super) release: String,
    /// The image.
    pub(super) image: PathBuf,
    /// What goes to `/usr/lib/modules` of the guest.
    pub(super) modules: PathBuf,
}

/// The kernel of a series such as `6.1`: from the cache, or else the newest package there is.
pub(super) fn get(series: &str, log: &Path) -> Result<Kernel> {
    let cache = toolchain::tool_directory(&Machine)
        .context("no place for kernels: neither HOME nor XDG_CACHE_HOME is set")?
        .join("kernels");
    let place = cache.join(series);
    if let Some(kernel) = unpacked(&place) {
        return Ok(kernel);
    }
    let partial = cache.join(format!("{series}.{}", std::process::id()));
    let made = download(series, &partial, log).and_then(|()| {
        fs::remove_dir_all(&place).ok();
        fs::rename(&partial, &place).with_context(|| format!("cannot create {}", place.display()))
    });
    fs::remove_dir_all(&partial).ok();
    made?;
    unpacked(&place).with_context(|| format!("{} holds no kernel", place.display()))
}

fn unpacked(place: &Path) -> Option<Kernel> {
    let modules = place.join("modules");
    let mut releases = Machine.entries(&modules).into_iter();
    let kernel = Kernel {
        release: releases.next()?.into_string().ok()?,
        image: place.join("vmlinuz"),
        modules,
    };
    kernel.image.is_file().then_some(kernel)
}

/// Fills a directory with the image and the modules.
fn download(series: &str, into: &Path, log: &Path) -> Result<()> {
    let say = |text: &str| process::complain(&format!("kernels: {text}"));
    fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
    let mut packages = known(series);
    let fetch = |package: Option<&String>| -> Result<bool> {
        let Some(package) = package else { return Ok(false) };
        say(&format!("downloading {package}"));
        let mut command = Command::new("apt-get");
        command.current_dir(into).args(["-q", "download", package]);
        Ok(process::status_logged(&mut command, log, say)?.success())
    };
    if !fetch(packages.first())? {
        if !setup::is_root() {
            return Err(nowhere(series));
        }
        say("that did not work, so the package lists are renewed first");
        let mut update = Command::new("apt-get");
        update.args(["-q", "-o", "DPkg::Lock::Timeout=120", "update"]);
        process::status_logged(&mut update, log, say)?;
        packages = known(series);
        if !fetch(packages.first())? {
            return Err(nowhere(series));
        }
    }
    let is_package = |name: &Path| name.extension().is_some_and(|extension| extension == "deb");
    let mut files = Machine.entries(into).into_iter().map(PathBuf::from);
    let package = files
        .find(|name| is_package(name))
        .context("apt-get left no package")?;
    let package = into.join(package);
    let all = into.join("all");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").args([&package, &all]);
    process::run_logged(&mut unpack, log, say)?;
    keep(&all, into, log)?;
    fs::remove_dir_all(&all)?;
    fs::remove_file(&package)?;
    Ok(())
}

/// Takes from an unpacked package what guests need.
fn keep(all: &Path, into: &Path, log: &Path) -> Result<()> {
    let modules = MODULES
        .iter()
        .map(|place| all.join(place))
        .find(|place| place.is_dir());
    let modules = modules.context("the package has no modules")?;
    let release = Machine
        .entries(&modules)
        .into_iter()
        .next()
        .context("the package has no modules")?;
    let release = release.to_string_lossy().into_owned();
    fs::rename(all.join(format!("boot/vmlinuz-{release}")), into.join("vmlinuz"))
        .context("the package has no kernel image")?;
    // depmod wants them below lib/modules.
    let base = into.join("base");
    let kept = base.join("lib/modules").join(&release);
    fs::create_dir_all(kept.join("kernel/net"))?;
    for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        fs::rename(modules.join(&release).join(name), kept.join(name)).ok();
    }
    for directory in KEPT_MODULES {
        let below = Path::new("kernel").join(directory);
        fs::rename(modules.join(&release).join(&below), kept.join(&below)).ok();
    }
    let mut index = Command::new("depmod");
    index.arg("--basedir").arg(&base).arg(&release);
    process::run_logged(&mut index, log, |_| ())?;
    fs::rename(base.join("lib/modules"), into.join("modules"))?;
    fs::remove_dir_all(base)?;
    Ok(())
}

/// The packages of a series that apt has heard of, the newest first.
fn known(series: &str) -> Vec<String> {
    let arguments = ["pkgnames", &format!("linux-image-{series}.")];
    let names = Machine
        .output(Path::new("apt-cache"), &arguments)
        .unwrap_or_default();
    let mut found: Vec<(Vec<u64>, String)> = names
        .lines()
        .filter_map(|name| Some((version(name)?, name.to_owned())))
        .collect();
    found.sort_by_key(|(version, _)| Reverse(version.clone()));
    found.into_iter().map(|(_, name)| name).collect()
}

/// The numbers in the name of a kernel's package for virtual machines; `None` for any other package.
fn version(package: &str) -> Option<Vec<u64>> {
    let version = package
        .strip_prefix("linux-image-")?
        .strip_suffix("-cloud-amd64")?;
    let numbers = version.split(|character: char| !character.is_ascii_digit());
    Some(numbers.filter_map(|number| number.parse().ok()).collect())
}

fn nowhere(series: &str) -> anyhow::Error {
    Refusal {
        reason: format!("no package linux-image-{series}.*-cloud-amd64 can be downloaded here; on Debian:"),
        advice: format!(
            "  sudo apt-get update\nIf `apt-cache pkgnames linux-image-{series}.` then still prints nothing, a suite has to\n\
             be added to apt's sources that has it, such as bookworm-security or trixie."
        ),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_newest_is_told_by_its_numbers() {
        assert!(version("linux-image-6.1.0-56-cloud-amd64") > version("linux-image-6.1.0-9-cloud-amd64"));
        assert!(
            version("linux-image-6.12.117+deb12-cloud-amd64")
                > version("linux-image-6.12.73+deb13-cloud-amd64")
        );
        for other in [
            "linux-image-6.1.0-56-cloud-amd64-dbg",
            "linux-image-6.1.0-56-cloud-amd64-unsigned",
            "linux-image-6.1.0-56-amd64",
        ] {
            assert_eq!(version(other), None);
        }
    }
}
