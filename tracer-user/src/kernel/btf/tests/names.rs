//! Look-ups by name: structs sharing a name, tracepoints, functions.

use super::{builder::*, *};

#[test]
fn of_structs_with_one_name_the_one_with_the_member_answers() {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    b.alias(7, "twin", 0);
    b.structure("twin", 0, &[]);
    b.structure("twin", 8, &[("a", int, 32, 0)]);
    b.union("twin", 16, &[("a", int, 0, 0), ("b", int, 64, 0)]);
    b.typedef("twin", int);
    b.function("twin", 0);
    let btf = Btf::parse(b.build()).unwrap();
    assert_eq!(btf.member("twin", "a").unwrap().offset, 4);
    assert_eq!(btf.member("twin", "b").unwrap().offset, 8);
    assert!(matches!(btf.member("twin", "c"), Err(BtfError::NoMember { .. })));
}

#[test]
fn a_struct_without_members_is_still_a_struct() {
    let mut b = Builder::new();
    b.structure("empty", 0, &[]);
    let btf = Btf::parse(b.build()).unwrap();
    assert!(matches!(btf.member("empty", "a"), Err(BtfError::NoMember { .. })));
}

#[test]
fn tracepoints_are_typedefs_of_their_whole_name() {
    let mut b = Builder::new();
    let proto = b.prototype(&[]);
    let pointer = b.pointer(proto);
    b.typedef("btf_trace_there", pointer);
    b.structure("btf_trace_struct", 0, &[]);
    b.typedef("other", pointer);
    let btf = Btf::parse(b.build()).unwrap();
    assert!(btf.has_tracepoint("there"));
    for name in ["struct", "other", "ther", "there_too", ""] {
        assert!(!btf.has_tracepoint(name), "{name}");
    }
}

#[test]
fn functions_are_found_by_their_whole_name() {
    let mut b = Builder::new();
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
fn handlers_are_preempted_where_a_new_kind_of_srcu_guards_tracepoints() {
    const VAR: u32 = 14 << 24;
    let types = |guard: &str, kind: &str| {
        let mut b = Builder::new();
        let int = b.int("int", 4);
        b.record(guard, VAR, int, &[0]);
        b.structure(kind, 16, &[]);
        Btf::parse(b.build()).unwrap().preempts_handlers()
    };
    assert!(types("tracepoint_srcu_srcu_data", "srcu_ctr"));
    // Before 6.13 that variable is there for another reason.
    assert!(!types("tracepoint_srcu_srcu_data", "srcu_data"));
    assert!(!types("rcu_data", "srcu_ctr"));
}

#[test]
fn many_types_of_one_name_stay_quick() {
    let mut b = Builder::new();
    for _ in 0..20_000 {
        b.structure("same", 4, &[]);
    }
    let btf = Btf::parse(b.build()).unwrap();
    assert!(matches!(btf.member("same", "a"), Err(BtfError::NoMember { .. })));
}
