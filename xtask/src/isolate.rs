//! Keeping one cargo's environment out of another's.
//!
//! Under `cargo run`, `cargo clippy` or in a build script, cargo and rustup leave their choices in the
//! environment: compiler, wrapper, flags, target directory. A cargo started from there for another
//! target with another compiler would take them for its own.

use std::{env, process::Command};

/// Start of the names that steer cargo, rustup or the compiler.
const STEERING: &[&str] = &[
    "CARGO",
    "CLIPPY",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// Start of those names that say where crates come from, how much of the machine may be used and how
/// messages look. They are the user's, and as true for the inner build.
const KEPT: &[&str] = &[
    "CARGO_BUILD_JOBS",
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Takes every variable from the command's environment that an outer cargo or rustup may have left.
pub fn isolate(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            command.env_remove(name);
        }
    }
    command
}

fn leaks(name: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(STEERING) && !starts(KEPT)
}

#[cfg(test)]
mod tests {
    use super::leaks;

    #[test]
    fn what_an_outer_cargo_chose_does_not_leak() {
        for name in [
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "CARGO_PROFILE_RELEASE_DEBUG",
            "CARGO_TARGET_DIR",
            "CLIPPY_ARGS",
            "RUSTC",
            "RUSTC_BOOTSTRAP",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(leaks(name), "{name}");
        }
    }

    #[test]
    fn what_the_user_set_for_every_build_stays() {
        for name in [
            "CARGO_HOME",
            "CARGO_MAKEFLAGS",
            "CARGO_NET_OFFLINE",
            "HOME",
            "PATH",
            "RUSTUP_HOME",
        ] {
            assert!(!leaks(name), "{name}");
        }
    }
}
