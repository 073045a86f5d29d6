//! What guests are made of, from the packages of Debian: kernels, the programs that tests run, and the
//! standard library of Rust for a foreign machine. It is kept in the user's cache directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xtask::{
    probe::{Machine as Here, Probe},
    toolchain,
};

use super::guest::Guest;
use crate::{
    commands::{debian::Debian, machine::Machine},
    process,
};

/// Where a package has its modules; Debian moves it some day.
const MODULES: &[&str] = &["lib/modules", "usr/lib/modules"];

/// What guests need of the modules: firewall rules, pairs of network devices, and VRFs.
const KEPT_MODULES: &[&str] = &[
    "crypto",
    "drivers/net/veth.*",
    "drivers/net/vrf.*",
    "lib",
    "net/ipv4",
    "net/ipv6",
    "net/netfilter",
];

/// The packages of what tests run, and of `modprobe`, which the kernel runs for them.
const USERLAND: &[&str] = &[
    "bash",
    "coreutils",
    "iproute2",
    "iptables",
    "kmod",
    "mount",
    "util-linux",
];

/// Rust's standard library, of the same source as the compiler that this one goes with.
const STANDARD_LIBRARY: &str = "libstd-rust-web-dev";

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

/// What is kept between runs.
pub(super) struct Cache<'a> {
    place: PathBuf,
    log: &'a Path,
}

impl<'a> Cache<'a> {
    pub(super) fn new(log: &'a Path) -> Result<Self> {
        let place = toolchain::tool_directory(&Here)
            .context("no place for kernels: neither HOME nor XDG_CACHE_HOME is set")?
            .join("guests");
        Ok(Self { place, log })
    }

    /// A kernel: the newest that there is of its series.
    pub(super) fn kernel(&self, guest: &Guest) -> Result<Kernel> {
        let (series, machine) = (&guest.series, guest.machine);
        let debian = Debian::new(machine, &self.place, self.log)?;
        let Some(package) = debian.kernel(series)? else {
            bail!(
                "Debian has no kernel {series} for virtual machines of {}",
                machine.name
            );
        };
        let place = self.once(&package, |into| {
            let all = into.with_extension("all");
            debian.unpack_kernel(&package, &all)?;
            let kept = self.keep(&all, into);
            fs::remove_dir_all(all)?;
            kept
        })?;
        let modules = place.join("modules");
        let release = Here
            .entries(&modules)
            .into_iter()
            .next()
            .and_then(|name| name.into_string().ok());
        Ok(Kernel {
            release: release.with_context(|| format!("{} holds no kernel", place.display()))?,
            image: place.join("vmlinuz"),
            modules,
        })
    }

    /// The programs of a guest with their libraries, as a file system.
    pub(super) fn userland(&self, machine: &'static Machine) -> Result<PathBuf> {
        self.once(&format!("userland-{}", machine.name), |into| {
            Debian::new(machine, &self.place, self.log)?.unpack_with_needs(USERLAND, into)
        })
    }

    /// A directory that the compiler takes for its own, with the standard library for a foreign machine.
    pub(super) fn sysroot(&self, machine: &'static Machine) -> Result<PathBuf> {
        let arguments = ["--showformat", "${Version}", "--show", "rustc-web"];
        let version = Here
            .output(Path::new("dpkg-query"), &arguments)
            .unwrap_or_default();
        let package = format!("{STANDARD_LIBRARY}={}", version.trim());
        let place = self.once(
            &format!("{STANDARD_LIBRARY}-{}-{}", machine.name, version.trim()),
            |into| Debian::new(machine, &self.place, self.log)?.unpack(&package, into),
        )?;
        Ok(place.join("usr"))
    }

    /// A directory that is there whole or not at all.
    fn once(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let place = self.place.join(name);
        if place.is_dir() {
            return Ok(place);
        }
        let partial = self.place.join(format!("{name}.{}", std::process::id()));
        fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
        let made = make(&partial).and_then(|()| {
            fs::rename(&partial, &place).with_context(|| format!("cannot create {}", place.display()))
        });
        fs::remove_dir_all(&partial).ok();
        made.map(|()| place)
    }

    /// Takes from an unpacked package what guests need.
    fn keep(&self, all: &Path, into: &Path) -> Result<()> {
        let modules = MODULES
            .iter()
            .map(|place| all.join(place))
            .find(|place| place.is_dir());
        let modules = modules.context("the package has no modules")?;
        let release = Here
            .entries(&modules)
            .into_iter()
            .next()
            .context("the package has no modules")?;
        let release = release.to_string_lossy().into_owned();
        let images = [
            all.join(format!("boot/vmlinuz-{release}")),
            modules.join(&release).join("vmlinuz"),
        ];
        let image = images
            .iter()
            .find(|image| image.is_file())
            .context("the package has no kernel image")?;
        fs::rename(image, into.join("vmlinuz"))
            .with_context(|| format!("cannot move {}", image.display()))?;
        // depmod wants them below lib/modules.
        let base = into.join("base");
        let kept = base.join("lib/modules").join(&release);
        fs::create_dir_all(kept.join("kernel/net"))?;
        fs::create_dir_all(kept.join("kernel/drivers/net"))?;
        for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            fs::rename(modules.join(&release).join(name), kept.join(name)).ok();
        }
        for wanted in KEPT_MODULES {
            let below = Path::new("kernel").join(wanted);
            let (from, to) = (modules.join(&release).join(&below), kept.join(&below));
            match wanted.strip_suffix('*') {
                // A file, however it is compressed.
                Some(_) => {
                    let (Some(from), Some(to)) = (from.parent(), to.parent()) else {
                        continue;
                    };
                    let start = below
                        .file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned()
                        + ".";
                    for name in Here.entries(from) {
                        if name.to_string_lossy().starts_with(&start) {
                            fs::rename(from.join(&name), to.join(&name))?;
                        }
                    }
                }
                None => {
                    fs::rename(from, to).ok();
                }
            }
        }
        let mut index = Command::new("depmod");
        index.arg("--basedir").arg(&base).arg(&release);
        process::run_logged(&mut index, self.log, |_| ())?;
        fs::rename(base.join("lib/modules"), into.join("modules"))?;
        fs::remove_dir_all(base)?;
        Ok(())
    }
}
