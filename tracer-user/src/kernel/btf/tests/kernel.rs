//! The running kernel's own BTF. Offsets differ between kernels, so only what holds for all of them is
//! asserted.

use super::*;

fn vmlinux() -> Option<Btf> {
    if std::path::Path::new(VMLINUX).exists() {
        return Some(Btf::from_file(VMLINUX).unwrap());
    }
    println!("SKIP no {VMLINUX}");
    None
}

#[test]
fn members_of_sockets_have_their_sizes() {
    let Some(btf) = vmlinux() else { return };
    for (structure, path, size) in [
        ("sock", "__sk_common.skc_daddr", 4),
        ("sock", "__sk_common.skc_rcv_saddr", 4),
        ("sock", "__sk_common.skc_dport", 2),
        ("sock", "__sk_common.skc_num", 2),
        ("sock", "__sk_common.skc_family", 2),
        ("sock", "__sk_common.skc_state", 1),
        ("sock", "__sk_common.skc_net.net", 8),
        ("sock", "__sk_common.skc_cookie", 8),
        ("sock", "sk_err", 4),
        ("sock", "sk_socket", 8),
        ("sock", "sk_max_ack_backlog", 4),
        ("net", "ns.inum", 4),
        ("socket", "file", 8),
        ("inet_sock", "inet_sport", 2),
        ("inet_connection_sock", "icsk_ack.lrcvtime", 4),
        ("inet_connection_sock", "icsk_probes_out", 1),
        ("tcp_sock", "bytes_received", 8),
        ("tcp_sock", "write_seq", 4),
        ("tcp_sock", "lsndtime", 4),
    ] {
        let member = btf.member(structure, path).unwrap();
        assert_eq!(member.size, size, "{structure}.{path}");
        assert_eq!(
            member.offset % size.min(4),
            0,
            "{structure}.{path} at {}",
            member.offset
        );
    }
}

#[test]
fn structs_of_sockets_contain_each_other() {
    let Some(btf) = vmlinux() else { return };
    let member = |structure, path| btf.member(structure, path).unwrap();
    let nested = [
        ("sock", "__sk_common"),
        ("inet_sock", "sk"),
        ("inet_connection_sock", "icsk_inet"),
        ("tcp_sock", "inet_conn"),
    ];
    let sizes = nested.map(|(structure, path)| {
        let inner = member(structure, path);
        assert_eq!(inner.offset, 0, "{structure}.{path}");
        inner.size
    });
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert_eq!(
        member("tcp_sock", "inet_conn.icsk_inet.sk.__sk_common.skc_dport"),
        member("sock", "__sk_common.skc_dport")
    );
}

#[test]
fn bit_fields_of_sockets_are_told_apart() {
    let Some(btf) = vmlinux() else { return };
    let error = btf.member("sock", "__sk_common.skc_reuseport").unwrap_err();
    assert!(matches!(error, BtfError::BitField { .. }), "{error:?}");
}

#[test]
fn tracepoints_and_functions_are_there_or_not() {
    let Some(btf) = vmlinux() else { return };
    assert!(btf.has_tracepoint("inet_sock_set_state"));
    assert!(btf.has_tracepoint("tcp_receive_reset"));
    assert!(!btf.has_tracepoint("no_such_tracepoint"));
    assert!(btf.has_func("tcp_set_state"));
    assert!(!btf.has_func("no_such_function"));
    assert!(btf.member("sock", "no_such_member").unwrap_err().is_not_found());
}
