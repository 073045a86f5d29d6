//! Building and checking the BPF half with a toolchain that was found.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    isolate::isolate,
    probe::{Machine, cargo_home},
    toolchain::{Compiler, Toolchain, bpf_target},
};

/// Package and binary of the programs; the profile is the workspace's own for them.
const PACKAGE: &str = "tracer-ebpf";
const BINARY: &str = "tracer";

/// The binary with the program that does nothing.
const EMPTY: &str = "empty";
const PROFILE: &str = "bpf";

/// The crates that use unstable features: a stable compiler allows them to these and no others.
const UNSTABLE_CRATES: &str = "aya_ebpf,tracer";

/// Between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

/// What checked the BPF half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checker {
    /// All of clippy's lints and the compiler's.
    Clippy,
    /// The compiler's alone, since the toolchain has no `clippy-driver`.
    Compiler,
}

/// Builds the BPF object below `target_dir` and returns its path.
///
/// Nothing is downloaded and `Cargo.lock` stays as it is. The compiler's messages go to stderr.
///
/// # Errors
/// When cargo cannot be started, or fails.
pub fn build(toolchain: &Toolchain, workspace: &Path, target_dir: &Path) -> Result<PathBuf> {
    build_binary(toolchain, workspace, target_dir, BINARY)
}

/// The same for an object with a program that does nothing, which only measurements want.
///
/// # Errors
/// When cargo cannot be started, or fails.
pub fn build_empty(toolchain: &Toolchain, workspace: &Path, target_dir: &Path) -> Result<PathBuf> {
    build_binary(toolchain, workspace, target_dir, EMPTY)
}

fn build_binary(toolchain: &Toolchain, workspace: &Path, target_dir: &Path, binary: &str) -> Result<PathBuf> {
    let mut command = cargo(toolchain, workspace);
    programs(command.arg("build"), toolchain, target_dir, &[binary]);
    command.env("CARGO_ENCODED_RUSTFLAGS", rustflags(toolchain, workspace, &[]));
    run(&mut command)?;
    let object = target_dir.join(bpf_target()).join(PROFILE).join(binary);
    if !object.is_file() {
        bail!(
            "cargo built the BPF half, but there is no object at {}",
            object.display()
        );
    }
    Ok(object)
}

/// Checks the BPF half with clippy, or with the compiler alone where there is no clippy; any warning fails.
///
/// # Errors
/// When cargo cannot be started, or finds something.
pub fn check(toolchain: &Toolchain, workspace: &Path, target_dir: &Path) -> Result<Checker> {
    let mut command = cargo(toolchain, workspace);
    programs(command.arg("check"), toolchain, target_dir, &[BINARY, EMPTY]);
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        rustflags(toolchain, workspace, &["-Dwarnings"]),
    );
    let driver = clippy_driver(toolchain);
    let checker = if driver.is_file() {
        command.env("RUSTC_WORKSPACE_WRAPPER", driver);
        Checker::Clippy
    } else {
        Checker::Compiler
    };
    run(&mut command)?;
    Ok(checker)
}

/// Where the toolchain's `clippy-driver` is, if it has one.
#[must_use]
pub fn clippy_driver(toolchain: &Toolchain) -> PathBuf {
    toolchain.sysroot.join("bin/clippy-driver")
}

/// A cargo command that makes the crates available which [`build`] and [`check`] take without a network.
///
/// Cargo fetches only what the target at hand needs, so a build of the tracer alone would leave out
/// those of the BPF half.
#[must_use]
pub fn fetch(toolchain: &Toolchain, workspace: &Path) -> Command {
    let mut command = cargo(toolchain, workspace);
    command.args([
        "fetch",
        "--locked",
        "--target",
        &toolchain.release.host,
        "--target",
        bpf_target(),
    ]);
    build_core(&mut command, toolchain);
    command
}

/// Cargo with the toolchain's compiler, in the workspace, free of an outer cargo's settings.
fn cargo(toolchain: &Toolchain, workspace: &Path) -> Command {
    let mut command = match &toolchain.compiler {
        Compiler::Rustup { name } => {
            let mut command = Command::new("rustup");
            isolate(&mut command).args(["run", name, "cargo"]);
            // For a stable toolchain; a nightly does not care. All crates, since `core` is one of them.
            command.env("RUSTC_BOOTSTRAP", "1");
            command
        }
        Compiler::Packaged { rustc } => {
            // The cargo that is running us, if one is: `cargo` on PATH may be a proxy for another.
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            isolate(&mut command)
                .env("RUSTC", rustc)
                .env("RUSTC_BOOTSTRAP", UNSTABLE_CRATES);
            command
        }
    };
    // Empty, not unset: that also turns off wrappers from the user's configuration.
    command
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .current_dir(workspace);
    command
}

fn programs(command: &mut Command, toolchain: &Toolchain, target_dir: &Path, binaries: &[&str]) {
    command.args(["--locked", "--offline", "--package", PACKAGE]);
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    command
        .args(["--target", bpf_target(), "--profile", PROFILE, "--target-dir"])
        .arg(target_dir);
    build_core(command, toolchain);
}

