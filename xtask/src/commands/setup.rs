//! `setup`: whatever is missing gets installed, and nothing else.
//!
//! A distribution's packages are installed where that is possible without a question, as root; anybody
//! else is told the commands. The linker is compiled into a directory of our own, never among the user's
//! programs.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use xtask::{
    object,
    probe::{Machine, Probe},
    toolchain::{self, Compiler, Lack, Missing, Toolchain},
};

mod advice;
mod apt;
mod python;

use self::apt::Apt;
use crate::{args::Purpose, process, project::Project, refusal::Refusal};

/// The linker's release that goes with the compilers we support.
const LINKER_VERSION: &str = "0.13.0";

const COMPILER_PACKAGES: &[&str] = &["rustc-web", "libstd-rust-web-dev-bpf"];
const CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// A C++ compiler.
const CXX_PACKAGE: &str = "g++";

/// What the tests use that is no program, and is looked for where Debian has it.
const TOMCAT: &str = "/usr/share/tomcat10/bin";
const MOD_JK: &str = "/usr/lib/apache2/modules/mod_jk.so";
const GRPC: &str = "/usr/lib/python3/dist-packages/grpc";

/// Programs the tests run, and the packages they are in. Of Apache only the package with the binary and
/// its modules, and of Redis only the tools, which have the server under another name. No service is started.
const TEST_PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("bpftool", "bpftool"),
    ("apache2", "apache2-bin"),
    ("setcap", "libcap2-bin"),
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("go", "golang-go"),
    ("java", "tomcat10"),
    (TOMCAT, "tomcat10"),
    (MOD_JK, "libapache2-mod-jk"),
    (GRPC, "python3-grpcio"),
    ("jq", "jq"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_pub", "mosquitto-clients"),
    ("nginx", "nginx-light"),
    ("node", "nodejs"),
    ("pg_ctlcluster", "postgresql"),
    ("prometheus", "prometheus"),
    ("python3", "python3"),
    ("redis-cli", "redis-tools"),
];

/// Programs that trying other kernels takes, and the packages they are in.
const KERNEL_PROGRAMS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-system-aarch64", "qemu-system-arm"),
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("aarch64-linux-gnu-gcc", "libc6-dev-arm64-cross"),
    ("depmod", "kmod"),
];

/// Programs that a fleet of several hosts takes, and the packages they are in.
const FLEET_PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("haproxy", "haproxy"),
    ("java", "default-jre-headless"),
    ("nginx", "nginx-light"),
    ("python3", "python3"),
];

/// Programs that are measured beside ours, and the packages they are in.
const BENCH_PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("tcplife", "libbpf-tools"),
    ("tcpstates", "libbpf-tools"),
];

