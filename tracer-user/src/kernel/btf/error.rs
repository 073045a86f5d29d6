//! Why a query has no answer: the file, its contents, or something this kernel lacks.

use std::{io, path::PathBuf};

use super::{MAX_FILE_BYTES, format::Kind};

/// The reasons for a query to fail. Each message is one line that says what is wrong and where.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read. The cause is part of the message and so not chained as well.
    #[error("cannot read BTF of {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The data is not BTF that this program understands.
    #[error("{origin}: {defect}")]
    Malformed {
        /// The source of the data, as the subject of the message.
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
    /// Whether this kernel merely lacks the item, rather than having unusable BTF.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoStruct { .. } | Self::NoMember { .. })
    }
}

/// What is wrong with a BTF blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// Larger than any kernel's BTF.
    #[error("larger than {} MiB", MAX_FILE_BYTES >> 20)]
    TooLarge,
    /// Ends inside the header.
    #[error("header needs {needed} bytes, file has {len}")]
    ShortHeader {
        /// Length of the header, required or claimed, bytes.
        needed: u32,
        /// Length of the file, bytes.
        len: usize,
    },
    /// Not BTF at all.
    #[error("starts with {0:#06x}, not with BTF's magic number 0xeb9f")]
    Magic(
        /// The first two bytes, as a little-endian number.
        u16,
    ),
    /// A version newer than this program.
    #[error("has version {0}, only version 1 is known")]
    Version(
        /// The version claimed.
        u8,
    ),
    /// A section does not fit in the file.
    #[error("header says {section} end at byte {end}, file has {len} bytes")]
    SectionEnd {
        /// `types` or `strings`.
        section: &'static str,
        /// Offset after the section.
        end: u64,
        /// Length of the file, bytes.
        len: usize,
    },
    /// Names could extend beyond the strings.
    #[error("strings do not begin and end with a zero byte")]
    UnboundedStrings,
    /// A record of unknown kind cannot be skipped, so parsing ends.
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
    /// A reference to a type that does not exist.
    #[error("there is no type {0}")]
    NoType(
        /// The number referred to.
        u32,
    ),
    /// A reference to a name that does not exist.
    #[error("name at byte {0} is past the end of the strings")]
    NoName(
        /// Offset in the strings.
        u32,
    ),
    /// A member's type has no size.
    #[error("type {id} ({kind}) is used by value but has no size")]
    NoSize {
        /// Number of the type.
        id: u32,
        /// Its kind.
        kind: Kind,
    },
    /// No load can read such a member.
    #[error("a member of {bits} bits at bit {bit} fits no load")]
    Unaligned {
        /// Bits from the start of the struct.
        bit: u64,
        /// Width in bits.
        bits: u64,
    },
    /// Types that contain each other by value or by alias, or are nested too deeply.
    #[error("types refer to each other without end")]
    Endless,
    /// A size or an offset beyond 4 GiB.
    #[error("type {0} has an impossible size")]
    Overflow(
        /// Number of the type.
        u32,
    ),
}
