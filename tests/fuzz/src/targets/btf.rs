//! The kernel's type information. An input is a line of questions and, after the line end, the blob.

use tcpreuse::testing::kernel::{btf::Btf, offsets};

pub(super) fn run(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Ok(questions) = str::from_utf8(&input[..end]) else {
        return;
    };
    let btf = match Btf::parse(input[end + 1..].to_vec()) {
        Ok(btf) => btf,
        Err(error) => return crate::assert_harmless(&error.to_string()),
    };
    let _ = offsets::resolve(&btf);
    // Questions are the program's own; only the blob is foreign.
    for question in questions
        .split(',')
        .filter(|text| text.chars().all(|c| c == ' ' || c.is_ascii_graphic()))
    {
        ask(&btf, question);
    }
}

/// `struct member` or a name alone.
fn ask(btf: &Btf, question: &str) {
    let Some((structure, member)) = question.split_once(' ') else {
        let _ = (
            btf.tracepoint(question),
            btf.has_func(question),
            btf.struct_size(question),
        );
        return;
    };
    match btf.member(structure, member) {
        Ok(found) => assert_eq!(btf.member_offset(structure, member).ok(), Some(found.offset)),
        Err(error) => crate::assert_harmless(&error.to_string()),
    }
    if let Ok(field) = btf.bit_field(structure, member) {
        assert!([1, 2, 4, 8].contains(&field.unit), "{field:?}");
        assert_eq!(field.byte_offset % field.unit, 0, "{field:?}");
        assert!((1..=64).contains(&field.bits), "{field:?}");
        assert!(field.bit_offset + field.bits <= 8 * field.unit, "{field:?}");
    }
}
