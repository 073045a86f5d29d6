//! Damaged and hostile blobs: an error or an answer, never a panic or a hang.

use proptest::prelude::*;

use super::{builder::*, *};

/// Makes every query that the small kernel can answer.
fn ask(blob: Vec<u8>) {
    let Ok(btf) = Btf::parse(blob) else { return };
    for structure in ["sock", "sock_common", "net", "ns_common"] {
        for path in [
            "__sk_common.skc_num",
            "__sk_common.skc_net.net",
            "skc_reuse",
            "ns.inum",
            "sk_v6",
            "inum",
        ] {
            let _any = btf.member(structure, path);
        }
    }
    let _any = btf.has_tracepoint("inet_sock_set_state");
    let _any = btf.has_func("bpf_iter_tcp");
}

#[test]
fn a_blob_may_end_at_any_byte() {
    let blob = small_kernel();
    for end in 0..blob.len() {
        ask(blob[..end].to_vec());
    }
}

#[test]
fn types_may_end_at_any_byte() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    b.structure("s", 8, &[("a", int, 0, 0), ("b", int, 32, 0)]);
    let whole = 16 + 12 + 24;
    for end in 0..whole {
        let parsed = Btf::parse(b.build_with_header([24, 0, end, whole, 5]));
        assert_eq!(parsed.is_ok(), end == 0 || end == 16, "types end at {end}");
    }
}

#[test]
fn aliases_that_go_in_circles_end() {
    let mut b = Builder::new();
    let own = b.next();
    b.typedef("own", own);
    let first = b.next();
    b.alias(10, "", first + 1);
    b.alias(9, "", first);
    b.structure("s", 8, &[("own", own, 0, 0), ("pair", first, 0, 0)]);
    b.structure("t", 8, &[("", own, 0, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(defect(btf.member("s", "own")), Defect::Endless);
    assert_eq!(defect(btf.member("s", "pair")), Defect::Endless);
    assert_eq!(defect(btf.member("s", "own.a")), Defect::Endless);
    assert_eq!(defect(btf.member("t", "a")), Defect::Endless);
}

#[test]
fn structs_that_contain_themselves_end() {
    let mut b = Builder::new();
    let own = b.next();
    b.structure("own", 8, &[("own", own, 0, 0), ("", own, 8, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(
        btf.member("own", "own.own.own").unwrap(),
        Member { offset: 0, size: 8 }
    );
    assert_eq!(defect(btf.member("own", "own.own.a")), Defect::Endless);
}

#[test]
fn structs_that_fan_out_end() {
    // Each contains the next one twice, anonymously: 2⁴⁰ ways to the last.
    let mut b = Builder::new();
    let mut inner = b.structure("", 1, &[]);
    for _ in 0..40 {
        inner = b.structure("", 1, &[("", inner, 0, 0), ("", inner, 0, 0)]);
    }
    b.structure("fan", 1, &[("", inner, 0, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(defect(btf.member("fan", "a")), Defect::Endless);
}

#[test]
fn arrays_of_themselves_and_arrays_beyond_memory_end() {
    let mut b = Builder::new();
    let (one, two, none) = (b.next(), b.next() + 1, b.next() + 2);
    b.array(one, 1);
    b.array(two, 2);
    b.array(none, 0);
    let int = b.int("int", 4);
    let large = b.array(int, 1 << 30);
    b.structure(
        "s",
        8,
        &[
            ("one", one, 0, 0),
            ("two", two, 0, 0),
            ("none", none, 0, 0),
            ("large", large, 0, 0),
        ],
    );
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(defect(btf.member("s", "one")), Defect::Endless);
    assert_eq!(defect(btf.member("s", "two")), Defect::Overflow(two));
    assert_eq!(defect(btf.member("s", "none")), Defect::Endless);
    assert_eq!(defect(btf.member("s", "large")), Defect::Overflow(large));
}

#[test]
fn references_to_nothing_are_defects() {
    let mut b = Builder::new();
    let proto = b.prototype(&[]);
    let forward = b.alias(7, "gone", 0);
    b.structure(
        "s",
        8,
        &[
            ("lost", 99, 0, 0),
            ("void", 0, 0, 0),
            ("code", proto, 0, 0),
            ("forward", forward, 0, 0),
        ],
    );
    b.structure("t", 8, &[("", 98, 0, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(defect(btf.member("s", "lost")), Defect::NoType(99));
    assert_eq!(defect(btf.member("t", "a")), Defect::NoType(98));
    let text = btf.member("s", "code").unwrap_err().to_string();
    assert_eq!(
        text,
        "BTF in memory: type 1 (function prototype) is used by value but has no size"
    );
    assert!(matches!(
        defect(btf.member("s", "void")),
        Defect::NoSize { id: 0, .. }
    ));
    assert!(matches!(
        defect(btf.member("s", "forward")),
        Defect::NoSize { id: 2, .. }
    ));
}

#[test]
fn offsets_add_up_beyond_32_bits_without_wrapping() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    let mut inner = b.structure("", 8, &[("a", int, u32::MAX - 7, 0)]);
    for _ in 0..8 {
        inner = b.structure("", 8, &[("", inner, u32::MAX - 7, 0)]);
    }
    b.structure("far", 8, &[("", inner, 0, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(defect(btf.member("far", "a")), Defect::Overflow(int));
}

/// Words that are sometimes a type number or the start of a record.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..40_u32,
        (0..20_u32).prop_map(|kind| kind << 24 | 1),
        any::<u32>()
    ]
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        ask(bytes);
    }

    #[test]
    fn random_types_never_panic(words in prop::collection::vec(word(), 0..64)) {
        let types = u32::try_from(words.len() * 4).unwrap();
        let mut blob = Builder::new().build_with_header([24, 0, types, types, 1]);
        let strings = blob.split_off(24);
        blob.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        blob.extend(strings);
        ask(blob);
    }

    #[test]
    fn random_mutations_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..16),
    ) {
        let mut blob = small_kernel();
        for (index, byte) in changes {
            let at = index.index(blob.len());
            blob[at] = byte;
        }
        ask(blob);
    }
}

proptest! {
    // Few cases, since cycles are common here and each uses all the steps allowed.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_graphs_never_panic(
        nodes in prop::collection::vec((0..6_u32, 0..12_u32, 0..12_u32, any::<u32>()), 1..12),
    ) {
        let mut b = Builder::new();
        for (kind, one, two, bit) in nodes {
            match kind {
                0 => b.int("int", bit & 15),
                1 => b.alias(8 + bit % 4, "", one),
                2 => b.array(one, bit % 3),
                3 => b.union("", bit, &[("", one, bit & 0xffff, 0), ("skc_reuse", two, 3, bit >> 24)]),
                _ => b.structure("sock", bit, &[("", one, bit & 0xffff, 0), ("sk_v6", two, bit & 0xff, 0)]),
            };
        }
        ask(b.build());
    }
}
