//! Handmade code with marks, damaged code, and the marks of the object itself.

use std::{collections::BTreeSet, env::consts::ARCH, fs, fs::File, os::fd::AsFd, path::Path};

use proptest::{prelude::*, sample::Index};
use tracer_ebpf::abi::offsets::{MEMBERS as TABLE_OF_MEMBERS, Need, number};

use super::*;
use crate::kernel::embedded_object;

const SETTINGS: [u64; 2] = [7, 0x1234_5678_9abc_def0];
const NUMBERS: Numbers<'static> = Numbers {
    offsets: &[Some(0x18), None, Some(40_000)],
    settings: &SETTINGS,
    tables: &[17],
};

fn load(operation: u8, displacement: i16) -> [u8; INSTRUCTION] {
    instruction(operation, 1, 2, displacement, 0)
}

fn wide(what: u32, number: u32) -> [u8; 2 * INSTRUCTION] {
    wide_of(0, what.cast_signed(), number.cast_signed())
}

fn wide_of(source: u8, upper: i32, lower: i32) -> [u8; 2 * INSTRUCTION] {
    let mut both = [0; 2 * INSTRUCTION];
    both[..INSTRUCTION].copy_from_slice(&instruction(byte(SET_WIDE), 3, source, 0, lower));
    both[INSTRUCTION..].copy_from_slice(&instruction(0, 0, 0, 0, upper));
    both
}

fn filled_in(code: &[u8]) -> Vec<u8> {
    let mut code = code.to_vec();
    replace(&mut code, |mark| NUMBERS.value(mark)).unwrap();
    code
}

/// An instruction from its parts, with the registers where this machine has them.
fn instruction(code: u8, target: u8, source: u8, off: i16, imm: i32) -> [u8; INSTRUCTION] {
    encoded(bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(target, source),
        off,
        imm,
    })
}

#[test]
fn a_load_of_a_member_reads_where_this_kernel_has_it() {
    assert_eq!(filled_in(&load(0x61, MEMBERS)), load(0x61, 0x18));
    assert_eq!(filled_in(&load(0x79, MEMBERS + 12)), load(0x79, 0x18 + 12));
}

#[test]
fn a_member_that_is_missing_is_0() {
    let set = instruction(SET, 1, 0, 0, 0);
    for word in [0, 8] {
        assert_eq!(filled_in(&load(0x61, MEMBERS + MEMBER_ROOM + word)), set);
    }
}

#[test]
fn other_instructions_stay() {
    for displacement in [0, -8, MEMBERS - 1, i16::MIN] {
        assert_eq!(filled_in(&load(0x61, displacement)), load(0x61, displacement));
    }
    // A store and a jump with a displacement that looks like a mark.
    for operation in [0x7b, 0x15] {
        assert_eq!(filled_in(&load(operation, MEMBERS)), load(operation, MEMBERS));
    }
    let immediate = wide(0x7ee7, 0);
    assert_eq!(filled_in(&immediate), immediate);
    // The second half of an immediate is not an instruction, whatever it looks like.
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
        let expected = wide_of(0, high, low);
        assert_eq!(filled_in(&wide(what, number)), expected, "{what:#x} {number}");
    }
}

#[test]
fn the_address_of_a_table_is_the_value_of_its_map() {
    assert_eq!(filled_in(&wide(TABLE, 0)), wide_of(MAP_VALUE, 0, 17));
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
        let result = replace(&mut code.clone(), |mark| NUMBERS.value(mark));
        assert!(result.is_err(), "{code:?}");
    }
}

proptest! {
    /// Any damaged object gets an answer; the kernel judges the programs.
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

/// All marks in the object.
fn marks(object: &[u8]) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    let mut bytes = object.to_vec();
    for range in programs(object).unwrap() {
        replace(&mut bytes[range], |mark| {
            marks.insert(mark);
            Ok(match mark {
                Mark::Member { .. } => Value::Load(0),
                _ => Value::Number(0),
            })
        })
        .unwrap();
    }
    marks
}

