//! Debian's packages for any of its machines, through the machine's own apt, which checks their signatures.
//! They are downloaded and unpacked, never installed: apt keeps its state in a directory of ours, so that
//! neither a foreign machine nor a newer suite becomes part of this one.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xtask::probe::{Machine as Here, Probe};

use super::machine::Machine;
use crate::process;

/// The newest series that Debian has, wherever it has it.
pub(super) const NEWEST: &str = "newest";

/// Suites that have newer kernels than a stable release of Debian.
const NEWER_SUITES: &[&str] = &["trixie-backports", "testing"];

/// Who signs all suites of Debian, where apt is to be told.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Debian's packages for one kind of machine.
pub(super) struct Debian<'a> {
    machine: &'static Machine,
    place: PathBuf,
    log: &'a Path,
}

impl<'a> Debian<'a> {
    /// Apt with its state below a directory. What it says goes to the log.
    pub(super) fn new(machine: &'static Machine, cache: &Path, log: &'a Path) -> Result<Self> {
        let place = cache.join(format!("apt-{}", machine.name));
        for directory in ["lists/partial", "archives/partial", "sources"] {
            let directory = place.join(directory);
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        let debian = Self { machine, place, log };
        debian.configure()?;
        Ok(debian)
    }

    fn configure(&self) -> Result<()> {
        let sources = sources()?;
        let place = self.place.display();
        let mut settings = String::new();
        for (name, value) in [
            ("Dir::State", place.to_string()),
            ("Dir::State::lists", format!("{place}/lists")),
            ("Dir::State::status", format!("{place}/status")),
            ("Dir::Cache", place.to_string()),
            ("Dir::Cache::archives", format!("{place}/archives")),
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", format!("{place}/sources")),
            ("Debug::NoLocking", "1".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("APT::Sandbox::User", "root".to_owned()),
            ("APT::Architecture", self.machine.name.to_owned()),
            ("APT::Architectures", self.machine.name.to_owned()),
            ("APT::Default-Release", sources.release),
        ] {
            writeln!(settings, "{name} \"{value}\";")?;
        }
        // Nothing is installed, so that whatever a package needs comes with it.
        for (name, content) in [
            ("status", ""),
            ("settings", &settings),
            ("sources/debian.list", &sources.lines),
        ] {
            let file = self.place.join(name);
            fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.place.join("settings")).arg("-q");
        command
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        process::run_logged(command, self.log, say)
    }

    /// The newest package of a kernel for virtual machines; `None` if there is none of that series. The lists
    /// of what there is are renewed only if they have none, or none of this year's.
    pub(super) fn kernel(&self, series: &str) -> Result<Option<String>> {
        let known = self.known(series);
        if known.is_some() && series != NEWEST {
            return Ok(known);
        }
        self.run(self.apt("apt-get").arg("update"))?;
        Ok(self.known(series))
    }

    fn known(&self, series: &str) -> Option<String> {
        let prefix = match series {
            NEWEST => "linux-image-".to_owned(),
            series => format!("linux-image-{series}."),
        };
        let output = self.apt("apt-cache").args(["pkgnames", &prefix]).output().ok()?;
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let found = names
            .lines()
            .filter_map(|name| Some((version(name, self.machine.name)?, name)));
        Some(found.max()?.1.to_owned())
    }

    /// Unpacks a kernel. From 7.3 on, its image and its modules have packages of their own.
    pub(super) fn unpack_kernel(&self, package: &str, into: &Path) -> Result<()> {
        self.unpack(package, into)?;
        for part in ["linux-base-", "linux-binary-", "linux-modules-"] {
            let part = package.replacen("linux-image-", part, 1);
            let output = self.apt("apt-cache").args(["pkgnames", &part]).output()?;
            if String::from_utf8_lossy(&output.stdout)
                .lines()
                .any(|name| name == part)
            {
                self.unpack(&part, into)?;
            }
        }
        Ok(())
    }

    /// Unpacks one package, without what it depends on: `name` or `name=version`.
    pub(super) fn unpack(&self, package: &str, into: &Path) -> Result<()> {
        say(&format!("downloading {package} for {}", self.machine.name));
        let here = into.with_extension("debs");
        fs::create_dir_all(&here).with_context(|| format!("cannot create {}", here.display()))?;
        let download = || {
            let mut command = self.apt("apt-get");
            command.current_dir(&here).args(["download", package]);
            command
        };
        if self.run(&mut download()).is_err() {
            // Packages are replaced by newer ones, and the lists still name the old.
            self.run(self.apt("apt-get").arg("update"))?;
            self.run(&mut download())?;
        }
        self.unpack_all(&here, into)?;
        fs::remove_dir_all(here)?;
        Ok(())
    }

    /// Unpacks packages with all that they depend on.
    pub(super) fn unpack_with_needs(&self, packages: &[&str], into: &Path) -> Result<()> {
        say(&format!(
            "downloading {} for {}",
            packages.join(", "),
            self.machine.name
        ));
        let fetch = || {
            let mut command = self.apt("apt-get");
            command.args(["--yes", "--no-install-recommends", "--download-only", "install"]);
            command.args(packages);
            command
        };
        if self.run(&mut fetch()).is_err() {
            self.run(self.apt("apt-get").arg("update"))?;
            self.run(&mut fetch())?;
        }
        self.unpack_all(&self.place.join("archives"), into)
    }

    fn unpack_all(&self, from: &Path, into: &Path) -> Result<()> {
        let packages = Here.entries(from).into_iter().map(PathBuf::from);
        let packages = packages.filter(|name| name.extension().is_some_and(|extension| extension == "deb"));
        for package in packages {
            let package = from.join(package);
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("--extract").args([&package, &into.to_path_buf()]);
            self.run(&mut unpack)?;
            fs::remove_file(&package)?;
        }
        Ok(())
    }
}

fn say(text: &str) {
    process::complain(&format!("kernels: {text}"));
}

/// Where this machine gets Debian's packages from, and the newer suites beside.
struct Sources {
    /// As a file of apt's.
    lines: String,
    /// The release that this machine has, which everything but a kernel comes from.
    release: String,
}

fn sources() -> Result<Sources> {
    let arguments = [
        "indextargets",
        "--format",
        "$(SITE) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
        "Origin: Debian",
    ];
    let said = Here.output(Path::new("apt-get"), &arguments).unwrap_or_default();
    let known: BTreeSet<(&str, &str)> = said
        .lines()
        .filter_map(|line| line.strip_suffix(" main")?.split_once(' '))
        .collect();
    // The others are named after it: its updates, its security.
    let Some((site, release)) = known.iter().find(|(_, release)| !release.contains('-')) else {
        bail!("apt knows no packages of Debian here; on Debian, `apt-get update` tells it");
    };
    let signed = if Path::new(KEYS).is_file() {
        format!("[signed-by={KEYS}] ")
    } else {
        String::new()
    };
    let newer = NEWER_SUITES.iter().map(|suite| (*site, *suite));
    let mut lines = String::new();
    for (site, suite) in known.iter().copied().chain(newer) {
        writeln!(lines, "deb {signed}{site} {suite} main")?;
    }
    Ok(Sources {
        lines,
        release: (*release).to_owned(),
    })
}

/// The numbers in the name of a kernel's package for virtual machines; `None` for any other package.
fn version(package: &str, machine: &str) -> Option<Vec<u64>> {
    let version = package
        .strip_prefix("linux-image-")?
        .strip_suffix(machine)?
        .strip_suffix("-cloud-")?;
    let numbers = version.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_told_by_its_numbers() {
        let of = |name: &str| version(name, "amd64");
        assert!(of("linux-image-6.1.0-56-cloud-amd64") > of("linux-image-6.1.0-9-cloud-amd64"));
        assert!(of("linux-image-6.12.117+deb12-cloud-amd64") > of("linux-image-6.12.73+deb13-cloud-amd64"));
        for other in [
            "linux-image-6.1.0-56-cloud-amd64-dbg",
            "linux-image-6.1.0-56-cloud-amd64-unsigned",
            "linux-image-6.1.0-56-amd64",
            "linux-image-6.1.0-56-cloud-arm64",
            "linux-image-cloud-amd64",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
