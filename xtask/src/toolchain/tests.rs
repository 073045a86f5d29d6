//! The choice of a toolchain on machines made up for it.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
};

use super::*;

const RUSTUP: &str = "/home/u/.cargo/bin/rustup";
const SOURCE: &str = "/rustup/nightly/lib/rustlib/src/rust/library/core";
const LIBRARIES: &str = "/usr/lib/rustlib/bpf/lib";
const OWN_LINKER: &str = "/home/u/.cache/tcpreuse/llvm-22/bin/bpf-linker";
const PATH_LINKER: &str = "/home/u/.cargo/bin/bpf-linker";

/// A machine described by what its programs print and its directories hold.
struct Fake {
    outputs: HashMap<String, String>,
    directories: HashMap<PathBuf, Vec<OsString>>,
    programs: HashSet<PathBuf>,
    variables: HashMap<&'static str, OsString>,
}

impl Fake {
    fn bare() -> Self {
        let variables = [("HOME", "/home/u"), ("PATH", "/home/u/.cargo/bin:/usr/bin")];
        Self {
            outputs: HashMap::new(),
            directories: HashMap::new(),
            programs: HashSet::new(),
            variables: variables.map(|(name, value)| (name, value.into())).into(),
        }
    }

    fn prints(mut self, command: &str, output: &str) -> Self {
        let program = command.split(' ').next().unwrap();
        self.programs.insert(program.into());
        self.outputs.insert(command.to_owned(), output.to_owned());
        self
    }

    fn holds(mut self, directory: &str, file: &str) -> Self {
        self.directories
            .entry(directory.into())
            .or_default()
            .push(file.into());
        self
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    fn rustup(self, name: &str, version: &str, llvm: u32) -> Self {
        self.prints(&format!("{RUSTUP} run {name} rustc -vV"), &verbose(version, llvm))
            .prints(
                &format!("{RUSTUP} run {name} rustc --print sysroot"),
                &format!("/rustup/{name}\n"),
            )
    }

    fn packaged(self, version: &str, llvm: u32) -> Self {
        let libraries = format!("{PACKAGED_RUSTC} --print target-libdir --target {}", bpf_target());
        self.prints(&format!("{PACKAGED_RUSTC} -vV"), &verbose(version, llvm))
            .prints(&format!("{PACKAGED_RUSTC} --print sysroot"), "/usr\n")
            .prints(&libraries, &format!("{LIBRARIES}\n"))
    }

    fn linker(self, path: &str, version: &str) -> Self {
        self.prints(&format!("{path} --version"), version)
    }
}

impl Probe for Fake {
    fn output(&self, program: &Path, args: &[&str]) -> Option<String> {
        let command = format!("{} {}", program.display(), args.join(" "));
        self.outputs.get(&command).cloned()
    }

    fn entries(&self, directory: &Path) -> Vec<OsString> {
        self.directories.get(directory).cloned().unwrap_or_default()
    }