/// The marks requested in the programs' sources, as far as they name members.
fn asked_for(sources: &Path) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            marks.append(&mut asked_for(&path));
            continue;
        }
        let code: String = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for (name, rest) in ["load!(", "has!(", "offset!(", "address!("]
            .iter()
            .flat_map(|name| code.split(name).skip(1).map(move |rest| (*name, rest)))
        {
            let arguments = &rest[..rest.find(')').unwrap()];
            // Within a macro, a `$` stands for its callers' arguments.
            let member = arguments.rsplit(" => ").next().unwrap();
            if !member.contains('$') {
                marks.extend(marks_of(name, arguments));
            }
        }
    }
    marks
}

/// The marks of one macro call.
fn marks_of(name: &str, arguments: &str) -> Vec<Mark> {
    let member = |path: &str| {
        let (structure, path) = path.trim().split_once('.').unwrap();
        u32::try_from(number(structure, path)).unwrap()
    };
    match name {
        "has!(" => vec![Mark::Has(member(arguments))],
        "offset!(" => vec![Mark::Offset(member(arguments))],
        // An IPv4 address of one word and an IPv6 address of four.
        "address!(" => {
            let mut arguments = arguments.split(", ").skip(1);
            let mut next = || member(&format!("sock_common.{}", arguments.next().unwrap()));
            let (v4, v6) = (next(), next());
            let words = (0..4).map(|word| Mark::Member {
                number: v6,
                byte: 4 * word,
            });
            words.chain([Mark::Member { number: v4, byte: 0 }]).collect()
        }
        _ => {
            let (_, member_and_type) = arguments.split_once(" => ").unwrap();
            let (path, kind) = member_and_type.split_once(": ").unwrap();
            let (path, word) = path.split_once('[').unwrap_or((path, "0]"));
            let word: i16 = word.trim_end_matches(']').parse().unwrap();
            let bytes = match kind.trim_end_matches(" or 0") {
                "u8" | "Option<u8>" => 1,
                "u16" => 2,
                "u32" | "Option<u32>" => 4,
                "u64" | "ptr" => 8,
                other => panic!("a load of {other}"),
            };
            let number = member(path);
            let mut marks = vec![Mark::Member {
                number,
                byte: word * bytes,
            }];
            if kind.starts_with("Option") {
                marks.push(Mark::Has(number));
            }
            marks
        }
    }
}

/// A stray instruction that looks like a mark would be rewritten, and a mark that never occurs is a member,
/// setting or table no longer needed.
#[test]
fn the_object_has_exactly_the_marks_that_the_sources_ask_for() {
    let object = embedded_object();
    if object.is_empty() {
        println!("SKIP the binary was built without its programs");
        return;
    }
    let is_of_member = |mark: &Mark| matches!(mark, Mark::Member { .. } | Mark::Has(_) | Mark::Offset(_));
    let (of_members, others): (BTreeSet<_>, BTreeSet<_>) = marks(object).into_iter().partition(is_of_member);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer-ebpf/src");
    let is_here = |number: u32| match TABLE_OF_MEMBERS[number as usize].need {
        Need::On(machine, _) => machine == ARCH,
        _ => true,
    };
    let mut asked = asked_for(&sources);
    asked.retain(|mark| match mark {
        Mark::Member { number, .. } | Mark::Has(number) | Mark::Offset(number) => is_here(*number),
        _ => true,
    });
    assert_eq!(of_members, asked);

    let used: BTreeSet<u32> = of_members
        .iter()
        .filter_map(|mark| match mark {
            Mark::Member { number, .. } | Mark::Offset(number) => Some(*number),
            _ => None,
        })
        .collect();
    let all = 0..u32::try_from(TABLE_OF_MEMBERS.len()).unwrap();
    assert_eq!(used, all.filter(|number| is_here(*number)).collect(), "members");

    let settings = 0..u32::try_from(Config::default().words().len()).unwrap();
    let tables = 0..u32::try_from(table::COUNT).unwrap();
    let all = settings.map(Mark::Setting).chain(tables.map(Mark::Table));
    assert_eq!(others, all.collect(), "settings and tables");
}
