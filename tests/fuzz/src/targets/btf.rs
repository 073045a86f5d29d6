//! The kernel's type information. The first line of an input is a list of questions; the rest is the BTF
//! blob.

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
    // Questions come from the program itself; only the blob is untrusted.
    for question in questions
        .split(',')
        .filter(|text| text.chars().all(|c| c == ' ' || c.is_ascii_graphic()))
    {
        ask(&btf, question);
    }
}

/// A question is `struct member`, or a name alone.
fn ask(btf: &Btf, question: &str) {
    let Some((structure, member)) = question.split_once(' ') else {
        let _ = (btf.has_tracepoint(question), btf.has_func(question));
        return;
    };
    if let Err(error) = btf.member(structure, member) {
        crate::assert_harmless(&error.to_string());
    }
}
