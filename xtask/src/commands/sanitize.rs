//! `sanitize` and `miri`: the tests of the libraries under tools that see what the compiler cannot.
//!
//! rustc leaves its sanitizers to nightly; stable has them too and is asked for them by RUSTC_BOOTSTRAP. The
//! address sanitizer finds accesses outside of what was allocated or after it was freed, in the few unsafe
//! blocks and in C code that is linked in, and what is never freed. The thread sanitizer is left out: without
//! a standard library that was built with it, it takes every lock of that for a race.

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use super::{fuzz::host, setup};
use crate::{process, project::Project, refusal::Refusal};

/// The tests of the libraries with the address sanitizer; the arguments go to `cargo test`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> Result<()> {
    setup::toolchain(project)?;
    let mut command = project.cargo();
    command
        .args([
            "test",
            "--locked",
            "--lib",
            "--package=tcpreuse",
            "--package=tracer-ebpf",
        ])
        // With a target named, build scripts and macros are spared the flags.
        .args(["--target", &host(project)?])
        .args(arguments)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("CARGO_TARGET_DIR", project.target.join("address"));
    process::run(&mut command)
}

/// The tests of what both halves share under Miri. The loader's need a kernel, which Miri does not have.
pub(crate) fn miri(project: &Project, arguments: &[OsString]) -> Result<()> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        // The toolchain of the cargo that is running us would win otherwise.
        command
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC")
            .args(arguments);
        command
    };
    if !process::succeeds(&mut cargo(&["+nightly", "miri", "--version"])) {
        return Err(Refusal {
            reason: "Miri is part of nightly, and no nightly here has it; run:".to_owned(),
            advice: "  rustup toolchain install nightly --component miri,rust-src".to_owned(),
        }
        .into());
    }
    let mut command = cargo(&[
        "+nightly",
        "miri",
        "test",
        "--locked",
        "--lib",
        "--package=tracer-ebpf",
    ]);
    command
        .args(arguments)
        // Else nothing could be read of the machine, the seeds of random tests included.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "8")
        .env("CARGO_TARGET_DIR", project.target.join("miri"))
        .current_dir(&project.root);
    process::run(&mut command)
}
