//! Queries on the kernel's BTF: where a member of a struct is, and whether a tracepoint or a function exists.
//!
//! BTF is the kernel's own description of its types (`Documentation/bpf/btf.rst`). Rust has no CO-RE
//! relocations, so the offsets that the tracing programs need are read from the running kernel before they
//! are loaded.
//!
//! Contains [`Btf`] and its queries. The file format is in `format` and `types`, the walk along a member's
//! path in `member`, the errors in [`BtfError`]. Not here: which members the programs need and what is lost
//! without them; BTF of kernel modules; BTF of our own object, which the loader reads.
//!
//! This is our own parser, because those with a permissive licence copy every type and its name before they
//! answer, which takes ten times as long as everything here.

mod error;
mod format;
mod member;
#[cfg(test)]
mod tests;
mod types;

use std::{fs::File, io::Read, path::Path};

use bytes::Bytes;
use tracer_ebpf::hooks::Hook;

pub use self::{
    error::{BtfError, Defect},
    format::Kind,
};
use self::{member::Answer, types::Types};

/// The running kernel's BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// No kernel comes near this size (today's have 4–12 MiB); it limits how much is read from a wrong path.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// The position of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the struct in the query.
    pub offset: u32,
    /// Bytes; 0 for a flexible array.
    pub size: u32,
}

/// A parsed BTF blob.
///
/// Parsing records where each type starts and indexes names that can be looked up; everything else is decoded
/// and checked when a query needs it. Damaged input gives an error, never a panic or a hang.
#[derive(Debug)]
pub struct Btf {
    types: Types,
    /// Subject of error messages.
    origin: String,
}

impl Btf {
    /// Reads and parses a file such as [`VMLINUX`].
    ///
    /// # Errors
    /// [`BtfError::Io`] if it cannot be read, [`BtfError::Malformed`] if it is not BTF, is damaged, contains
    /// kinds of types newer than this program, or is larger than [`MAX_FILE_BYTES`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BtfError> {
        let path = path.as_ref();
        let data = read(path).map_err(|cause| BtfError::Io {
            path: path.to_owned(),
            cause,
        })?;
        Self::with_origin(format!("BTF of {}", path.display()), data.into())
    }

    /// Parses BTF that is already in memory.
    ///
    /// # Errors
    /// [`BtfError::Malformed`], as for [`Btf::from_file`].
    #[cfg(any(test, feature = "testing"))]
    pub fn parse(data: impl Into<Bytes>) -> Result<Self, BtfError> {
        Self::with_origin("BTF in memory".to_owned(), data.into())
    }

    fn with_origin(origin: String, data: Bytes) -> Result<Self, BtfError> {
        match Types::parse(data) {
            Ok(types) => Ok(Self { types, origin }),
            Err(defect) => Err(BtfError::Malformed { origin, defect }),
        }
    }

    /// Offset and size of a member, named by a dotted path from the struct: `"__sk_common.skc_net.net"`.
    ///
    /// As in C, members of anonymous structs and unions belong to what encloses them, at every step of the
    /// path. A path does not follow pointers or enter arrays.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`] and [`BtfError::NoMember`] if this kernel lacks it, [`BtfError::BitField`] if
    /// it has no byte offset, [`BtfError::Malformed`] if the types on the way are damaged.
    pub fn member(&self, structure: &str, path: &str) -> Result<Member, BtfError> {
        match member::find(&self.types, structure, path) {
            Ok(Answer::Found(member)) => Ok(member),
            Ok(Answer::BitField) => Err(BtfError::BitField {
                structure: structure.into(),
                path: path.into(),
            }),
            Ok(Answer::NoStruct) => Err(BtfError::NoStruct {
                name: structure.into(),
            }),
            Ok(Answer::NoMember) => Err(BtfError::NoMember {
                structure: structure.into(),
                path: path.into(),
            }),
            Err(defect) => Err(self.malformed(defect)),
        }
    }

    /// Whether the kernel has a raw tracepoint of this name, such as `inet_sock_set_state`: it describes
    /// tracepoint `x` by a typedef `btf_trace_x`.
    #[must_use]
    pub fn has_tracepoint(&self, name: &str) -> bool {
        self.has(&format!("btf_trace_{name}"), Kind::Typedef)
    }

    /// Whether the kernel has the tracepoint of a hook, in a form that is good enough.
    #[must_use]
    pub fn has_hook(&self, hook: &Hook) -> bool {
        self.has_tracepoint(hook.tracepoint) && hook.since.is_none_or(|name| self.has(name, Kind::Enum))
    }

    /// Whether the kernel may preempt a handler of a tracepoint, and then skips its program for whatever else
    /// comes on that CPU. It guards tracepoints with an SRCU of the kind that has a `srcu_ctr` then; without
    /// such a guard it disables preemption.
    #[must_use]
    pub fn preempts_handlers(&self) -> bool {
        self.has("tracepoint_srcu_srcu_data", Kind::Var) && self.has("srcu_ctr", Kind::Struct)
    }

    /// Whether the kernel has a function of this name, such as `bpf_iter_tcp`.
    #[must_use]
    pub fn has_func(&self, name: &str) -> bool {
        self.has(name, Kind::Func)
    }

    /// The number of types.
    pub fn type_count(&self) -> usize {
        self.types.count()
    }

    fn has(&self, name: &str, kind: Kind) -> bool {
        // Nothing can be attached to a record too damaged to decode.
        self.types
            .named(name)
            .any(|found| found.is_ok_and(|ty| ty.kind == kind))
    }

    fn malformed(&self, defect: Defect) -> BtfError {
        BtfError::Malformed {
            origin: self.origin.clone(),
            defect,
        }
    }
}

/// Reads one byte more than allowed, which is enough for [`Types::parse`] to refuse the file.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = usize::try_from(file.metadata()?.len())
        .unwrap_or(usize::MAX)
        .min(MAX_FILE_BYTES);
    let mut data = Vec::with_capacity(expected + 1);
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut data)?;
    Ok(data)
}
