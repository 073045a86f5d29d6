//! Why a query has no answer: the file, its contents, or something this kernel lacks.

use std::{fmt, io, path::PathBuf};

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
    /// The next step, without a full stop.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Malformed {
                defect: Defect::Container(container),
                ..
            } => container.remedy(),
            Self::Malformed {
                defect: Defect::ByteOrder,
                ..
            } => "give the BTF file of the kernel that runs here",
            _ => "it needs a kernel built with CONFIG_DEBUG_INFO_BTF=y, or a BTF file given with --btf",
        }
    }

    /// Whether this kernel merely lacks the item, rather than having unusable BTF.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoStruct { .. } | Self::NoMember { .. })
    }
}

/// A file that may have BTF in it, but is not BTF itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Compressed with gzip.
    Gzip,
    /// Compressed with xz.
    Xz,
    /// Compressed with zstd.
    Zstd,
    /// An ELF file, such as `vmlinux` or a module.
    Elf,
}

impl Container {
    /// Tells it by its first bytes.
    pub(super) fn of(data: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Container); 4] = [
            (b"\x1f\x8b", Container::Gzip),
            (b"\xfd7zXZ\0", Container::Xz),
            (b"\x28\xb5\x2f\xfd", Container::Zstd),
            (b"\x7fELF", Container::Elf),
        ];
        let found = MAGIC.iter().find(|(magic, _)| data.starts_with(magic));
        found.map(|(_, container)| *container)
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Gzip => "unpack it with `gzip -dc FILE > NEW`, and give --btf NEW",
            Self::Xz => "unpack it with `xz -dc FILE > NEW`, and give --btf NEW",
            Self::Zstd => "unpack it with `zstd -dc FILE > NEW`, and give --btf NEW",
            Self::Elf => {
                "take its section with `objcopy -O binary -j .BTF --set-section-flags .BTF=alloc FILE NEW`, and \
                 give --btf NEW"
            }
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "compressed with gzip",
            Self::Xz => "compressed with xz",
            Self::Zstd => "compressed with zstd",
            Self::Elf => "an ELF file, which may have BTF as its section .BTF",
        })
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
    /// BTF is in it at most.
    #[error("is {0}")]
    Container(
        /// What it is.
        Container,
    ),
    /// Made for a machine with the other byte order.
    #[error("is of a machine with another byte order than this one")]
    ByteOrder,
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
