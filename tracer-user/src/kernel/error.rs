//! Why tracing does not work here. Each message is one line: what, where, and what to do.

use std::{io, path::PathBuf};

use super::btf::BtfError;

/// Tracing is not possible on this machine or with these privileges.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Insufficient privileges.
    #[error(
        "no permission to load BPF programs: run as root (sudo tcpreuse …), or with CAP_BPF and CAP_PERFMON"
    )]
    Privilege,
    /// The kernel's types cannot be read.
    #[error(
        "cannot read the kernel's type information (BTF): {0}; {remedy}", remedy = .0.remedy()
    )]
    Btf(#[from] BtfError),
    /// The kernel lacks something this trace requires.
    #[error("this kernel has no {what}, which this trace needs; see `tcpreuse doctor`")]
    Unsupported {
        /// What is missing.
        what: String,
    },
    /// The binary was built without its programs.
    #[error(
        "this binary was built without its BPF programs: run `cargo xtask build` to set up the BPF toolchain and build it again"
    )]
    NoObject,
    /// The object given in place of the embedded one cannot be read.
    #[error("cannot read the BPF object {path}: {source}")]
    ReadObject {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The object is damaged or not ours.
    #[error(
        "the BPF object {origin} is damaged or does not belong to tcpreuse: {reason}; build or install tcpreuse again"
    )]
    BadObject {
        /// The object.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel refused a program or map.
    #[error(
        "the kernel refused {what}: {reason}; run again with -v for the kernel's own message, and see `tcpreuse doctor`"
    )]
    Refused {
        /// Program or map.
        what: String,
        /// The last line of the kernel's message.
        reason: String,
    },
    /// The kernel accepts no map of that size.
    #[error(
        "map {map} would be larger than this kernel accepts: ask for fewer with --max-peers or --max-connections"
    )]
    TooLarge {
        /// The map.
        map: String,
    },
    /// Reading maps or sockets failed.
    #[error("cannot read {what} from the kernel: {reason}")]
    Read {
        /// What was being read.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
}
