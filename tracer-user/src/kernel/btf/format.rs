//! The byte level of BTF: header, and the fixed part of a type's record. The meaning of the
//! records is elsewhere.

use std::{fmt, ops::Range};

use bytes::Buf;

use super::error::Defect;

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
/// From the magic to `str_len`. Later versions of the header may be longer, and state their length.
const HEADER_BYTES: u32 = 24;

/// Reads numbers from the front of some bytes; `None` at their end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.rest.try_get_u8().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.rest.try_get_u16_le().ok()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.rest.try_get_u32_le().ok()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }
}

/// The header, checked: both ranges lie within the data.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) types: Range<usize>,
    pub(super) strings: Range<usize>,
}

impl Header {
    pub(super) fn read(data: &[u8]) -> Result<Self, Defect> {
        let short = |needed| Defect::ShortHeader {
            needed,
            len: data.len(),
        };
        let mut reader = Reader::new(data);
        match reader.u16().ok_or_else(|| short(HEADER_BYTES))? {
            MAGIC => {}
            swapped if swapped == MAGIC.swap_bytes() => return Err(Defect::ByteOrder),
            other => return Err(Defect::Magic(other)),
        }
        let version = reader.u8().ok_or_else(|| short(HEADER_BYTES))?;
        if version != VERSION {
            return Err(Defect::Version(version));
        }
        // No defined flag changes the meaning of what follows.
        let _flags = reader.u8();
        let mut field = || reader.u32().ok_or_else(|| short(HEADER_BYTES));
        let header_len = field()?;
        let (type_off, type_len, str_off, str_len) = (field()?, field()?, field()?, field()?);
        if header_len < HEADER_BYTES || header_len as usize > data.len() {
            return Err(short(header_len.max(HEADER_BYTES)));
        }
        let section = |name, offset, len| section(data.len(), name, header_len, offset, len);
        Ok(Self {
            types: section("types", type_off, type_len)?,
            strings: section("strings", str_off, str_len)?,
        })
    }
}

/// Offsets in the header count from its end.
fn section(
    file: usize,
    section: &'static str,
    header_len: u32,
    offset: u32,
    len: u32,
) -> Result<Range<usize>, Defect> {
    let start = u64::from(header_len) + u64::from(offset);
    let end = start + u64::from(len);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= file => Ok(start..end),
        _ => Err(Defect::SectionEnd {
            section,
            end,
            len: file,
        }),
    }
}

macro_rules! kinds {
    ($($number:literal $name:ident $text:literal,)*) => {
        /// What a type's record describes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $text] $name,)*
        }

        impl Kind {
            fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

kinds! {
    0 Void "void",
    1 Int "integer",
    2 Ptr "pointer",
    3 Array "array",
    4 Struct "struct",
    5 Union "union",
    6 Enum "enum",
    7 Fwd "forward declaration",
    8 Typedef "typedef",
    9 Volatile "volatile type",
    10 Const "const type",
    11 Restrict "restrict type",
    12 Func "function",
    13 FuncProto "function prototype",
    14 Var "variable",
    15 Datasec "data section",
    16 Float "floating-point number",
    17 DeclTag "declaration tag",
    18 TypeTag "type tag",
    19 Enum64 "64-bit enum",
}

impl Kind {
    /// The last kind this program knows.
    pub(super) const LAST: u32 = 19;

    /// Whether it can contain members.
    pub(super) fn has_members(self) -> bool {
        matches!(self, Self::Struct | Self::Union)
    }

    /// Length of the record after its fixed part, bytes.
    fn body_bytes(self, vlen: u32) -> usize {
        let vlen = vlen as usize;
        match self {
            Self::Int | Self::Var | Self::DeclTag => 4,
            Self::Array => 12,
            Self::Struct | Self::Union | Self::Datasec | Self::Enum64 => 12 * vlen,
            Self::Enum | Self::FuncProto => 8 * vlen,
            Self::Void
            | Self::Ptr
            | Self::Fwd
            | Self::Typedef
            | Self::Volatile
            | Self::Const
            | Self::Restrict
            | Self::Func
            | Self::Float
            | Self::TypeTag => 0,
        }
    }
}

/// One type's record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'a> {
    pub(super) id: u32,
    pub(super) kind: Kind,
    pub(super) name: u32,
    /// For a struct or union: whether members carry a bit-field width.
    pub(super) kind_flag: bool,
    /// Number of members, parameters, …; for a function, its linkage.
    pub(super) vlen: u32,
    /// Size in bytes, or the number of the type it refers to, depending on the kind.
    pub(super) size_or_type: u32,
    /// The record after its fixed part.
    pub(super) body: Reader<'a>,
}

impl<'a> Type<'a> {
    /// Type 0 has no record.
    pub(super) const VOID: Self = Self {
        id: 0,
        kind: Kind::Void,
        name: 0,
        kind_flag: false,
        vlen: 0,
        size_or_type: 0,
        body: Reader { rest: &[] },
    };

    /// Reads the next record from `reader`.
    pub(super) fn read(id: u32, reader: &mut Reader<'a>) -> Result<Self, Defect> {
        let cut = || Defect::CutType(id);
        let mut word = || reader.u32().ok_or_else(cut);
        let (name, info, size_or_type) = (word()?, word()?, word()?);
        // Bits 16–23 and 29–30 are unused so far. Reading them as part of the adjacent fields means that a
        // kernel which starts to use them is refused or understood, but not misread.
        let (vlen, number) = (info & 0x00ff_ffff, info >> 24 & 0x7f);
        let kind = Kind::from_number(number)
            .filter(|kind| *kind != Kind::Void)
            .ok_or(Defect::UnknownKind { id, kind: number })?;
        let body = reader.bytes(kind.body_bytes(vlen)).ok_or_else(cut)?;
        let kind_flag = info >> 31 == 1;
        Ok(Self {
            id,
            kind,
            name,
            kind_flag,
            vlen,
            size_or_type,
            body: Reader::new(body),
        })
    }
}
