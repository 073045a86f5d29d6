//! The binary that runs on any Linux: linked with musl, and with nothing at run time.
//!
//! With rustup's musl target that is one build. Without it, a distribution's compiler can build the
//! standard library from its source; what rustup's target brings along (start files, an unwinder) then
//! comes from the packages of musl and gcc.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xtask::{
    isolate::isolate,
    object,
    probe::{Machine as Here, Probe, cargo_home},
    version::Release,
};

use super::{Dist, read, say, write};
use crate::{
    commands::{debian::Debian, machine::Machine, setup},
    process,
};

/// Compiles C for musl: the cryptography of TLS is partly C, and so is zstd.
const MUSL_GCC: (&str, &str) = ("musl-gcc", "musl-tools");

/// The same for a foreign machine: gcc, told by musl's own description of itself where musl is.
const MUSL: &str = "musl-dev";

const PACKAGED_RUSTC: &str = "/usr/bin/rustc";
const PACKAGED_SOURCE: (&str, &str) = ("/usr/lib/rustlib/src/rust/library/std", "rust-web-src");

/// Between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

/// Builds it for a machine, and makes sure of what it promises.
pub(super) fn build(dist: &Dist<'_>, machine: &'static Machine) -> Result<PathBuf> {
    setup::toolchain(dist.project)?;
    let target = machine.static_target();
    let musl = Musl::of(dist, machine)?;
    let mut command = if has_target(&target) {
        say(&format!("building with rustup's {target}"));
        with_target(dist)?
    } else {
        say(&format!(
            "rustup has no {target}, so the standard library is built too"
        ));
        with_source(dist, machine, &musl)?
    };
    musl.tell(&mut command, machine);
    let directory = dist.directory.join("build");
    command
        .args(["build", "--release", "--locked"])
        .args(["--package", "tcpreuse", "--bin", "tcpreuse"])
        .args(["--target", &target, "--target-dir"])
        .arg(&directory)
        .env("SOURCE_DATE_EPOCH", &dist.epoch)
        .current_dir(&dist.project.root);
    process::run(&mut command)?;
    let binary = directory.join(target).join("release/tcpreuse");
    is_static(&binary)?;
    names_no_path(dist, &binary)?;
    Ok(binary)
}

/// musl, and a C compiler for it.
struct Musl {
    libraries: PathBuf,
    compiler: PathBuf,
}

impl Musl {
    fn of(dist: &Dist<'_>, machine: &'static Machine) -> Result<Self> {
        let triple = format!("{}-linux-musl", machine.rust);
        if machine.is_like_this() {
            setup::program(dist.project, MUSL_GCC)?;
            return Ok(Self {
                libraries: Path::new("/usr/lib").join(triple),
                compiler: MUSL_GCC.0.into(),
            });
        }
        for package in [
            format!("gcc-{}", machine.libraries),
            format!("libc6-dev-{}-cross", machine.name),
        ] {
            setup::program(dist.project, (&machine.compiler(), &package))?;
        }
        let root = dist.directory.join(format!("musl-{}", machine.name));
        if !root.is_dir() {
            let unfinished = root.with_extension("unfinished");
            let log = dist.directory.join("musl.log");
            Debian::new(machine, &dist.directory, &log)?.unpack(MUSL, &unfinished)?;
            fs::rename(&unfinished, &root).with_context(|| format!("cannot make {}", root.display()))?;
        }
        let libraries = root.join("usr/lib").join(&triple);
        let specs = String::from_utf8(read(&libraries.join("musl-gcc.specs"))?)?;
        let ours = dist.directory.join(format!("{triple}.specs"));
        write(
            &ours,
            specs
                .replace("/usr/", &format!("{}/usr/", root.display()))
                .as_bytes(),
        )?;
        let compiler = dist.directory.join(format!("{triple}-gcc"));
        let script = format!(
            "#!/bin/sh\nexec {} \"$@\" -specs '{}'\n",
            machine.compiler(),
            ours.display()
        );
        write(&compiler, script.as_bytes())?;
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
        Ok(Self { libraries, compiler })
    }

