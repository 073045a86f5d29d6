//! Which compiler and linker build the BPF half.
//!
//! Two kinds are known, tried in this order and without asking: a rustup toolchain that can build `core`
//! itself, and a distribution's compiler with a prebuilt `core` for BPF. The linker works on LLVM
//! bitcode, so its LLVM must be at least the compiler's.

use std::{
    env,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    probe::Probe,
    version::{OLDEST_RUSTC, Release, linker_llvm},
};

/// Names the rustup toolchain to use instead of [`DEFAULT_RUSTUP_TOOLCHAIN`].
pub const TOOLCHAIN_VARIABLE: &str = "TCPREUSE_BPF_TOOLCHAIN";

/// The rustup toolchain that is looked for unless [`TOOLCHAIN_VARIABLE`] names another.
pub const DEFAULT_RUSTUP_TOOLCHAIN: &str = "nightly";

/// Where distributions put their compiler. Not `PATH`, where rustup's proxy usually comes first.
const PACKAGED_RUSTC: &str = "/usr/bin/rustc";

const LINKER: &str = "bpf-linker";

/// A compiler and a linker that fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler, and with it where `core` comes from.
    pub compiler: Compiler,
    /// What the compiler says it is.
    pub release: Release,
    /// The compiler's own directory tree.
    pub sysroot: PathBuf,
    /// `bpf-linker`.
    pub linker: PathBuf,
    /// Why a toolchain that comes earlier in the order was not taken.
    pub passed_over: Option<String>,
}

/// The two kinds of compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// A rustup toolchain with `rust-src`, which builds `core` along with the programs.
    Rustup {
        /// As `rustup run` takes it.
        name: String,
    },
    /// A distribution's stable compiler with a `core` already built for BPF.
    Packaged {
        /// The compiler.
        rustc: PathBuf,
    },
}

/// The first thing that keeps one kind of toolchain from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no such compiler.
    Compiler,
    /// The compiler is older than the workspace supports.
    Newer,
    /// The compiler has no `core` for BPF, nor the source to build it from.
    Core,
    /// There is no working linker whose LLVM is new enough.
    Linker {
        /// Major version of the compiler's LLVM.
        llvm: u32,
    },
}

/// No toolchain can be used; what each kind lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The rustup toolchain that was looked for.
    pub rustup_name: String,
    /// What it lacks.
    pub rustup: Lack,
    /// What the distribution's compiler lacks.
    pub packaged: Lack,
}

impl Toolchain {
    /// The files that make up the choice: while they stay as they are, so does the toolchain.
    #[must_use]
    pub fn files(&self) -> [PathBuf; 2] {
        [self.sysroot.join("bin/rustc"), self.linker.clone()]
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.compiler {
            Compiler::Rustup { name } => write!(f, "rustup's `{name}`, ")?,
            Compiler::Packaged { rustc } => write!(f, "{}, ", rustc.display())?,
        }
        write!(f, "{}, with {}", self.release, self.linker.display())
    }
}

impl Lack {
    fn explain(self, compiler: &str) -> String {
        match self {
            Self::Compiler => format!("{compiler} is not installed"),
            Self::Newer => format!("{compiler} is older than {OLDEST_RUSTC}"),
            Self::Core => format!("{compiler} has no core library for BPF"),
            Self::Linker { llvm } => format!("{compiler} needs a {LINKER} with LLVM {llvm}"),
        }
    }
}

impl Missing {
    fn rustup_reason(name: &str, lack: Lack) -> String {
        let compiler = format!("rustup's `{name}`");
        match lack {
            Lack::Core => format!("{compiler} has no rust-src"),
            other => other.explain(&compiler),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rustup = Self::rustup_reason(&self.rustup_name, self.rustup);
        write!(f, "{rustup}; {}", self.packaged.explain(PACKAGED_RUSTC))
    }
}

impl std::error::Error for Missing {}

/// Finds a toolchain that can build the BPF half.
///
/// # Errors
/// When there is none, with what each kind lacks.
pub fn find(probe: &impl Probe) -> Result<Toolchain, Missing> {
    let name = probe
        .variable(TOOLCHAIN_VARIABLE)
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| DEFAULT_RUSTUP_TOOLCHAIN.to_owned());
    let rustup = match find_rustup(probe, &name) {
        Ok(toolchain) => return Ok(toolchain),
        Err(lack) => lack,
    };
    match find_packaged(probe) {
        Ok(toolchain) => Ok(Toolchain {
            passed_over: Some(Missing::rustup_reason(&name, rustup)),
            ..toolchain
        }),
        Err(packaged) => Err(Missing {
            rustup_name: name,
            rustup,
            packaged,
        }),
    }
}

