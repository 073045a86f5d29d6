//! Look-ups by name: structs of one name, tracepoints, functions.

use super::{builder::*, *};

#[test]
fn of_structs_with_one_name_the_one_with_the_member_answers() {
    let mut b = Builder::little();
    let int = b.int("int", 4);
    b.alias(7, "twin", 0);
    b.structure("twin", 0, &[]);
    b.structure("twin", 8, &[("a", int, 32, 0)]);
    b.union("twin", 16, &[("a", int, 0, 0), ("b", int, 64, 0)]);
    b.typedef("twin", int);
    b.function("twin", 0);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(btf.struct_size("twin").unwrap(), 8);
    assert_eq!(btf.member_offset("twin", "a").unwrap(), 4);
    assert_eq!(btf.member_offset("twin", "b").unwrap(), 8);
    assert!(matches!(btf.member("twin", "c"), Err(BtfError::NoMember { .. })));
}

#[test]
fn a_struct_without_members_still_has_a_size() {
    let mut b = Builder::little();
    b.structure("empty", 0, &[]);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(btf.struct_size("empty").unwrap(), 0);
    assert!(matches!(btf.member("empty", "a"), Err(BtfError::NoMember { .. })));
}

#[test]
fn tracepoints_are_typedefs_of_pointers_to_functions() {
    let mut b = Builder::little();
    let int = b.int("int", 4);
    let context = b.pointer(0);
    b.typedef("btf_trace_number", int);
    b.typedef("btf_trace_void", 0);
    let to_int = b.pointer(int);
    b.typedef("btf_trace_pointer", to_int);
    let no_context = b.prototype(&[]);
    let no_context = b.pointer(no_context);
    b.typedef("btf_trace_no_context", no_context);
    for (name, parameters) in [("none", 1), ("three", 4)] {
        let proto = b.prototype(&vec![context; parameters]);
        b.structure(&format!("btf_trace_{name}"), 0, &[]);
        let pointer = b.pointer(proto);
        b.typedef(&format!("btf_trace_{name}"), pointer);
    }
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(btf.tracepoint("none").unwrap().args, 0);
    assert_eq!(btf.tracepoint("three").unwrap().args, 3);
    for name in ["number", "void", "pointer", "no_context", "gone", ""] {
        let error = btf.tracepoint(name).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the kernel has no raw tracepoint {name}")
        );
        assert!(error.is_not_found());
    }
}

#[test]
fn functions_are_found_by_their_whole_name() {
    let mut b = Builder::little();
    let proto = b.prototype(&[]);
    b.function("bpf_iter_tcp", proto);
    b.structure("bpf_iter_udp", 8, &[]);
    let btf = Btf::parse(b.build()).unwrap();
    assert!(btf.has_func("bpf_iter_tcp"));
    for name in ["bpf_iter_tc", "bpf_iter_tcp4", "bpf_iter_udp", ""] {
        assert!(!btf.has_func(name), "{name}");
    }
}

#[test]
fn many_types_of_one_name_stay_quick() {
    let mut b = Builder::little();
    for _ in 0..20_000 {
        b.structure("same", 4, &[]);
    }
    let btf = Btf::parse(b.build()).unwrap();
    assert!(matches!(btf.member("same", "a"), Err(BtfError::NoMember { .. })));
}
