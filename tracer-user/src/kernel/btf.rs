//! Questions to the kernel's BTF: where a member of a struct lies, and whether a tracepoint or a function is
//! there.
//!
//! BTF is the kernel's own description of its types (`Documentation/bpf/btf.rst`). Rust has no CO-RE
//! relocations, so the offsets that the tracing programs need are read from the running kernel before they
//! are loaded.
//!
//! Here: [`Btf`] and its answers. The file format is in `format` and `types`, the walk along a member's path
//! in `member`, what can go wrong in [`BtfError`]. Not here: which members the programs want and what is lost
//! without them; BTF of kernel modules; BTF of our own object, which the loader reads.

mod error;
mod format;
mod member;
#[cfg(test)]
mod tests;
mod types;

use std::{fs::File, io::Read, path::Path};

use bytes::Bytes;

pub use self::{
    error::{BtfError, Defect},
    format::Kind,
};
use self::{
    member::{Answer, Place},
    types::Types,
};

/// Where the running kernel shows its BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// No kernel comes near this size (today's have 4–12 MiB); it bounds what a wrong path can make us read.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// A member that a load of `size` bytes at `offset` reads whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the struct that was asked about.
    pub offset: u32,
    /// Bytes; 0 for a flexible array.
    pub size: u32,
}

/// A member that is part of a byte or straddles some: load the unit in the kernel's byte order, shift right
/// by `bit_offset`, keep the lowest `bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitField {
    /// Where the unit starts, in bytes from the start of the struct that was asked about.
    pub byte_offset: u32,
    /// The smallest aligned unit that holds the whole field: 1, 2, 4 or 8 bytes.
    pub unit: u32,
    /// How far the field is from the unit's least significant bit, whatever the byte order.
    pub bit_offset: u32,
    /// Width, 1 to 64.
    pub bits: u32,
}

/// A raw tracepoint that a tracing program can attach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracepoint {
    /// How many arguments the program gets. Their names are not recorded.
    pub args: u32,
}

/// A parsed BTF blob.
///
/// Parsing notes where each type starts and indexes the names that can be asked for; everything else is
/// decoded, and checked, when a question reaches it. Damaged input gives an error, never a panic or a hang.
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
    /// [`BtfError::Io`] when it cannot be read, [`BtfError::Malformed`] when it is not BTF, is damaged, uses
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
    pub fn parse(data: impl Into<Bytes>) -> Result<Self, BtfError> {
        Self::with_origin("BTF in memory".to_owned(), data.into())
    }

    fn with_origin(origin: String, data: Bytes) -> Result<Self, BtfError> {
        match Types::parse(data) {
            Ok(types) => Ok(Self { types, origin }),
            Err(defect) => Err(BtfError::Malformed { origin, defect }),
        }
    }

    /// Byte offset of a member, named by a dotted path from the struct: `"__sk_common.skc_net.net"`.
    ///
    /// As in C, members of anonymous structs and unions belong to what encloses them, at every step of the
    /// path. A path does not follow pointers or enter arrays.
    ///
    /// # Errors
    /// As for [`Btf::member`].
    pub fn member_offset(&self, structure: &str, path: &str) -> Result<u32, BtfError> {
        self.member(structure, path).map(|member| member.offset)
    }

    /// Offset and size of a member, named as in [`Btf::member_offset`].
    ///
    /// # Errors
    /// [`BtfError::NoStruct`] and [`BtfError::NoMember`] when this kernel lacks it, [`BtfError::BitField`]
    /// when it has no byte offset, [`BtfError::Malformed`] when the types on the way are damaged.
    pub fn member(&self, structure: &str, path: &str) -> Result<Member, BtfError> {
        match self.place(structure, path)? {
            Place::Bytes(member) => Ok(member),
            Place::Bits(_) => Err(BtfError::BitField {
                structure: structure.into(),
                path: path.into(),
            }),
        }
    }

    /// Where to find a bit-field, named as in [`Btf::member_offset`].
    ///
    /// # Errors
    /// As for [`Btf::member`], but [`BtfError::NotBitField`] for a member that is none.
    pub fn bit_field(&self, structure: &str, path: &str) -> Result<BitField, BtfError> {
        match self.place(structure, path)? {
            Place::Bits(field) => Ok(field),
            Place::Bytes(_) => Err(BtfError::NotBitField {
                structure: structure.into(),
                path: path.into(),
            }),
        }
    }

    /// Bytes of a struct or union. Of several with one name, the one that [`Btf::member`] would try first.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`], [`BtfError::Malformed`].
    pub fn struct_size(&self, name: &str) -> Result<u32, BtfError> {
        let found = member::structs(&self.types, name).map_err(|defect| self.malformed(defect))?;
        let first = found
            .first()
            .ok_or_else(|| BtfError::NoStruct { name: name.into() })?;
        Ok(first.size_or_type)
    }

    /// The raw tracepoint of a name, such as `inet_sock_set_state`.
    ///
    /// The kernel describes tracepoint `x` as `typedef void (*btf_trace_x)(void *, …)`; the leading pointer is
    /// the kernel's own and not counted among the arguments.
    ///
    /// # Errors
    /// [`BtfError::NoTracepoint`], [`BtfError::Malformed`].
    pub fn tracepoint(&self, name: &str) -> Result<Tracepoint, BtfError> {
        match tracepoint(&self.types, name) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(BtfError::NoTracepoint { name: name.into() }),
            Err(defect) => Err(self.malformed(defect)),
        }
    }

    /// Whether the kernel has a function of this name, such as `bpf_iter_tcp`.
    #[must_use]
    pub fn has_func(&self, name: &str) -> bool {
        // A record too damaged to decode is no function that anyone could attach to.
        self.types
            .named(name)
            .any(|found| found.is_ok_and(|ty| ty.kind == Kind::Func))
    }

    fn place(&self, structure: &str, path: &str) -> Result<Place, BtfError> {
        match member::find(&self.types, structure, path) {
            Ok(Answer::Found(place)) => Ok(place),
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

    fn malformed(&self, defect: Defect) -> BtfError {
        BtfError::Malformed {
            origin: self.origin.clone(),
            defect,
        }
    }
}

/// One byte more than allowed is enough for [`Types::parse`] to refuse the file.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = usize::try_from(file.metadata()?.len())
        .unwrap_or(usize::MAX)
        .min(MAX_FILE_BYTES);
    let mut data = Vec::with_capacity(expected + 1);
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut data)?;
    Ok(data)
}

fn tracepoint(types: &Types, name: &str) -> Result<Option<Tracepoint>, Defect> {
    for found in types.named(&format!("btf_trace_{name}")) {
        let typedef = found?;
        if typedef.kind != Kind::Typedef {
            continue;
        }
        let pointer = types.get(typedef.size_or_type)?;
        if pointer.kind != Kind::Ptr {
            continue;
        }
        let proto = types.get(pointer.size_or_type)?;
        if proto.kind == Kind::FuncProto
            && let Some(args) = proto.vlen.checked_sub(1)
        {
            return Ok(Some(Tracepoint { args }));
        }
    }
    Ok(None)
}
