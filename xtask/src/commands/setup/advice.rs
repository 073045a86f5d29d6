//! What to tell somebody for whom we may not install anything.

use xtask::{
    probe::Machine,
    toolchain::{Lack, Missing, linker_root},
};

use super::{COMPILER_PACKAGES, linker_arguments};
use crate::refusal::Refusal;

/// LLVM of Debian's compiler, for advice given before that compiler is there to be asked.
const LIKELY_LLVM: u32 = 22;

/// For want of a toolchain.
pub(super) fn toolchain(missing: &Missing) -> Refusal {
    let reason =
        "no BPF toolchain, and none can be installed from here (that takes root and Debian); run:".to_owned();
    let mut lines = vec!["With rustup:".to_owned()];
    if !matches!(missing.rustup, Lack::Linker { .. }) {
        lines.push(format!(
            "  rustup toolchain install {} --component rust-src",
            missing.rustup_name
        ));
    }
    lines.push("  cargo install bpf-linker   # ready-made: cargo binstall bpf-linker".to_owned());

    let llvm = match missing.packaged {
        Lack::Linker { llvm } => llvm,
        _ => LIKELY_LLVM,
    };
    let llvm_package = format!("llvm-{llvm}-dev");
    let root = linker_root(&Machine, llvm).unwrap_or_default();
    lines.push("Or with the packages of Debian 12:".to_owned());
    lines.extend(apt_get(&[COMPILER_PACKAGES, &[&llvm_package]].concat()));
    let install = linker_arguments(llvm).join(" ");
    lines.push(format!(
        "  LLVM_PREFIX=/usr/lib/llvm-{llvm} cargo install {install} {}",
        root.display()
    ));
    Refusal {
        reason,
        advice: lines.join("\n"),
    }
}

/// For want of packages alone.
pub(super) fn packages(packages: &[&str]) -> Refusal {
    let reason = format!(
        "{} cannot be installed from here; on Debian:",
        packages.join(", ")
    );
    Refusal {
        reason,
        advice: apt_get(packages).join("\n"),
    }
}

fn apt_get(packages: &[&str]) -> [String; 2] {
    let install = format!(
        "  sudo apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    ["  sudo apt-get update".to_owned(), install]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_what_is_missing() {
        let missing = Missing {
            rustup_name: "nightly".to_owned(),
            rustup: Lack::Core,
            packaged: Lack::Linker { llvm: 23 },
        };
        let advice = toolchain(&missing).advice;
        assert!(
            advice.contains("rustup toolchain install nightly --component rust-src\n"),
            "{advice}"
        );
        assert!(
            advice.contains("rustc-web libstd-rust-web-dev-bpf llvm-23-dev\n"),
            "{advice}"
        );
        assert!(
            advice.contains("LLVM_PREFIX=/usr/lib/llvm-23 cargo install bpf-linker"),
            "{advice}"
        );
        assert!(advice.contains("--features llvm-23 --root /"), "{advice}");
    }

    #[test]
    fn a_complete_compiler_needs_only_the_linker() {
        let lack = Lack::Linker { llvm: 23 };
        let missing = Missing {
            rustup_name: "nightly".to_owned(),
            rustup: lack,
            packaged: Lack::Compiler,
        };
        let advice = toolchain(&missing).advice;
        assert!(
            advice.starts_with("With rustup:\n  cargo install bpf-linker"),
            "{advice}"
        );
    }
}
