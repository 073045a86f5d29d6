//! The running kernel's own BTF. Offsets differ from kernel to kernel, so only what holds for each is
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
fn members_of_sockets_lie_within_their_structs() {
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
        ("inet_sock", "inet_sport", 2),
        ("tcp_sock", "lsndtime", 4),
    ] {
        let member = btf.member(structure, path).unwrap();
        assert_eq!(member.size, size, "{structure}.{path}");
        let end = member.offset + member.size;
        assert!(
            end <= btf.struct_size(structure).unwrap(),
            "{structure}.{path} ends at {end}"
        );
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
    let sizes = [
        "sock_common",
        "sock",
        "inet_sock",
        "inet_connection_sock",
        "tcp_sock",
    ]
    .map(|name| btf.struct_size(name).unwrap());
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert_eq!(btf.member_offset("sock", "__sk_common").unwrap(), 0);
    assert_eq!(
        btf.member_offset("tcp_sock", "inet_conn.icsk_inet.sk").unwrap(),
        0
    );
    let direct = btf.member_offset("sock", "__sk_common.skc_dport").unwrap();
    assert_eq!(
        btf.member_offset("tcp_sock", "inet_conn.icsk_inet.sk.__sk_common.skc_dport")
            .unwrap(),
        direct
    );
}

#[test]
fn bit_fields_of_sockets_are_told_apart() {
    let Some(btf) = vmlinux() else { return };
    let path = "__sk_common.skc_reuseport";
    assert!(matches!(btf.member("sock", path), Err(BtfError::BitField { .. })));
    let field = btf.bit_field("sock", path).unwrap();
    assert_eq!(field.bits, 1);
    assert!(field.byte_offset + field.unit <= btf.struct_size("sock").unwrap());
}

#[test]
fn tracepoints_and_functions_are_there_or_not() {
    let Some(btf) = vmlinux() else { return };
    assert_eq!(btf.tracepoint("inet_sock_set_state").unwrap().args, 3);
    assert_eq!(btf.tracepoint("tcp_receive_reset").unwrap().args, 1);
    assert!(btf.tracepoint("no_such_tracepoint").unwrap_err().is_not_found());
    assert!(btf.has_func("tcp_set_state"));
    assert!(!btf.has_func("no_such_function"));
    assert!(btf.member("sock", "no_such_member").unwrap_err().is_not_found());
}
