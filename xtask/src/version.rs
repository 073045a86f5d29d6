//! What compilers and linkers say about their versions. Pure: text in, numbers out.

use std::fmt;

/// The oldest compiler the workspace builds with, from `rust-version` in its manifest.
pub const OLDEST_RUSTC: &str = env!("CARGO_PKG_RUST_VERSION");

/// A compiler, as `rustc -vV` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// For people: `1.96.0`, `1.97.0-nightly`.
    pub version: String,
    /// The triple it runs on.
    pub host: String,
    /// Major version of its LLVM; the linker's must not be older.
    pub llvm: u32,
}

impl Release {
    /// Reads the output of `rustc -vV`.
    #[must_use]
    pub fn parse(verbose: &str) -> Option<Self> {
        let field = |name: &str| {
            verbose
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::trim)
        };
        Some(Self {
            version: field("release")?.to_owned(),
            host: field("host")?.to_owned(),
            llvm: leading_number(field("LLVM version")?)?,
        })
    }

    /// Whether the workspace can be built with it.
    #[must_use]
    pub fn is_new_enough(&self) -> bool {
        major_minor(&self.version) >= major_minor(OLDEST_RUSTC)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {} (LLVM {})", self.version, self.llvm)
    }
}

/// Major version of the LLVM inside a linker, if the output of its `--version` names one.
///
/// Released linkers print only their own version, but builds that name their LLVM are about.
#[must_use]
pub fn linker_llvm(output: &str) -> Option<u32> {
    let (_, rest) = output.split_once("LLVM")?;
    leading_number(rest.trim_start_matches(|c: char| !c.is_ascii_digit()))
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    Some((major.parse().ok()?, leading_number(rest)?))
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGED: &str = "\
rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
binary: rustc
commit-hash: ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96
commit-date: 2026-05-25
host: x86_64-unknown-linux-gnu
release: 1.96.0
LLVM version: 22.1.8
";

    fn release(version: &str) -> Release {
        Release {
            version: version.to_owned(),
            host: String::new(),
            llvm: 22,
        }
    }

    #[test]
    fn reads_verbose_version() {
        let release = Release::parse(PACKAGED).unwrap();
        assert_eq!(release.version, "1.96.0");
        assert_eq!(release.host, "x86_64-unknown-linux-gnu");
        assert_eq!(release.llvm, 22);
        assert_eq!(release.to_string(), "rustc 1.96.0 (LLVM 22)");
    }

    #[test]
    fn refuses_what_is_no_rustc() {
        assert_eq!(Release::parse(""), None);
        assert_eq!(Release::parse("gcc (Debian 12.2.0-14) 12.2.0"), None);
        assert_eq!(Release::parse(&PACKAGED.replace("22.1.8", "unknown")), None);
    }

    #[test]
    fn compares_with_the_oldest_supported() {
        assert!(release(OLDEST_RUSTC).is_new_enough());
        assert!(release("1.101.0-nightly").is_new_enough(), "numbers, not text");
        assert!(release("2.0.0").is_new_enough());
        assert!(!release("1.85.0").is_new_enough());
        assert!(!release("unknown").is_new_enough());
    }

    #[test]
    fn finds_the_linkers_llvm_where_it_is_named() {
        assert_eq!(linker_llvm("bpf-linker 0.13.0\n"), None);
        assert_eq!(linker_llvm("bpf-linker 0.9.13 (LLVM 20.1.1)\n"), Some(20));
        assert_eq!(linker_llvm("bpf-linker 0.9.13\nLLVM version: 22.1.4\n"), Some(22));
        assert_eq!(linker_llvm("LLVM"), None);
    }
}