/// What follows where packages cannot be installed.
enum Without {
    /// There is no going on.
    Stop,
    /// There is, with this loss.
    Lose(&'static str),
    /// There is, and what needs them says so itself.
    GoOn,
}

/// The command: what the tests or the measurements need belongs to it, if it is for them.
pub(crate) fn run(project: &Project, purpose: Purpose) -> Result<()> {
    let packages = |toolchain: &Toolchain| match purpose {
        Purpose { tests: true, .. } => [missing_packages(TEST_PROGRAMS), missing_clippy(toolchain)].concat(),
        Purpose { bench: true, .. } => missing_packages(BENCH_PROGRAMS),
        _ => Vec::new(),
    };
    prepare(project, packages, &Without::Stop)?;
    if purpose.tests {
        for_sql(project);
    }
    Ok(())
}

/// What a build needs.
pub(crate) fn toolchain(project: &Project) -> Result<Toolchain> {
    prepare(project, |_| Vec::new(), &Without::GoOn)
}

/// What the tests need. Tests say themselves what they cannot run without.
pub(crate) fn for_tests(project: &Project) -> Result<()> {
    let without = Without::Lose("some tests will say SKIP");
    prepare(project, |_| missing_packages(TEST_PROGRAMS), &without)?;
    for_sql(project);
    Ok(())
}

/// What the questions in SQL are tested with. Without it their test says SKIP.
fn for_sql(project: &Project) {
    let mut setup = Setup::start(project);
    if let Err(error) = setup.python(&[python::DUCKDB]) {
        process::complain(&format!("{error:#}"));
        setup.say("going on without DuckDB, so some tests will say SKIP");
    }
    if setup.changed {
        setup.finish();
    }
}

/// What the tests on other kernels need beside what all tests do.
pub(crate) fn for_kernels(project: &Project) -> Result<()> {
    let packages = |_: &Toolchain| [TEST_PROGRAMS, KERNEL_PROGRAMS].map(missing_packages).concat();
    prepare(project, packages, &Without::Stop).map(drop)
}

/// What a fleet of several hosts takes. Returns a Python that has the engines.
pub(crate) fn for_fleet(project: &Project) -> Result<PathBuf> {
    prepare(project, |_| missing_packages(FLEET_PROGRAMS), &Without::Stop)?;
    let mut setup = Setup::start(project);
    setup.python(&[python::DUCKDB, python::SPARK])?;
    Ok(python::interpreter(project))
}

/// What fuzzing needs: whether it is there now. libFuzzer comes as C++.
pub(crate) fn for_fuzz(project: &Project) -> Result<bool> {
    let is_there = || {
        let mut compilers = ["c++", "g++", "clang++"].into_iter();
        compilers.any(is_installed)
    };
    let packages = |_: &Toolchain| match is_there() {
        true => Vec::new(),
        false => vec![CXX_PACKAGE],
    };
    prepare(project, packages, &Without::GoOn)?;
    Ok(is_there())
}

/// What to say where there is no C++ compiler.
pub(crate) fn cxx_missing() -> Refusal {
    advice::packages(&[CXX_PACKAGE])
}

/// What the measurements need. Of what is not there they say so.
pub(crate) fn for_bench(project: &Project) -> Result<Toolchain> {
    let without = Without::Lose("some figures will be unknown");
    prepare(project, |_| missing_packages(BENCH_PROGRAMS), &without)
}

/// What linting needs. It can do without clippy for the BPF half, and says so.
pub(crate) fn for_lint(project: &Project) -> Result<Toolchain> {
    prepare(project, missing_clippy, &Without::GoOn)
}

/// The toolchain, and the packages that are missing besides.
fn prepare(
    project: &Project,
    packages: impl FnOnce(&Toolchain) -> Vec<&'static str>,
    without: &Without,
) -> Result<Toolchain> {
    let mut setup = Setup::start(project);
    let toolchain = setup.toolchain()?;
    let packages = packages(&toolchain);
    if !setup.optional(&packages) {
        match without {
            Without::Stop => return Err(advice::packages(&packages).into()),
            Without::Lose(lost) => {
                setup.say(&format!("going on without {}, so {lost}", packages.join(", ")));
            }
            Without::GoOn => {}
        }
    }
    setup.finish();
    Ok(toolchain)
}

/// Installs the package of a program that `dist` runs, if the program is not there.
pub(super) fn program(project: &Project, (program, package): (&str, &str)) -> Result<()> {
    match is_installed(program) {
        true => Ok(()),
        false => for_dist(project, &[package]),
    }
}

/// What a static binary is built with, once it is known that it is not there.
pub(super) fn for_dist(project: &Project, packages: &[&str]) -> Result<()> {
    let mut setup = Setup::start(project);
    if !setup.optional(packages) {
        return Err(advice::packages(packages).into());
    }
    setup.finish();
    Ok(())
}

/// Whether we may install packages and load programs. Asked of /proc, which needs neither libc nor unsafe.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn missing_packages(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let missing = programs.iter().filter(|(program, _)| !is_installed(program));
    let mut packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn missing_clippy(toolchain: &Toolchain) -> Vec<&'static str> {
    let packaged = matches!(toolchain.compiler, Compiler::Packaged { .. });
    let missing = packaged && !object::clippy_driver(toolchain).is_file();
    if missing { vec![CLIPPY_PACKAGE] } else { Vec::new() }
}

/// Whether a program is here, or a file that has its whole path.
pub(super) fn is_installed(program: &str) -> bool {
    match Path::new(program) {
        file if file.is_absolute() => file.exists(),
        _ => find(program).is_some(),
    }
}

/// Looks beyond `PATH`, since programs for root are often not on that of others.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let elsewhere = ["/usr/sbin", "/sbin"].map(|directory| Path::new(directory).join(program));
    Machine
        .on_path(program)
        .or_else(|| elsewhere.into_iter().find(|path| Machine.is_program(path)))
}

/// One run of setup: its clock, and whether it has changed anything.
struct Setup<'a> {
    project: &'a Project,
    start: Instant,
    changed: bool,
}

impl<'a> Setup<'a> {
    fn start(project: &'a Project) -> Self {
        Self {
            project,
            start: Instant::now(),
            changed: false,
        }
    }