fn build_core(command: &mut Command, toolchain: &Toolchain) {
    if matches!(toolchain.compiler, Compiler::Rustup { .. }) {
        command.arg("-Zbuild-std=core");
    }
}

fn rustflags(toolchain: &Toolchain, workspace: &Path, extra: &[&str]) -> OsString {
    let mut flags: Vec<OsString> = [
        // Type information for the kernel is made from debug information.
        "-Cdebuginfo=2",
        "-Clink-arg=--btf",
        // Atomics that fetch, and 32-bit jumps; kernels from 5.12 on have them.
        "-Ctarget-cpu=v3",
        // In order, LLVM copies structs byte by byte.
        "-Clink-arg=--disable-expand-memcpy-in-order",
    ]
    .map(Into::into)
    .into();
    flags.push(joined("-Clinker=", &toolchain.linker));
    flags.push(format!("--cfg=bpf_target_arch=\"{}\"", target_arch()).into());
    flags.extend(remapped(&toolchain.sysroot, workspace));
    flags.extend(extra.iter().map(Into::into));
    flags.join(SEPARATOR.as_ref())
}

/// The architecture whose kernel will run the programs, as aya's crates name it.
fn target_arch() -> String {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_else(|_| env::consts::ARCH.to_owned());
    if arch.starts_with("riscv64") {
        "riscv64".to_owned()
    } else {
        arch
    }
}

/// Flags for `rustc` that keep the paths of this machine out of what it makes. Where several fit, the
/// last one counts.
#[must_use]
pub fn remapped(sysroot: &Path, workspace: &Path) -> Vec<OsString> {
    let mut flags = vec![remap(workspace, "/tcpreuse")];
    flags.push(remap(&sysroot.join("lib/rustlib/src/rust"), "/rust"));
    // One directory for each place crates came from; which one it was makes no difference.
    let sources = cargo_home(&Machine).map(|home| home.join("registry/src"));
    let sources = sources.and_then(|sources| fs::read_dir(sources).ok());
    let mut sources: Vec<_> = sources
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    sources.sort();
    flags.extend(sources.iter().map(|source| remap(source, "/crates")));
    flags
}

fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = joined("--remap-path-prefix=", from);
    flag.push("=");
    flag.push(to);
    flag
}

fn joined(flag: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(flag);
    joined.push(path);
    joined
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot start {} for the BPF half", program.display()))?;
    if !status.success() {
        bail!(
            "the BPF half did not pass, see cargo's messages; if it misses crates, run `cargo xtask setup`"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Release;

    fn toolchain(compiler: Compiler) -> Toolchain {
        Toolchain {
            compiler,
            release: Release {
                version: "1.96.0".into(),
                host: "x86_64-unknown-linux-gnu".into(),
                llvm: 22,
            },
            sysroot: "/usr".into(),
            linker: "/tools/bpf-linker".into(),
            passed_over: None,
        }
    }

    fn arguments(command: &Command) -> Vec<&str> {
        command
            .get_args()
            .map(|argument| argument.to_str().unwrap())
            .collect()
    }

    #[test]
    fn rustup_builds_core_and_a_package_does_not() {
        let rustup = fetch(
            &toolchain(Compiler::Rustup {
                name: "nightly".into(),
            }),
            Path::new("/w"),
        );
        assert_eq!(rustup.get_program(), "rustup");
        assert!(arguments(&rustup).starts_with(&["run", "nightly", "cargo", "fetch", "--locked"]));
        assert!(arguments(&rustup).contains(&"-Zbuild-std=core"));

        let packaged = fetch(
            &toolchain(Compiler::Packaged {
                rustc: "/usr/bin/rustc".into(),
            }),
            Path::new("/w"),
        );
        assert!(arguments(&packaged).starts_with(&["fetch", "--locked"]));
        assert!(!arguments(&packaged).contains(&"-Zbuild-std=core"));
        let compiler = packaged
            .get_envs()
            .find(|(name, _)| *name == "RUSTC")
            .and_then(|(_, value)| value);
        assert_eq!(compiler, Some("/usr/bin/rustc".as_ref()));
    }

    #[test]
    fn flags_hold_the_linker_and_hide_the_workspace() {
        let toolchain = toolchain(Compiler::Packaged {
            rustc: "/usr/bin/rustc".into(),
        });
        let flags = rustflags(&toolchain, Path::new("/home/u/my work"), &["-Dwarnings"]);
        let flags: Vec<_> = flags.to_str().unwrap().split(SEPARATOR).collect();
        assert!(flags.contains(&"-Clinker=/tools/bpf-linker"));
        assert!(
            flags.contains(&"--remap-path-prefix=/home/u/my work=/tcpreuse"),
            "spaces are no separator"
        );
        assert_eq!(flags.last(), Some(&"-Dwarnings"));
    }
}
