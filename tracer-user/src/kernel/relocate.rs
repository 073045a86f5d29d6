//! Writes the numbers of this kernel and this run over their marks in the instructions
//! ([`tracer_ebpf::relocation`]).

use std::{
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
};

use object::{Object, ObjectSection, SectionKind};
use tracer_ebpf::{
    abi::{
        config::Config,
        offsets::{MISSING, Offsets},
    },
    relocation::{HAS, MEMBER_ROOM, MEMBERS, OFFSET, SETTING, TABLE, table},
};

/// Bytes of an instruction: operation, registers, a displacement of two bytes, an immediate of four.
const INSTRUCTION: usize = 8;

/// The bits of an operation that say what kind it is, and the kind of loads from an address in a register.
const KIND: u8 = 7;
const LOAD: u8 = 1;

/// Sets a register to 64 bits: two instructions, the second of which only has the upper half.
const SET_WIDE: u8 = 0x18;

/// Sets a register to an immediate.
const SET: u8 = 0xb7;

/// The half of the registers' byte that names the register set, and what in the other half makes an immediate
/// the address of the value of a map (`BPF_PSEUDO_MAP_VALUE`).
const TARGET: u8 = 0x0f;
const MAP_VALUE: u8 = 2 << 4;

/// The object with its marks written over.
///
/// # Errors
/// In words, for an object that is damaged or not of this version.
pub(super) fn relocate(
    object: &[u8],
    offsets: &Offsets,
    config: &Config,
    tables: [BorrowedFd<'_>; table::COUNT],
) -> Result<Vec<u8>, String> {
    let numbers = Numbers {
        offsets: &offsets.words(),
        settings: &config.words(),
        tables: &tables.map(|fd| fd.as_raw_fd()),
    };
    let mut bytes = object.to_vec();
    for range in programs(object)? {
        let code = bytes.get_mut(range).ok_or("a section lies outside the file")?;
        numbers.fill_in(code)?;
    }
    Ok(bytes)
}

/// Where the sections with programs lie in the file.
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

/// What the marks stand for, in the order of their numbers.
struct Numbers<'a> {
    offsets: &'a [u32],
    settings: &'a [u64],
    tables: &'a [RawFd],
}

impl Numbers<'_> {
    fn fill_in(&self, code: &mut [u8]) -> Result<(), String> {
        let (instructions, _) = code.as_chunks_mut::<INSTRUCTION>();
        let mut instructions = instructions.iter_mut();
        while let Some([operation, registers, d0, d1, immediate @ ..]) = instructions.next() {
            if *operation == SET_WIDE {
                let Some([_, _, _, _, upper @ ..]) = instructions.next() else {
                    return Err("a program ends within an instruction".to_owned());
                };
                let what = u32::from_ne_bytes(*upper);
                let number = u32::from_ne_bytes(*immediate);
                match self.number(what, number)? {
                    Number::AsItIs => {}
                    Number::Is(value) => {
                        let (low, high) = halves(value);
                        *immediate = low.to_ne_bytes();
                        *upper = high.to_ne_bytes();
                    }
                    Number::AddressIn(map) => {
                        *registers = *registers & TARGET | MAP_VALUE;
                        *immediate = map.to_ne_bytes();
                        *upper = [0; 4];
                    }
                }
                continue;
            }
            let displacement = i16::from_ne_bytes([*d0, *d1]);
            if *operation & KIND == LOAD && displacement >= MEMBERS {
                // Without the member it is a 0.
                let displacement = self.member(displacement - MEMBERS)?.unwrap_or_else(|| {
                    *operation = SET;
                    *registers &= TARGET;
                    *immediate = [0; 4];
                    0
                });
                [*d0, *d1] = displacement.to_ne_bytes();
            }
        }
        Ok(())
    }

    /// What an immediate stands for, by its upper half and its lower.
    fn number(&self, what: u32, number: u32) -> Result<Number, String> {
        let index = number as usize;
        let offset = || self.offsets.get(index).copied();
        let found = match what {
            SETTING => self.settings.get(index).copied().map(Number::Is),
            HAS => offset().map(|offset| Number::Is(u64::from(offset != MISSING))),
            OFFSET => {
                offset().map(|offset| Number::Is(if offset == MISSING { 0 } else { u64::from(offset) }))
            }
            TABLE => self.tables.get(index).copied().map(Number::AddressIn),
            _ => Some(Number::AsItIs),
        };
        found.ok_or_else(|| format!("it asks for number {number} of {what:#x}, and there is none"))
    }

    /// Where a load is to read whose displacement lies so far behind the first mark; `None` when this kernel does
    /// not have the member.
    fn member(&self, mark: i16) -> Result<Option<i16>, String> {
        let (number, byte) = (mark / MEMBER_ROOM, mark % MEMBER_ROOM);
        match usize::try_from(number)
            .ok()
            .and_then(|number| self.offsets.get(number))
        {
            None => Err(format!("it reads member {number}, and there is none")),
            Some(&MISSING) => Ok(None),
            Some(offset) => i16::try_from(*offset)
                .ok()
                .and_then(|offset| offset.checked_add(byte))
                .map(Some)
                .ok_or_else(|| format!("member {number} lies at {offset}, farther than a load reaches")),
        }
    }
}

/// The lower half of a number and the upper.
fn halves(number: u64) -> (u32, u32) {
    ((number & 0xffff_ffff) as u32, (number >> 32) as u32)
}

