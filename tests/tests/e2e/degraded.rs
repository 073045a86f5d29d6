//! On a kernel that lacks something, whatever needs it is unknown, everything else stays exact, and `doctor`
//! reports it. Such a kernel is simulated by renaming members in the running kernel's BTF.

use std::{fs, net::Ipv4Addr};

use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, figure, run},
    traffic::{EchoServer, connect, source, turn, visit},
};

/// The running kernel's BTF without these names, each of which is a complete string in its string section.
fn without(names: &[&str]) -> tempfile::NamedTempFile {
    let mut btf = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    for name in names {
        let needle: Vec<u8> = [b"\0", name.as_bytes(), b"\0"].concat();
        let at = btf.windows(needle.len()).position(|window| window == needle);
        assert!(at.is_some(), "{name} is not in this kernel's type information");
        let at = at.unwrap();
        // Replaces the name by another one of the same length.
        if let Some(byte) = btf.get_mut(at + 1) {
            *byte = b'~';
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), btf).unwrap();
    file
}

#[test]
fn members_that_cost_one_figure_each() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let btf = without(&[
        "bytes_received",
        "total_retrans",
        "lsndtime",
        "data_segs_in",
        "copied_seq",
        "f_inode",
        "rcv_tstamp",
        "icsk_probes_out",
        "group_leader",
        "srtt_us",
    ]);
    let path = btf.path().to_str().unwrap();
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string(), "--btf", path]);
    (0..10).for_each(|_| visit(source(0), server.address));
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(
        (
            figure(peer, "opens"),
            figure(peer, "closes"),
            figure(peer, "bytes_sent")
        ),
        (10, 10, 10)
    );
    // Unknown values must be null, never 0.
    for unknown in ["bytes_received", "retransmits", "rtt_ms"] {
        assert!(peer["figures"][unknown].is_null(), "{unknown}: {peer:#}");
    }
    assert!(
        peer["figures"]["idle_before_close_ms"]["p50"].is_null(),
        "{peer:#}"
    );
    // The name of a process that still runs is read from `/proc`.
    assert_eq!(peer["owner"]["pid"], std::process::id());
    assert!(!peer["owner"]["comm"].as_str().unwrap().is_empty());
    let output = run(&["doctor", "--btf", path]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for line in [
        "degraded  member tcp_sock.bytes_received: not there: bytes received will be unknown",
        "degraded  member tcp_sock.total_retrans: not there: retransmits will be unknown",
        "degraded  member tcp_sock.lsndtime: not there: idle time before close will be unknown",
        "degraded  member inet_connection_sock.icsk_probes_out: not there: which connections are silent for good will be unknown",
        "degraded  member task_struct.group_leader: not there: the names of processes that have ended will be unknown",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[test]
fn tracepoints_that_can_be_missed() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let btf = without(&["btf_trace_tcp_receive_reset", "btf_trace_tcp_rcv_space_adjust"]);
    let path = btf.path().to_str().unwrap();
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string(), "--btf", path]);
    (0..10).for_each(|_| visit(source(0), server.address));
    // An RST is still recognised by the socket error it leaves.
    for _ in 0..5 {
        let mut stream = connect(source(1), server.address).unwrap();
        turn(&mut stream);
        socket2::SockRef::from(&stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(figure(peer, "opens"), 10);
    // Without the hook there is only an upper bound of the turns, which must not be shown as a measurement.
    assert!(
        peer["figures"]["turns_per_connection"]["p50"].is_null(),
        "{peer:#}"
    );
    // It is also unknown how long requests waited to be read.
    assert!(peer["figures"]["late_reads"].is_null(), "{peer:#}");
    // The bound suffices for the verdict.
    assert_eq!(peer["verdict"], "fresh-per-request");
    assert_eq!(
        diagnosis.peer("127.1.0.2", "inbound")["figures"]["close_reasons"]["remote_rst"],
        5
    );
}

#[test]
fn members_that_nothing_works_without() {
    need_root!();
    let btf = without(&["skc_num"]);
    let path = btf.path().to_str().unwrap();
    let output = run(&["diagnose", "--btf", path]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(
        said,
        "tcpreuse: this kernel has no member sock_common.skc_num, which this trace needs; see `tcpreuse doctor`\n"
    );
    let output = run(&["doctor", "--btf", path]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn where_only_small_tables_are_accepted_there_are_fewer_peers_and_counts_are_exact() {
    need_root!();
    const PEERS: u16 = 300;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&Settings {
        filter: Filter {
            ports: vec![server.port()],
            directions: Directions::Inbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        small_tables: true,
        records: Some(1 << 20),
        ..Settings::default()
    })
    .unwrap();
    let room = live.tracer().most_peers_here().unwrap();
    assert!((2000..3000).contains(&room), "{room} peers");
    let held: Vec<_> = (0..PEERS)
        .map(|peer| connect(source(peer), server.address).unwrap())
        .collect();
    (0..PEERS).for_each(|peer| visit(source(peer), server.address));
    eventually("all ends to be counted", || {
        let totals = live.tracer().totals().unwrap();
        (totals.opened, totals.closed) == (2 * u64::from(PEERS), u64::from(PEERS))
    });
    let sample = live.sample().unwrap();
    assert_eq!(sample.peers.len(), usize::from(PEERS));
    assert_eq!(sample.accounting.drift, Some(0));
    drop(held);
}

#[test]
fn where_handlers_can_be_preempted_further_programs_count_no_request_twice() {
    need_root!();
    const REQUESTS: u64 = 5;
    let namespace = Namespace::new();
    for peek in [true, false] {
        let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
        let mut live = Live::start(&Settings {
            filter: Filter {
                ports: vec![server.port()],
                netns: Some(namespace.inode),
                ..Filter::default()
            },
            further: true,
            peek,
            ..Settings::default()
        })
        .unwrap();
        let mut stream = connect(source(0), server.address).unwrap();
        (0..REQUESTS).for_each(|_| turn(&mut stream));
        drop(stream);
        eventually("both ends to be counted", || {
            live.tracer().totals().unwrap().closed == 2
        });
        let sample = live.sample().unwrap();
        let requests: Vec<u64> = sample.peers.iter().map(|peer| peer.counters.turns.sum).collect();
        assert_eq!(requests, [REQUESTS, REQUESTS], "peek: {peek}");
    }
}
