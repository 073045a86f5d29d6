//! A test that the programs fit on the stack of every kernel. Newer ones give a program a stack of its own
//! and accept more than those before 6.13 do, so loading them here does not show it.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};

use crate::kernel::embedded_object;

/// `MAX_BPF_STACK`: of a program with the functions that it is in, bytes.
const LIMIT: u32 = 512;

/// `MAX_CALL_FRAMES`.
const MOST_FRAMES: usize = 8;

/// Older kernels round each frame up to this, bytes.
const STEP: u32 = 32;

const INSTRUCTION: usize = 8;
/// The register that points to the end of the frame.
const FRAME: u8 = 10;

/// A section, and how far into it.
type Place = (usize, u64);

#[derive(Debug, Default)]
struct Function {
    name: String,
    /// Bytes of its frame.
    frame: u32,
    calls: BTreeSet<Place>,
}

/// The functions of the object, by where they begin.
fn functions(bytes: &[u8]) -> BTreeMap<Place, Function> {
    let object = object::File::parse(bytes).unwrap();
    let mut all = BTreeMap::new();
    for symbol in object
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
    {
        let index = symbol.section_index().unwrap();
        let section = object.section_by_index(index).unwrap();
        let (begin, end) = (symbol.address(), symbol.address() + symbol.size());
        let code = section.data_range(begin, symbol.size()).unwrap().unwrap();
        let mut function = Function {
            name: symbol.name().unwrap().to_owned(),
            frame: frame(code),
            calls: BTreeSet::new(),
        };
        for (at, relocation) in section.relocations().filter(|(at, _)| (begin..end).contains(at)) {
            let from = usize::try_from(at - begin).unwrap();
            let instruction = &code[from..from + INSTRUCTION];
            let RelocationTarget::Symbol(target) = relocation.target() else {
                continue;
            };
            if instruction[0] == CALL {
                let target = object.symbol_by_index(target).unwrap();
                // Relative to a section, the instruction says how far into it.
                let more = match target.kind() {
                    SymbolKind::Section => (i64::from(immediate(instruction)) + 1) * INSTRUCTION as i64,
                    _ => 0,
                };
                let address = target.address().checked_add_signed(more).unwrap();
                function
                    .calls
                    .insert((target.section_index().unwrap().0, address));
            }
        }
        all.insert((index.0, begin), function);
    }
    all
}

const CALL: u8 = 0x85;

fn immediate(instruction: &[u8]) -> i32 {
    i32::from_le_bytes(instruction[4..].try_into().unwrap())
}

/// How far below the end of its frame the code goes.
fn frame(code: &[u8]) -> u32 {
    const MOVE: u8 = 0xbf;
    const ADD: u8 = 0x07;
    let mut below = 0;
    let mut copies = BTreeSet::new();
    for instruction in code.chunks_exact(INSTRUCTION) {
        let (operation, registers) = (instruction[0], instruction[1]);
        let (to, from) = (registers & 0xf, registers >> 4);
        let offset = i32::from(i16::from_le_bytes([instruction[2], instruction[3]]));
        let reaches = match (operation, operation & 7) {
            (MOVE, _) if from == FRAME => {
                copies.insert(to);
                continue;
            }
            (ADD, _) if copies.contains(&to) => immediate(instruction),
            // Loads from the frame, and stores to it.
            (_, 1) if from == FRAME => offset,
            (_, 2 | 3) if to == FRAME => offset,
            _ => continue,
        };
        if operation == ADD {
            copies.remove(&to);
        }
        below = below.max(u32::try_from(-reaches).unwrap_or(0));
    }
    below
}

/// The stack that a function takes with the deepest of what it calls, and the frames that make it up.
fn deepest(all: &BTreeMap<Place, Function>, place: Place) -> (u32, Vec<String>) {
    let function = &all[&place];
    let own = function.frame.max(1).next_multiple_of(STEP);
    let below = function.calls.iter().map(|called| deepest(all, *called)).max();
    let (bytes, mut frames) = below.unwrap_or_default();
    frames.push(format!("{} {own}", function.name));
    (own + bytes, frames)
}

#[test]
fn each_program_fits_on_the_stack_of_older_kernels() {
    let object = embedded_object();
    if object.is_empty() {
        println!("SKIP the binary was built without its programs");
        return;
    }
    let all = functions(object);
    assert!(all.len() > 20, "{} functions", all.len());
    for place in all.keys() {
        let (bytes, frames) = deepest(&all, *place);
        assert!(
            bytes <= LIMIT,
            "{bytes} bytes of stack, innermost frame first: {frames:?}"
        );
        assert!(frames.len() <= MOST_FRAMES, "{frames:?}");
    }
}
