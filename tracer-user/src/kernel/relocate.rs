//! Replaces the marks in the instructions with the values for this kernel and this run
//! ([`tracer_ebpf::relocation`]).

use std::{
    mem,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
};

use aya_obj::generated::{
    BPF_ALU64, BPF_DW, BPF_IMM, BPF_K, BPF_LD, BPF_LDX, BPF_MEM, BPF_MOV, BPF_PSEUDO_MAP_VALUE, bpf_insn,
};
use object::{Object, ObjectSection, SectionKind};
use tracer_ebpf::{
    abi::{config::Config, offsets::Offsets},
    relocation::{HAS, MEMBER_ROOM, MEMBERS, OFFSET, SETTING, TABLE, table},
};

/// Size of an instruction, bytes.
const INSTRUCTION: usize = size_of::<bpf_insn>();

/// The bits of an operation, except those for the size of a load.
const NO_SIZE: u32 = !BPF_DW;

/// Loads of any size from an address in a register.
const LOAD: u32 = BPF_LDX | BPF_MEM;

/// Sets a register to a 64-bit value: two instructions, the second of which only carries the upper half.
const SET_WIDE: u32 = BPF_LD | BPF_DW | BPF_IMM;

/// Sets a register to an immediate.
const SET: u8 = byte(BPF_ALU64 | BPF_MOV | BPF_K);

/// Makes a wide immediate the address of a map's value.
const MAP_VALUE: u8 = byte(BPF_PSEUDO_MAP_VALUE);

/// A constant as stored in an instruction.
const fn byte(constant: u32) -> u8 {
    let [byte, ..] = constant.to_le_bytes();
    byte
}

/// The object with its marks replaced.
///
/// # Errors
/// If the object is damaged or of another version; in words.
pub(super) fn relocate(
    object: &[u8],
    offsets: &Offsets,
    config: &Config,
    tables: [BorrowedFd<'_>; table::COUNT],
) -> Result<Vec<u8>, String> {
    let numbers = Numbers {
        offsets: &offsets.0,
        settings: &config.words(),
        tables: &tables.map(|fd| fd.as_raw_fd()),
    };
    let mut bytes = object.to_vec();
    for range in programs(object)? {
        let code = bytes.get_mut(range).ok_or("a section lies outside the file")?;
        replace(code, |mark| numbers.value(mark))?;
    }
    Ok(bytes)
}

/// The sections of the file that contain programs.
fn programs(object: &[u8]) -> Result<Vec<Range<usize>>, String> {
    let file = object::File::parse(object).map_err(|error| error.to_string())?;
    file.sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .filter_map(|section| section.file_range())
        .map(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| "a section lies outside the file".to_owned())
}

/// A placeholder in an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// The displacement of a load of a member, this many bytes from its start.
    Member { number: u32, byte: i16 },
    /// Whether a member exists.
    Has(u32),
    /// The offset of a member.
    Offset(u32),
    /// A setting.
    Setting(u32),
    /// The address of a table.
    Table(u32),
}

impl Mark {
    /// The mark in a load, by its displacement.
    fn of_load(displacement: i16) -> Option<Self> {
        let mark = displacement.checked_sub(MEMBERS)?;
        Some(Self::Member {
            // Negative for a displacement that is not a mark.
            number: u32::try_from(mark.div_euclid(MEMBER_ROOM)).ok()?,
            byte: mark.rem_euclid(MEMBER_ROOM),
        })
    }

    /// The mark in a wide immediate, given its halves.
    fn of_immediate(upper: u32, lower: u32) -> Option<Self> {
        match upper {
            HAS => Some(Self::Has(lower)),
            OFFSET => Some(Self::Offset(lower)),
            SETTING => Some(Self::Setting(lower)),
            TABLE => Some(Self::Table(lower)),
            _ => None,
        }
    }
}

