//! What stands between a question and its answer: the file, its contents, or this kernel not having the
//! thing.

use std::{io, path::PathBuf};

use super::{MAX_FILE_BYTES, format::Kind};

/// Why a question to the BTF has no answer. Each is one line that says what and where.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read. The cause is part of the message and so not chained as well.
    #[error("cannot read BTF of {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The data is not BTF as this program understands it.
    #[error("{origin}: {defect}")]
    Malformed {
        /// Where the data came from, as the subject of the message.
        origin: String,
        /// What is wrong with it.
        defect: Defect,
    },
    /// This kernel has no struct or union of that name.
    #[error("the kernel has no struct {name}")]
    NoStruct {
        /// The name asked for.
        name: String,
    },
    /// This kernel's struct has no such member.
    #[error("struct {structure} has no member {path}")]
    NoMember {
        /// The struct asked about.
        structure: String,
        /// The path asked for.
        path: String,
    },
    /// The member has no byte offset.
    #[error("member {path} of struct {structure} is a bit-field")]
    BitField {
        /// The struct asked about.
        structure: String,
        /// The path asked for.
        path: String,
    },
}

impl BtfError {
    /// Whether this kernel just lacks what was asked for, as opposed to BTF that cannot be used.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoStruct { .. } | Self::NoMember { .. })
    }
}

/// What is wrong with a BTF blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// Larger than any kernel's.
    #[error("larger than {} MiB", MAX_FILE_BYTES >> 20)]
    TooLarge,
    /// Ends inside the header.
    #[error("header needs {needed} bytes, file has {len}")]
    ShortHeader {
        /// Bytes the header has, or says it has.
        needed: u32,
        /// Bytes of the file.
        len: usize,
    },
    /// Not BTF at all.
    #[error("starts with {0:#06x}, not with BTF's magic number 0xeb9f")]
    Magic(
        /// The first two bytes, as a little-endian number.
        u16,
    ),
    /// A format that did not exist when this was written.
    #[error("has version {0}, only version 1 is known")]
    Version(
        /// The version it claims.
        u8,
    ),
    /// A section does not fit in the file.
    #[error("header says {section} end at byte {end}, file has {len} bytes")]
    SectionEnd {
        /// `types` or `strings`.
        section: &'static str,
        /// First byte after the section.
        end: u64,
        /// Bytes of the file.
        len: usize,
    },
    /// Names could run into whatever surrounds the strings.
    #[error("strings do not begin and end with a zero byte")]
    UnboundedStrings,
    /// Records cannot be skipped without knowing their kind, so this ends the parse.
    #[error("type {id} has kind {kind}, only kinds 1 to {} are known", Kind::LAST)]
    UnknownKind {
        /// Number of the type.
        id: u32,
        /// Its kind.
        kind: u32,
    },
    /// The record does not fit in the section.
    #[error("type {0} runs past the end of the types")]
    CutType(
        /// Number of the type.
        u32,
    ),
    /// A reference to a type that is not there.
    #[error("there is no type {0}")]
    NoType(
        /// The number referred to.
        u32,
    ),
    /// A reference to a name that is not there.
    #[error("name at byte {0} is past the end of the strings")]
    NoName(
        /// Byte in the strings.
        u32,
    ),
    /// Something without a size is used as a member.
    #[error("type {id} ({kind}) is used by value but has no size")]
    NoSize {
        /// Number of the type.
        id: u32,
        /// Its kind.
        kind: Kind,
    },
    /// No load reads such a member.
    #[error("a member of {bits} bits at bit {bit} fits no load")]
    Unaligned {
        /// Bits from the start of the struct.
        bit: u64,
        /// Width in bits.
        bits: u64,
    },
    /// Types that contain each other by value or by alias, or nest beyond reason.
    #[error("types refer to each other without end")]
    Endless,
    /// A size or an offset beyond 4 GiB.
    #[error("type {0} is too large to be true")]
    Overflow(
        /// Number of the type.
        u32,
    ),
}
