//! `lint`: what has to be clean before a change goes in.

use std::{fs, process::Command};

use anyhow::Result;
use xtask::{
    object::{self, Checker},
    probe::{Machine, Probe, cargo_home},
};

use super::setup;
use crate::{process, project::Project};

/// Runs every check and stops at the first that fails.
pub(crate) fn run(project: &Project) -> Result<()> {
    let toolchain = setup::for_lint(project)?;
    step(project.cargo().args(["fmt", "--all", "--check"]))?;
    let strict = ["--locked", "--", "--deny", "warnings"];
    step(
        project
            .cargo()
            .args(["clippy", "--workspace", "--all-targets"])
            .args(strict),
    )?;
    // The tests open the library; as it is handed out, what the program does not use is found.
    step(
        project
            .cargo()
            .args(["clippy", "--package", "tcpreuse"])
            .args(strict),
    )?;
    say("the BPF half");
    if object::check(&toolchain, &project.root, &project.bpf_target())? == Checker::Compiler {
        say(
            "the BPF half saw no clippy, since its toolchain has none; only the compiler's lints were checked",
        );
    }
    dependencies(project)?;
    say("clean");
    Ok(())
}

/// Licences, sources and known faults of the dependencies, by the rules in `deny.toml`.
fn dependencies(project: &Project) -> Result<()> {
    if !process::succeeds(project.cargo().args(["deny", "--version"])) {
        say("compiling cargo-deny, which takes minutes, once");
        let log = project.target.join("cargo-deny.log");
        process::run_logged(
            project.cargo_install().args(["cargo-deny", "--locked"]),
            &log,
            say,
        )?;
    }
    step(project.cargo().args([
        "deny",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;

    let log = project.target.join("advisories.log");
    let mut fetch = project.cargo();
    // Without a network this must end, and must not ask for a password.
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    fetch
        .env("GIT_HTTP_LOW_SPEED_LIMIT", "1000")
        .env("GIT_HTTP_LOW_SPEED_TIME", "20");
    let fetched = process::status_logged(fetch.args(["deny", "fetch", "db"]), &log, say)?.success();
    if !fetched && !has_advisories() {
        let output = fs::read_to_string(&log).unwrap_or_default();
        let reason = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
        say(&format!(
            "advisories were not checked, no database: {}",
            reason.unwrap_or("no reason given")
        ));
        return Ok(());
    }
    if !fetched {
        say("advisories are checked against the database of an earlier run; a newer one cannot be had");
    }
    step(
        project
            .cargo()
            .args(["deny", "--locked", "--offline", "check", "advisories"]),
    )
}

/// Whether cargo-deny has a database from an earlier run.
fn has_advisories() -> bool {
    let Some(databases) = cargo_home(&Machine).map(|home| home.join("advisory-dbs")) else {
        return false;
    };
    // A directory alone proves nothing: a clone that failed leaves one too.
    let names = Machine.entries(&databases);
    names
        .iter()
        .any(|name| databases.join(name).join("crates").is_dir())
}

fn step(command: &mut Command) -> Result<()> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    say(&format!("cargo {}", words.join(" ")));
    process::run(command)
}

fn say(text: &str) {
    process::complain(&format!("lint: {text}"));
}