/// The replacement of a mark.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// A load with this displacement.
    Load(i16),
    /// A number.
    Number(u64),
    /// The address of the value of this map.
    AddressIn(RawFd),
}

/// Replaces each mark in some code.
fn replace(code: &mut [u8], mut value: impl FnMut(Mark) -> Result<Value, String>) -> Result<(), String> {
    let (instructions, _) = code.as_chunks_mut::<INSTRUCTION>();
    let mut instructions = instructions.iter_mut();
    while let Some(bytes) = instructions.next() {
        let mut insn = decoded(*bytes);
        if u32::from(insn.code) == SET_WIDE {
            let second = instructions
                .next()
                .ok_or("a program ends within an instruction")?;
            let mut upper = decoded(*second);
            match Mark::of_immediate(upper.imm.cast_unsigned(), insn.imm.cast_unsigned())
                .map(&mut value)
                .transpose()?
            {
                None => continue,
                Some(Value::Number(number)) => (insn.imm, upper.imm) = halves(number),
                Some(Value::AddressIn(map)) => {
                    insn.set_src_reg(MAP_VALUE);
                    (insn.imm, upper.imm) = (map, 0);
                }
                Some(Value::Load(_)) => return Err("an immediate is not a load".to_owned()),
            }
            *second = encoded(upper);
        } else if u32::from(insn.code) & NO_SIZE == LOAD
            && let Some(mark) = Mark::of_load(insn.off)
        {
            match value(mark)? {
                Value::Load(displacement) => insn.off = displacement,
                Value::Number(number) => {
                    (insn.code, insn.off, insn.imm) = (SET, 0, halves(number).0);
                    insn.set_src_reg(0);
                }
                Value::AddressIn(_) => return Err("a load is not an address".to_owned()),
            }
        }
        *bytes = encoded(insn);
    }
    Ok(())
}

fn decoded(bytes: [u8; INSTRUCTION]) -> bpf_insn {
    // SAFETY: both types have the same size and consist of integers.
    unsafe { mem::transmute(bytes) }
}

fn encoded(insn: bpf_insn) -> [u8; INSTRUCTION] {
    // SAFETY: likewise, and without padding.
    unsafe { mem::transmute(insn) }
}

/// The lower and upper halves of a number, as immediates.
fn halves(number: u64) -> (i32, i32) {
    let half = |number: u64| ((number & 0xffff_ffff) as u32).cast_signed();
    (half(number), half(number >> 32))
}

/// The values of the marks, in the order of their numbers.
struct Numbers<'a> {
    offsets: &'a [Option<u32>],
    settings: &'a [u64],
    tables: &'a [RawFd],
}

impl Numbers<'_> {
    fn value(&self, mark: Mark) -> Result<Value, String> {
        fn nth<T: Copy>(all: &[T], number: u32) -> Option<T> {
            all.get(usize::try_from(number).ok()?).copied()
        }
        let offset = |number| nth(self.offsets, number);
        let value = match mark {
            Mark::Has(number) => offset(number).map(|offset| Value::Number(offset.is_some().into())),
            Mark::Offset(number) => offset(number).map(|offset| Value::Number(offset.unwrap_or(0).into())),
            Mark::Setting(number) => nth(self.settings, number).map(Value::Number),
            Mark::Table(number) => nth(self.tables, number).map(Value::AddressIn),
            Mark::Member { number, byte } => match offset(number) {
                None => None,
                // A load of a missing member gives 0.
                Some(None) => Some(Value::Number(0)),
                Some(Some(offset)) => {
                    let displacement = i16::try_from(offset)
                        .ok()
                        .and_then(|offset| offset.checked_add(byte));
                    return displacement.map(Value::Load).ok_or_else(|| {
                        format!("member {number} lies at {offset}, farther than a load reaches")
                    });
                }
            },
        };
        value.ok_or_else(|| format!("it has the unknown mark {mark:?}"))
    }
}

#[cfg(test)]
mod tests;
