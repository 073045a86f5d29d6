//! `sanitize` and `miri`: the tests of the libraries under tools that see what the compiler cannot.
//!
//! rustc leaves its sanitizers to nightly; stable has them too and is asked for them by RUSTC_BOOTSTRAP. The
//! address sanitizer finds accesses outside of what was allocated or after it was freed, in the few unsafe
//! blocks and in C code that is linked in; the thread sanitizer finds data races.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use super::fuzz::host;
use super::setup;
use crate::process;
use crate::project::Project;
use crate::refusal::Refusal;

/// Packages whose tests run in one process and on no kernel in particular.
const PACKAGES: [&str; 2] = ["tcpreuse", "tracer-ebpf"];

/// Which tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sanitizer {
    Address,
    Thread,
}

impl Sanitizer {
    pub(crate) const ALL: [Self; 2] = [Self::Address, Self::Thread];

    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// Reads `[address|thread]...`; both without any.
    pub(crate) fn parse(words: &[OsString]) -> Result<Vec<Self>, String> {
        if words.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        let one = |word: &OsString| {
            let found = Self::ALL.into_iter().find(|one| word == one.name());
            found.ok_or_else(|| format!("there is address and thread, not `{}`", word.display()))
        };
        words.iter().map(one).collect()
    }
}

/// The command.
pub(crate) fn run(project: &Project, which: &[Sanitizer]) -> Result<()> {
    setup::toolchain(project)?;
    for sanitizer in which {
        tests(project, *sanitizer)?;
    }
    Ok(())
}

fn tests(project: &Project, sanitizer: Sanitizer) -> Result<()> {
    let mut flags = format!("-Zsanitizer={}", sanitizer.name());
    if sanitizer == Sanitizer::Thread {
        // The ready-made standard library has no instrumentation, which is what this says it may.
        flags.push_str(" -Cunsafe-allow-abi-mismatch=sanitizer");
    }
    let mut command = project.cargo();
    command
        .args(["test", "--locked", "--lib", "--target", &host(project)?])
        .args(PACKAGES.map(|package| format!("--package={package}")))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        // What is thrown away and found again costs time here and proves nothing.
        .env("PROPTEST_CASES", "32")
        .env("CARGO_TARGET_DIR", project.target.join(sanitizer.name()))
        .env(
            "TSAN_OPTIONS",
            format!("suppressions={}", project.root.join("xtask/tsan.txt").display()),
        );
    process::run(&mut command)
}

/// The same tests under Miri, as far as it can run them.
pub(crate) fn miri(project: &Project, arguments: &[OsString]) -> Result<()> {
    let mut version = Command::new("cargo");
    version
        .args(["+nightly", "miri", "--version"])
        .env_remove("RUSTUP_TOOLCHAIN");
    if !process::succeeds(&mut version) {
        return Err(Refusal {
            reason: "Miri is part of nightly, and no nightly here has it; run:".to_owned(),
            advice: "  rustup toolchain install nightly --component miri,rust-src".to_owned(),
        }
        .into());
    }
    let mut command = Command::new("cargo");
    command
        .args([
            "+nightly",
            "miri",
            "test",
            "--locked",
            "--lib",
            "--package=tracer-ebpf",
        ])
        .args(arguments)
        .env_remove("RUSTUP_TOOLCHAIN")
        // Miri has no files of the host, in which failing cases would be kept.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "8")
        .env("CARGO_TARGET_DIR", project.target.join("miri"))
        .current_dir(&project.root);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_unless_one_is_named() {
        let parsed = |words: &[&str]| Sanitizer::parse(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(parsed(&[]), Ok(vec![Sanitizer::Address, Sanitizer::Thread]));
        assert_eq!(parsed(&["thread"]), Ok(vec![Sanitizer::Thread]));
        assert!(parsed(&["memory"]).is_err());
    }
}
