//! The binary that runs on any Linux: linked with musl, and with nothing at run time.
//!
//! With rustup's musl target that is one build. Without it, a distribution's compiler can build the
//! standard library from its source; what rustup's target brings along (start files, an unwinder) then
//! comes from the packages of musl and gcc.

use std::{
    env::{self, consts::ARCH},
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xtask::{
    isolate::isolate,
    object,
    probe::{Machine, Probe, cargo_home},
    version::Release,
};

use super::{Dist, read, say, write};
use crate::{commands::setup, process};

/// Compiles C for musl: the cryptography of TLS is partly C.
const MUSL_GCC: (&str, &str) = ("musl-gcc", "musl-tools");

const PACKAGED_RUSTC: &str = "/usr/bin/rustc";
const PACKAGED_SOURCE: (&str, &str) = ("/usr/lib/rustlib/src/rust/library/std", "rust-web-src");

/// Between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

/// The target's name, for cargo and for files.
pub(super) fn target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Builds it and makes sure of what it promises.
pub(super) fn build(dist: &Dist<'_>) -> Result<PathBuf> {
    setup::toolchain(dist.project)?;
    setup::program(dist.project, MUSL_GCC)?;
    let mut command = if has_target() {
        say(&format!("building with rustup's {}", target()));
        with_target(dist)?
    } else {
        say(&format!(
            "rustup has no {}, so the standard library is built too",
            target()
        ));
        with_source(dist)?
    };
    let directory = dist.directory.join("build");
    command
        .args(["build", "--release", "--locked"])
        .args(["--package", "tcpreuse", "--bin", "tcpreuse"])
        .args(["--target", &target(), "--target-dir"])
        .arg(&directory)
        .env("SOURCE_DATE_EPOCH", &dist.epoch)
        .current_dir(&dist.project.root);
    process::run(&mut command)?;
    let binary = directory.join(target()).join("release/tcpreuse");
    is_static(&binary)?;
    names_no_path(dist, &binary)?;
    Ok(binary)
}

/// Whether the compiler at hand has a standard library for musl.
fn has_target() -> bool {
    let rustc = PathBuf::from("rustc");
    let directory = Machine.output(&rustc, &["--print", "target-libdir", "--target", &target()]);
    directory.is_some_and(|directory| {
        let files = Machine.entries(Path::new(directory.trim()));
        files
            .iter()
            .any(|file| file.to_string_lossy().starts_with("libstd-"))
    })
}

fn with_target(dist: &Dist<'_>) -> Result<Command> {
    let sysroot = sysroot(Path::new("rustc"))?;
    let mut command = dist.project.cargo();
    flags(&mut command, object::remapped(&sysroot, &dist.project.root));
    Ok(command)
}

fn with_source(dist: &Dist<'_>) -> Result<Command> {
    if !Path::new(PACKAGED_SOURCE.0).is_dir() {
        setup::for_dist(dist.project, &[PACKAGED_SOURCE.1])?;
    }
    let rustc = Path::new(PACKAGED_RUSTC);
    let release = Machine
        .output(rustc, &["-vV"])
        .as_deref()
        .and_then(Release::parse);
    if !release.is_some_and(|release| release.is_new_enough()) {
        bail!(
            "no compiler for {}: `rustup target add {}`, or install Debian's rustc-web and rust-web-src",
            target(),
            target()
        );
    }
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    isolate(&mut command);
    command
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", "");
    command.env(
        format!(
            "CARGO_TARGET_{}_LINKER",
            target().to_uppercase().replace('-', "_")
        ),
        "cc",
    );

    let mut all = object::remapped(&sysroot(rustc)?, &dist.project.root);
    let gcc = process::output(Command::new("cc").arg("-print-libgcc-file-name"))?;
    let gcc = PathBuf::from(String::from_utf8(gcc)?.trim());
    let gcc = gcc
        .parent()
        .context("the C compiler does not say where its libraries are")?;
    let directories = [
        PathBuf::from(format!("/usr/lib/{ARCH}-linux-musl")),
        gcc.to_owned(),
        unwinder(dist)?,
    ];
    all.extend(directories.map(|directory| {
        let mut flag = OsString::from("-Lnative=");
        flag.push(directory);
        flag
    }));
    flags(&mut command, all);
    command.arg("-Zbuild-std=std,panic_unwind");
    Ok(command)
}

/// The standard library asks for rustup's `libunwind.a`; gcc's unwinder has the same functions. It was made
/// for glibc, and finds frames by a function that musl does not have. Told that there are none, a
/// panic ends the process instead of the thread.
fn unwinder(dist: &Dist<'_>) -> Result<PathBuf> {
    let directory = dist.directory.join("unwinder");
    std::fs::create_dir_all(&directory)?;
    let (source, object) = (directory.join("no_frames.c"), directory.join("no_frames.o"));
    let code = b"int _dl_find_object(void *pc, void *found) { (void)pc; (void)found; return -1; }\n";
    write(&source, code)?;
    process::run(
        Command::new("cc")
            .args(["-c", "-fPIC", "-o"])
            .args([&object, &source]),
    )?;
    let script = format!("INPUT(libgcc_eh.a {})\n", object.display());
    write(&directory.join("libunwind.a"), script.as_bytes())?;
    Ok(directory)
}

fn flags(command: &mut Command, flags: Vec<OsString>) {
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR.as_ref()));
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    let sysroot = Machine.output(rustc, &["--print", "sysroot"]);
    let sysroot = sysroot.with_context(|| format!("{} does not run", rustc.display()))?;
    Ok(PathBuf::from(sysroot.trim()))
}

fn is_static(binary: &Path) -> Result<()> {
    // It fails for some kinds of static binaries, and says so on either stream.
    let output = Command::new("ldd")
        .env("LC_ALL", "C")
        .arg(binary)
        .output()
        .context("cannot start `ldd`")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !["statically linked", "not a dynamic executable"]
        .iter()
        .any(|words| said.contains(words))
    {
        bail!("{} is not static: {}", binary.display(), said.trim());
    }
    Ok(())
}

/// Nothing tells where it was built.
fn names_no_path(dist: &Dist<'_>, binary: &Path) -> Result<()> {
    let bytes = read(binary)?;
    for path in [
        Some(dist.project.root.clone()),
        Some(dist.project.target.clone()),
        cargo_home(&Machine),
    ] {
        let Some(path) = path else { continue };
        let needle = path.as_os_str().as_encoded_bytes();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            bail!("{} names {}", binary.display(), path.display());
        }
    }
    Ok(())
}