/// Where tools that fit only this project are kept, apart from the user's own; `None` without a home.
#[must_use]
pub fn tool_directory(probe: &impl Probe) -> Option<PathBuf> {
    let absolute = |name| {
        probe
            .variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("tcpreuse"))
}

/// Where the linker for one LLVM is installed, as `cargo install --root` takes it.
#[must_use]
pub fn linker_root(probe: &impl Probe, llvm: u32) -> Option<PathBuf> {
    Some(tool_directory(probe)?.join(format!("llvm-{llvm}")))
}

/// The BPF target with the byte order of the machine the tracer is built for.
///
/// In a build script that is cargo's target, otherwise this machine.
#[must_use]
pub fn bpf_target() -> &'static str {
    let big = match env::var_os("CARGO_CFG_TARGET_ENDIAN") {
        Some(endian) => endian == OsStr::new("big"),
        None => cfg!(target_endian = "big"),
    };
    if big {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}

fn find_rustup(probe: &impl Probe, name: &str) -> Result<Toolchain, Lack> {
    let rustup = probe.on_path("rustup").ok_or(Lack::Compiler)?;
    let rustc = |argument: &[&str]| probe.output(&rustup, &[&["run", name, "rustc"], argument].concat());
    let (release, sysroot) = identity(rustc)?;
    let has_core = !probe
        .entries(&sysroot.join("lib/rustlib/src/rust/library/core"))
        .is_empty();
    let compiler = Compiler::Rustup {
        name: name.to_owned(),
    };
    complete(probe, compiler, release, sysroot, has_core)
}

fn find_packaged(probe: &impl Probe) -> Result<Toolchain, Lack> {
    let path = Path::new(PACKAGED_RUSTC);
    let rustc = |arguments: &[&str]| probe.output(path, arguments);
    let (release, sysroot) = identity(rustc)?;
    let libraries = rustc(&["--print", "target-libdir", "--target", bpf_target()]);
    let has_core = libraries.is_some_and(|directory| {
        probe
            .entries(Path::new(directory.trim()))
            .iter()
            .any(|file| is_core(file))
    });
    let compiler = Compiler::Packaged {
        rustc: path.to_owned(),
    };
    complete(probe, compiler, release, sysroot, has_core)
}

/// What a compiler says it is, and where its own directory tree is.
fn identity(rustc: impl Fn(&[&str]) -> Option<String>) -> Result<(Release, PathBuf), Lack> {
    let version = rustc(&["-vV"]).ok_or(Lack::Compiler)?;
    let release = Release::parse(&version).ok_or(Lack::Compiler)?;
    let sysroot = rustc(&["--print", "sysroot"]).ok_or(Lack::Compiler)?;
    Ok((release, PathBuf::from(sysroot.trim())))
}

/// The checks both kinds share, in the order in which what is missing would have to be installed.
fn complete(
    probe: &impl Probe,
    compiler: Compiler,
    release: Release,
    sysroot: PathBuf,
    has_core: bool,
) -> Result<Toolchain, Lack> {
    if !release.is_new_enough() {
        return Err(Lack::Newer);
    }
    if !has_core {
        return Err(Lack::Core);
    }
    let linker = find_linker(probe, release.llvm).ok_or(Lack::Linker { llvm: release.llvm })?;
    Ok(Toolchain {
        compiler,
        release,
        sysroot,
        linker,
        passed_over: None,
    })
}

/// Our own linker first, since its LLVM is known; one on `PATH` is trusted if it does not say otherwise.
fn find_linker(probe: &impl Probe, llvm: u32) -> Option<PathBuf> {
    let own = linker_root(probe, llvm).map(|root| root.join("bin").join(LINKER));
    own.into_iter().chain(probe.on_path(LINKER)).find(|linker| {
        // Run, not only looked at: it may have lost its shared LLVM to an upgrade.
        let version = probe.output(linker, &["--version"]);
        version.is_some_and(|version| linker_llvm(&version).is_none_or(|its| its >= llvm))
    })
}

fn is_core(file: &OsStr) -> bool {
    file.to_str()
        .is_some_and(|name| name.starts_with("libcore-") && name.ends_with(".rlib"))
}

#[cfg(test)]
mod tests;