/// What a 64-bit immediate is to be.
#[derive(Clone, Copy, Debug)]
enum Number {
    /// It is no mark.
    AsItIs,
    Is(u64),
    /// The address of the value of this map.
    AddressIn(RawFd),
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsFd};

    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::kernel::embedded_object;

    const SETTINGS: [u64; 2] = [7, 0x1234_5678_9abc_def0];
    const NUMBERS: Numbers<'static> = Numbers {
        offsets: &[0x18, MISSING, 40_000],
        settings: &SETTINGS,
        tables: &[17],
    };

    fn load(operation: u8, displacement: i16) -> [u8; INSTRUCTION] {
        let [d0, d1] = displacement.to_ne_bytes();
        [operation, 0x21, d0, d1, 0, 0, 0, 0]
    }

    fn wide(what: u32, number: u32) -> [u8; 2 * INSTRUCTION] {
        let mut both = [0; 2 * INSTRUCTION];
        both[0] = SET_WIDE;
        both[1] = 3;
        both[4..8].copy_from_slice(&number.to_ne_bytes());
        both[12..].copy_from_slice(&what.to_ne_bytes());
        both
    }

    fn filled_in(code: &[u8]) -> Vec<u8> {
        let mut code = code.to_vec();
        NUMBERS.fill_in(&mut code).unwrap();
        code
    }

    #[test]
    fn a_load_of_a_member_reads_where_this_kernel_has_it() {
        assert_eq!(filled_in(&load(0x61, MEMBERS)), load(0x61, 0x18));
        assert_eq!(filled_in(&load(0x79, MEMBERS + 12)), load(0x79, 0x18 + 12));
    }

    #[test]
    fn a_member_that_is_missing_is_0() {
        let set = [SET, 1, 0, 0, 0, 0, 0, 0];
        for word in [0, 8] {
            assert_eq!(filled_in(&load(0x61, MEMBERS + MEMBER_ROOM + word)), set);
        }
    }

    #[test]
    fn other_instructions_stay() {
        for displacement in [0, -8, MEMBERS - 1, i16::MIN] {
            assert_eq!(filled_in(&load(0x61, displacement)), load(0x61, displacement));
        }
        // A store and a jump with a displacement like a mark.
        for operation in [0x7b, 0x15] {
            assert_eq!(filled_in(&load(operation, MEMBERS)), load(operation, MEMBERS));
        }
        let immediate = wide(0x7ee7, 0);
        assert_eq!(filled_in(&immediate), immediate);
        // The second half of an immediate is no instruction, whatever it looks like.
        let mut immediate = wide(0, 0);
        immediate[INSTRUCTION..INSTRUCTION + 4].copy_from_slice(&load(0x61, MEMBERS)[..4]);
        assert_eq!(filled_in(&immediate), immediate);
    }

    #[test]
    fn an_immediate_is_the_number_it_stands_for() {
        for (what, number, value) in [
            (SETTING, 0, SETTINGS[0]),
            (SETTING, 1, SETTINGS[1]),
            (HAS, 0, 1),
            (HAS, 1, 0),
            (HAS, 2, 1),
            (OFFSET, 1, 0),
            (OFFSET, 2, 40_000),
        ] {
            let (low, high) = halves(value);
            let expected = wide(high, low);
            assert_eq!(filled_in(&wide(what, number)), expected, "{what:#x} {number}");
        }
    }

    #[test]
    fn the_address_of_a_table_is_the_value_of_its_map() {
        let mut expected = wide(0, 17);
        expected[1] |= 0x20;
        assert_eq!(filled_in(&wide(TABLE, 0)), expected);
    }

    #[test]
    fn what_there_is_no_number_for_is_an_error() {
        for code in [
            wide(SETTING, 2).to_vec(),
            wide(HAS, 3).to_vec(),
            wide(TABLE, 1).to_vec(),
            load(0x61, MEMBERS + 3 * MEMBER_ROOM).to_vec(),
            // Farther than a load can reach.
            load(0x61, MEMBERS + 2 * MEMBER_ROOM).to_vec(),
            load(0x61, i16::MAX).to_vec(),
            wide(SETTING, 0)[..INSTRUCTION].to_vec(),
        ] {
            assert!(NUMBERS.fill_in(&mut code.clone()).is_err(), "{code:?}");
        }
    }

    proptest! {
        /// Whatever became of an object, there is an answer; the kernel judges the programs.
        #[test]
        fn damage_does_no_harm(
            whole: bool,
            keep: Index,
            damage in proptest::collection::vec(any::<(Index, u8)>(), 0..20),
        ) {
            let mut bytes = embedded_object().to_vec();
            if !whole {
                bytes.truncate(keep.index(bytes.len() + 1));
            }
            for (place, byte) in damage {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
            }
            let file = File::open("/dev/null").unwrap();
            let tables = [file.as_fd(); table::COUNT];
            let length = bytes.len();
            if let Ok(relocated) = relocate(&bytes, &Offsets::MISSING, &Config::default(), tables) {
                prop_assert_eq!(relocated.len(), length);
            }
        }
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        let file = File::open("/dev/null").unwrap();
        for bytes in [&b""[..], b"\x7fELF", &[0; 64]] {
            let tables = [file.as_fd(); table::COUNT];
            assert!(relocate(bytes, &Offsets::MISSING, &Config::default(), tables).is_err());
        }
    }
}