    fn is_program(&self, path: &Path) -> bool {
        self.programs.contains(path)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }
}

fn verbose(version: &str, llvm: u32) -> String {
    format!("rustc {version}\nhost: x86_64-unknown-linux-gnu\nrelease: {version}\nLLVM version: {llvm}.1.0\n")
}

fn complete_machine() -> Fake {
    Fake::bare()
        .rustup("nightly", "1.97.0-nightly", 22)
        .holds(SOURCE, "Cargo.toml")
        .packaged("1.96.0", 22)
        .holds(LIBRARIES, "libcore-8056e5e5b270ef4d.rlib")
        .linker(PATH_LINKER, "bpf-linker 0.13.0")
}

#[test]
fn rustup_comes_first() {
    let toolchain = find(&complete_machine()).unwrap();
    assert_eq!(
        toolchain.compiler,
        Compiler::Rustup {
            name: "nightly".to_owned()
        }
    );
    assert_eq!(toolchain.sysroot, Path::new("/rustup/nightly"));
    assert_eq!(toolchain.linker, Path::new(PATH_LINKER));
    assert_eq!(toolchain.passed_over, None);
}

#[test]
fn a_nightly_without_source_is_passed_over_with_a_reason() {
    let mut machine = complete_machine();
    machine.directories.remove(Path::new(SOURCE));
    let toolchain = find(&machine).unwrap();
    assert_eq!(
        toolchain.compiler,
        Compiler::Packaged {
            rustc: PACKAGED_RUSTC.into()
        }
    );
    assert_eq!(
        toolchain.passed_over.as_deref(),
        Some("rustup's `nightly` has no rust-src")
    );
}

#[test]
fn the_variable_names_another_rustup_toolchain() {
    let machine = complete_machine().variable(TOOLCHAIN_VARIABLE, "nightly-2026-05-20");
    let passed_over = find(&machine).unwrap().passed_over;
    assert_eq!(
        passed_over.as_deref(),
        Some("rustup's `nightly-2026-05-20` is not installed")
    );

    let machine = machine.rustup("nightly-2026-05-20", "1.97.0-nightly", 22).holds(
        "/rustup/nightly-2026-05-20/lib/rustlib/src/rust/library/core",
        "src",
    );
    let toolchain = find(&machine).unwrap();
    assert_eq!(
        toolchain.compiler,
        Compiler::Rustup {
            name: "nightly-2026-05-20".to_owned()
        }
    );
}

#[test]
fn our_own_linker_goes_before_one_on_the_path() {
    let toolchain = find(&complete_machine().linker(OWN_LINKER, "bpf-linker 0.13.0")).unwrap();
    assert_eq!(toolchain.linker, Path::new(OWN_LINKER));
}

#[test]
fn a_linker_with_an_older_llvm_does_not_fit() {
    let machine = complete_machine().linker(PATH_LINKER, "bpf-linker 0.9.13 (LLVM 20.1.1)");
    let lack = Lack::Linker { llvm: 22 };
    let missing = find(&machine).unwrap_err();
    assert_eq!((missing.rustup, missing.packaged), (lack, lack));

    let machine = machine.linker(PATH_LINKER, "bpf-linker 0.14.0 (LLVM 23.1.0)");
    assert!(find(&machine).is_ok(), "a newer one reads older bitcode");
}

#[test]
fn a_linker_that_does_not_start_is_none() {
    let mut machine = complete_machine();
    machine.outputs.remove(&format!("{PATH_LINKER} --version"));
    assert_eq!(find(&machine).unwrap_err().packaged, Lack::Linker { llvm: 22 });
}

#[test]
fn says_what_every_kind_lacks() {
    let missing = find(&Fake::bare()).unwrap_err();
    assert_eq!(
        (missing.rustup, missing.packaged),
        (Lack::Compiler, Lack::Compiler)
    );
    assert_eq!(
        missing.to_string(),
        "rustup's `nightly` is not installed; /usr/bin/rustc is not installed"
    );

    let old = Fake::bare()
        .packaged("1.85.0", 19)
        .holds(LIBRARIES, "libcore-1.rlib");
    assert_eq!(find(&old).unwrap_err().packaged, Lack::Newer);

    let without_core = Fake::bare()
        .packaged("1.96.0", 22)
        .holds(LIBRARIES, "liballoc-1.rlib");
    assert_eq!(find(&without_core).unwrap_err().packaged, Lack::Core);
}

#[test]
fn the_tool_directory_follows_the_cache() {
    let own = |machine: &Fake| tool_directory(machine);
    assert_eq!(own(&Fake::bare()), Some("/home/u/.cache/tcpreuse".into()));
    let elsewhere = Fake::bare().variable("XDG_CACHE_HOME", "/var/cache/u");
    assert_eq!(own(&elsewhere), Some("/var/cache/u/tcpreuse".into()));
    let relative = Fake::bare().variable("XDG_CACHE_HOME", "cache");
    assert_eq!(
        own(&relative),
        Some("/home/u/.cache/tcpreuse".into()),
        "a relative one is void"
    );
}
