//! Builds the BPF object that the binary embeds, and notes what it is built from.
//!
//! Code finds the object at `env!("TCPREUSE_OBJECT")`, its digest in `TCPREUSE_OBJECT_SHA256` (empty
//! without one) and what `--version` says in `TCPREUSE_VERSION` and `TCPREUSE_LONG_VERSION`. Without a BPF
//! toolchain that file is empty: the host half can then be checked and unit-tested all the same, and one
//! warning says what to run.
//!
//! `aya-build` would be one call, but it knows a rustup nightly with its sources only and fails without one.
//! The library half of `xtask`, which `cargo xtask` uses as well, also takes a distribution's compiler, keeps
//! this machine's paths out of the object, so that the same sources give the same bytes, and says what is
//! missing.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};
use xtask::{
    object,
    probe::Machine,
    toolchain::{self, Missing, Toolchain},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = package.parent().ok_or("the package is not in its workspace")?;
    let out = PathBuf::from(variable("OUT_DIR")?);

    for source in [
        "tracer-ebpf/src",
        "tracer-ebpf/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
        // Whether there are changes that are not in the commit.
        "tracer-user",
    ] {
        rerun_if_changed(&workspace.join(source));
    }
    for name in [toolchain::TOOLCHAIN_VARIABLE, "XDG_CACHE_HOME"] {
        println!("cargo::rerun-if-env-changed={name}");
    }

    let object = match toolchain::find(&Machine) {
        Ok(toolchain) => built(&toolchain, workspace, &out)?,
        Err(missing) => placeholder(&missing, &out)?,
    };
    println!("cargo::rustc-env=TCPREUSE_OBJECT={}", object.display());
    versions(&object, commit(workspace).as_deref().unwrap_or("unknown"))
}

fn versions(object: &Path, commit: &str) -> Result<()> {
    const SHORT: usize = 12;
    let package = variable("CARGO_PKG_VERSION")?;
    let package = package.display();
    let bytes = fs::read(object)?;
    let digest: String = match bytes.is_empty() {
        true => String::new(),
        false => Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    let short = digest.get(..SHORT).unwrap_or("none");
    let long = if digest.is_empty() { "none" } else { &digest };
    println!("cargo::rustc-env=TCPREUSE_OBJECT_SHA256={digest}");
    println!("cargo::rustc-env=TCPREUSE_VERSION={package} (commit {commit}, programs {short})");
    println!("cargo::rustc-env=TCPREUSE_LONG_VERSION={package}, commit {commit}, programs sha256:{long}");
    Ok(())
}

fn built(toolchain: &Toolchain, workspace: &Path, out: &Path) -> Result<PathBuf> {
    for file in toolchain.files() {
        rerun_if_changed(&file);
    }
    // Only its text: the compiler's messages are above it, a backtrace of this script would hide them.
    object::build(toolchain, workspace, &out.join("bpf")).map_err(|error| format!("{error:#}").into())
}

fn placeholder(missing: &Missing, out: &Path) -> Result<PathBuf> {
    println!("cargo::warning=no BPF toolchain: {missing}: run \"cargo xtask setup\" to be able to trace");
    // Never there, so that every build looks for a toolchain again until there is one.
    rerun_if_changed(&out.join("toolchain"));
    let object = out.join("no-object");
    fs::write(&object, [])?;
    Ok(object)
}

/// The short hash of the commit, if the workspace is a clone and not an unpacked archive; `-dirty` is
/// added when files were changed since.
fn commit(workspace: &Path) -> Option<String> {
    // Asked of git, an archive unpacked inside somebody else's repository would get that one's commit.
    if !workspace.join(".git").exists() {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(workspace)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    // Written on every commit and checkout, unlike HEAD, which only names the branch.
    let log = workspace.join(git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    let head = workspace.join(git(&["rev-parse", "--git-path", "HEAD"])?);
    rerun_if_changed(if log.is_file() { &log } else { &head });
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    Some(if changed { hash + "-dirty" } else { hash })
}

fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn variable(name: &str) -> Result<OsString> {
    env::var_os(name).ok_or_else(|| format!("cargo has not set {name}").into())
}