    /// Tells the scripts that build C which compiler that is.
    fn tell(&self, command: &mut Command, machine: &Machine) {
        let target = machine.static_target().replace('-', "_");
        command.env(format!("CC_{target}"), &self.compiler);
        if !machine.is_like_this() {
            command.env(format!("AR_{target}"), format!("{}-ar", machine.libraries));
        }
    }
}

/// Whether the compiler at hand has a standard library for musl.
fn has_target(target: &str) -> bool {
    let rustc = PathBuf::from("rustc");
    let directory = Here.output(&rustc, &["--print", "target-libdir", "--target", target]);
    directory.is_some_and(|directory| {
        let files = Here.entries(Path::new(directory.trim()));
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

fn with_source(dist: &Dist<'_>, machine: &Machine, musl: &Musl) -> Result<Command> {
    let target = machine.static_target();
    if !Path::new(PACKAGED_SOURCE.0).is_dir() {
        setup::for_dist(dist.project, &[PACKAGED_SOURCE.1])?;
    }
    let rustc = Path::new(PACKAGED_RUSTC);
    let release = Here.output(rustc, &["-vV"]).as_deref().and_then(Release::parse);
    if !release.is_some_and(|release| release.is_new_enough()) {
        bail!(
            "no compiler for {target}: `rustup target add {target}`, or install Debian's rustc-web and rust-web-src"
        );
    }
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    isolate(&mut command);
    command
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", "");
    command.env(
        format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_")),
        machine.compiler(),
    );

    let mut all = object::remapped(&sysroot(rustc)?, &dist.project.root);
    let gcc = process::output(Command::new(machine.compiler()).arg("-print-libgcc-file-name"))?;
    let gcc = PathBuf::from(String::from_utf8(gcc)?.trim());
    let gcc = gcc
        .parent()
        .context("the C compiler does not say where its libraries are")?;
    let directories = [musl.libraries.clone(), gcc.to_owned(), unwinder(dist, machine)?];
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
fn unwinder(dist: &Dist<'_>, machine: &Machine) -> Result<PathBuf> {
    let directory = dist.directory.join(format!("unwinder-{}", machine.name));
    fs::create_dir_all(&directory)?;
    let (source, object) = (directory.join("no_frames.c"), directory.join("no_frames.o"));
    let code = b"int _dl_find_object(void *pc, void *found) { (void)pc; (void)found; return -1; }\n";
    write(&source, code)?;
    process::run(
        Command::new(machine.compiler())
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
    let sysroot = Here.output(rustc, &["--print", "sysroot"]);
    let sysroot = sysroot.with_context(|| format!("{} does not run", rustc.display()))?;
    Ok(PathBuf::from(sysroot.trim()))
}

fn is_static(binary: &Path) -> Result<()> {
    let headers = process::output(
        Command::new("readelf")
            .env("LC_ALL", "C")
            .args(["--wide", "--program-headers", "--dynamic"])
            .arg(binary),
    )?;
    let headers = String::from_utf8_lossy(&headers);
    if ["INTERP", "(NEEDED)"].iter().any(|needs| headers.contains(needs)) {
        bail!("{} is not static: {}", binary.display(), headers.trim());
    }
    Ok(())
}

/// Nothing tells where it was built.
fn names_no_path(dist: &Dist<'_>, binary: &Path) -> Result<()> {
    let bytes = read(binary)?;
    for path in [
        Some(dist.project.root.clone()),
        Some(dist.project.target.clone()),
        cargo_home(&Here),
    ] {
        let Some(path) = path else { continue };
        let needle = path.as_os_str().as_encoded_bytes();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            bail!("{} names {}", binary.display(), path.display());
        }
    }
    Ok(())
}