    fn say(&self, text: &str) {
        process::complain(&format!("setup: {text}"));
    }

    /// A toolchain with all the crates it will compile.
    fn toolchain(&mut self) -> Result<Toolchain> {
        let toolchain = match toolchain::find(&Machine) {
            Ok(toolchain) => toolchain,
            Err(missing) => {
                self.say(&missing.to_string());
                self.install(missing)?
            }
        };
        if let Some(reason) = &toolchain.passed_over {
            self.say(&format!("{reason}, so the next kind of toolchain is used"));
        }
        self.say(&format!("the BPF half is built by {toolchain}"));

        let fetch = || object::fetch(&toolchain, &self.project.root);
        if !process::succeeds(fetch().arg("--offline")) {
            self.say("fetching the crates of the BPF half");
            process::run_logged(&mut fetch(), &self.log("fetch"), |text| self.say(text))?;
            self.changed = true;
        }
        Ok(toolchain)
    }

    /// Installs a distribution's compiler if need be, then the linker for it.
    fn install(&mut self, mut missing: Missing) -> Result<Toolchain> {
        if matches!(missing.packaged, Lack::Compiler | Lack::Newer | Lack::Core) {
            self.packages(COMPILER_PACKAGES, &missing)?;
            missing = match toolchain::find(&Machine) {
                Ok(toolchain) => return Ok(toolchain),
                Err(missing) => missing,
            };
        }
        if let Lack::Linker { llvm } = missing.packaged {
            let llvm_prefix = PathBuf::from(format!("/usr/lib/llvm-{llvm}"));
            if !llvm_prefix.join("bin/llvm-config").exists() {
                self.packages(&[&format!("llvm-{llvm}-dev")], &missing)?;
            }
            self.linker(llvm, &llvm_prefix)?;
            missing = match toolchain::find(&Machine) {
                Ok(toolchain) => return Ok(toolchain),
                Err(missing) => missing,
            };
        }
        bail!("everything was installed, yet the BPF half cannot be built: {missing}")
    }

    /// Packages without which there is no going on.
    fn packages(&mut self, packages: &[&str], missing: &Missing) -> Result<()> {
        let Some(apt) = Apt::usable() else {
            return Err(advice::toolchain(missing).into());
        };
        let installed = apt.install(packages, &self.log("apt-get"), |text| self.say(text));
        // The error is shown here, since the advice that matters more takes its place.
        installed.map_err(|error| {
            process::complain(&format!("{error:#}"));
            advice::toolchain(missing)
        })?;
        self.changed = true;
        Ok(())
    }

    /// Packages without which something can still be done: whether they are there now.
    fn optional(&mut self, packages: &[&str]) -> bool {
        if packages.is_empty() {
            return true;
        }
        let Some(apt) = Apt::usable() else { return false };
        let installed = apt.install(packages, &self.log("apt-get"), |text| self.say(text));
        match &installed {
            Ok(()) => self.changed = true,
            Err(error) => process::complain(&format!("{error:#}")),
        }
        installed.is_ok()
    }

    fn linker(&mut self, llvm: u32, llvm_prefix: &Path) -> Result<()> {
        let root = toolchain::linker_root(&Machine, llvm)
            .context("no place for bpf-linker: neither HOME nor XDG_CACHE_HOME is set")?;
        self.say(&format!(
            "compiling bpf-linker {LINKER_VERSION} for LLVM {llvm}, about 90 s"
        ));
        let mut command = self.project.cargo_install();
        command
            .env("LLVM_PREFIX", llvm_prefix)
            .args(linker_arguments(llvm))
            .arg(root);
        process::run_logged(&mut command, &self.log("bpf-linker"), |text| self.say(text))?;
        self.changed = true;
        Ok(())
    }

    /// Says how long it all took.
    fn finish(self) {
        let outcome = if self.changed { "done" } else { "nothing to do" };
        self.say(&format!("{outcome}, {:.1} s", self.start.elapsed().as_secs_f32()));
    }

    fn log(&self, name: &str) -> PathBuf {
        self.project.target.join(format!("setup-{name}.log"))
    }
}

/// What follows `cargo install`, up to and including `--root`, whose value comes next.
fn linker_arguments(llvm: u32) -> [String; 8] {
    [
        "bpf-linker",
        "--version",
        LINKER_VERSION,
        "--locked",
        "--no-default-features",
        "--features",
        &format!("llvm-{llvm}"),
        "--root",
    ]
    .map(str::to_owned)
}
