//! Paths to members: nesting, aliases, sizes.

use super::{builder::*, *};

fn small() -> Btf {
    Btf::parse(small_kernel()).unwrap()
}

#[track_caller]
fn assert_member(btf: &Btf, structure: &str, path: &str, offset: u32, size: u32) {
    assert_eq!(
        btf.member(structure, path).unwrap(),
        Member { offset, size },
        "{structure}.{path}"
    );
}

#[track_caller]
fn assert_missing(btf: &Btf, structure: &str, path: &str) {
    let error = btf.member(structure, path).unwrap_err();
    assert!(
        matches!(error, BtfError::NoMember { .. }),
        "{structure}.{path}: {error:?}"
    );
}

#[test]
fn paths_go_through_structs_unions_and_aliases() {
    let btf = small();
    assert_member(&btf, "sock", "__sk_common", 0, 32);
    assert_member(&btf, "sock", "__sk_common.skc_family", 12, 2);
    assert_member(&btf, "sock", "__sk_common.skc_state", 14, 1);
    assert_member(&btf, "sock", "__sk_common.skc_net.net", 16, 8);
    assert_member(&btf, "sock", "sk_v6", 32, 16);
    assert_member(&btf, "net", "ns.inum", 16, 4);
}

#[test]
fn anonymous_members_belong_to_what_encloses_them() {
    let btf = small();
    assert_member(&btf, "sock", "__sk_common.skc_addrpair", 0, 8);
    assert_member(&btf, "sock", "__sk_common.skc_rcv_saddr", 4, 4);
    assert_member(&btf, "sock_common", "skc_dport", 8, 2);
    assert_member(&btf, "sock_common", "skc_num", 10, 2);
}

#[test]
fn anonymous_members_are_searched_at_every_step_and_behind_qualifiers() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    let deep = b.structure("", 8, &[("pad", int, 0, 0), ("deep", int, 32, 0)]);
    let deep = b.alias(10, "", deep);
    let named = b.structure("", 16, &[("first", int, 0, 0), ("", deep, 64, 0)]);
    let middle = b.union("", 16, &[("named", named, 0, 0)]);
    b.structure("outer", 32, &[("head", int, 0, 0), ("", middle, 128, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_member(&btf, "outer", "named.deep", 28, 4);
    // Named members hide their contents.
    assert_missing(&btf, "outer", "deep");
}

#[test]
fn what_is_not_there_is_said_by_name() {
    let btf = small();
    let error = btf.member("tcp_sock", "rcv_nxt").unwrap_err();
    assert_eq!(error.to_string(), "the kernel has no struct tcp_sock");
    assert!(error.is_not_found());
    let error = btf.member("sock", "__sk_common.skc_hash").unwrap_err();
    assert_eq!(
        error.to_string(),
        "struct sock has no member __sk_common.skc_hash"
    );
    assert!(error.is_not_found());
    assert!(matches!(
        btf.member("tcp_sock", "rcv_nxt"),
        Err(BtfError::NoStruct { .. })
    ));
}

#[test]
fn paths_that_c_would_refuse_lead_nowhere() {
    let btf = small();
    for path in [
        "",
        ".",
        "__sk_common.",
        ".__sk_common",
        "__sk_common..skc_family",
        "__sk_common.skc_net.",
    ] {
        assert_missing(&btf, "sock", path);
    }
    // Not through a pointer, an integer or an array.
    assert_missing(&btf, "sock", "__sk_common.skc_net.net.ns");
    assert_missing(&btf, "sock", "__sk_common.skc_family.low");
    assert_missing(&btf, "sock", "sk_v6.0");
    // Typedefs and functions are not structs.
    for name in ["possible_net_t", "bpf_iter_tcp", "", "int"] {
        assert!(
            matches!(btf.member(name, "net"), Err(BtfError::NoStruct { .. })),
            "{name}"
        );
    }
}

#[test]
fn sizes_follow_the_kind() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    let huge = b.int("__int128", 16);
    let pointer = b.pointer(0);
    let row = b.array(int, 3);
    let rows = b.array(row, 5);
    let tail = b.array(int, 0);
    let choice = b.record("choice", 6 << 24, 4, &[]);
    let choice64 = b.record("choice64", 19 << 24, 8, &[]);
    let float = b.record("double", 16 << 24, 8, &[]);
    let inner = b.structure("inner", 24, &[]);
    let either = b.union("either", 12, &[]);
    let mut alias = inner;
    for (kind, name) in [(8, "inner_t"), (10, ""), (9, ""), (11, ""), (18, "tag")] {
        alias = b.alias(kind, name, alias);
    }
    let aliases = b.array(alias, 2);
    let sizes = [
        ("int", int, 4),
        ("huge", huge, 16),
        ("pointer", pointer, 8),
        ("rows", rows, 60),
        ("tail", tail, 0),
        ("choice", choice, 4),
        ("choice64", choice64, 8),
        ("float", float, 8),
        ("inner", inner, 24),
        ("either", either, 12),
        ("aliases", aliases, 48),
    ];
    let fields: Vec<Field<'_>> = sizes.iter().map(|(name, ty, _)| (*name, *ty, 64, 0)).collect();
    b.structure("all", 512, &fields);
    let btf = Btf::parse(b.build()).unwrap();
    for (name, _, size) in sizes {
        assert_member(&btf, "all", name, 8, size);
    }
}

#[test]
fn bit_fields_have_no_byte_offset() {
    let btf = small();
    let error = btf.member("sock", "__sk_common.skc_reuse").unwrap_err();
    assert_eq!(
        error.to_string(),
        "member __sk_common.skc_reuse of struct sock is a bit-field"
    );
    assert!(!error.is_not_found());
}

#[test]
fn a_member_within_a_byte_is_a_defect() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    b.structure("odd", 8, &[("at_bit_3", int, 3, 0)]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(
        defect(btf.member("odd", "at_bit_3")),
        Defect::Unaligned { bit: 3, bits: 32 }
    );
}
