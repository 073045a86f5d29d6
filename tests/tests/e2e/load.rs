//! Loading, unloading, and exact counts under load.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::Ipv4Addr,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use rustix::process::Signal;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    pace::load,
    program::{SECCOMP_FILTER, Trace, figure, sibling, status_of},
    programs,
    traffic::{EchoServer, connect, source, visit},
};
use tracer_ebpf::hooks::{HOOKS, LIST, REFUSE, SEED, STATE};

#[test]
fn nothing_stays_loaded_after_sigkill() {
    need_root!();
    let namespace = Namespace::new();
    let trace = Trace::start(&namespace, &[]);
    let programs = programs::of_process(trace.pid());
    let ids: Vec<u32> = programs.iter().map(|program| program.id).collect();
    let mut names: Vec<String> = programs.into_iter().map(|program| program.name).collect();
    names.sort_unstable();
    // Only some kernels need the further programs.
    let all = names.iter().any(|name| STATE.further.contains(&name.as_str()));
    let programs = HOOKS.iter().flat_map(|hook| hook.programs(all));
    let mut table: Vec<&str> = programs.chain([SEED, LIST]).collect();
    // Before 6.10 the kernel has no use for this one.
    table.retain(|program| *program != REFUSE.program || names.iter().any(|name| name == program));
    table.sort_unstable();
    assert_eq!(names, table);
    trace.signal(Signal::KILL);
    eventually("the kernel to unload the programs", || {
        !programs::is_any_loaded(&ids)
    });
}

#[test]
fn only_what_tracing_needs_is_kept() {
    need_root!();
    // CAP_DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF.
    const KEPT: u64 = 1 << 2 | 1 << 19 | 1 << 21 | 1 << 38 | 1 << 39;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(status_of(trace.pid(), set) & !KEPT, 0, "{set}");
    }
    assert_eq!(status_of(trace.pid(), "CapInh"), 0);
    assert_eq!(status_of(trace.pid(), "NoNewPrivs"), 1);
    assert_eq!(status_of(trace.pid(), "Seccomp"), SECCOMP_FILTER);
    // These capabilities suffice to list the sockets and their owners.
    let mut stream = connect(source(0), server.address).unwrap();
    tcpreuse_tests::traffic::turn(&mut stream);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.0["listeners"][0]["owner"]["pid"], std::process::id());
    assert_eq!(diagnosis.accounting("open_now"), 1);
}

#[test]
fn sigterm_and_sighup_end_a_run_with_an_answer() {
    need_root!();
    let namespace = Namespace::new();
    for signal in [Signal::TERM, Signal::HUP] {
        let diagnosis = Trace::start(&namespace, &[]).end(signal);
        assert_eq!(diagnosis.0["answer"], "insufficient-data");
    }
}

#[test]
fn churn_on_all_cpus_is_counted_exactly() {
    need_root!();
    const THREADS: u16 = 4;
    // More sockets in total than the connection table has places, so that held connections collide with new
    // ones.
    let visits = 2 * load(2500);
    const HELD: u64 = 64;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(
        &namespace,
        &["--port", &server.port().to_string(), "--direction", "both"],
    );
    let held: Vec<_> = (0..HELD)
        .map(|_| connect(source(100), server.address).unwrap())
        .collect();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let address = server.address;
            // All threads share the first peer, and each has another one of its own.
            scope.spawn(move || {
                (0..visits).for_each(|n| visit(source(if n % 2 == 0 { 0 } else { 1 + thread }), address));
            });
        }
    });
    let diagnosis = trace.finish();
    drop(held);
    diagnosis.assert_sound();
    assert_eq!(diagnosis.accounting("open_now"), i64::try_from(2 * HELD).unwrap());
    let all = u64::from(THREADS) * visits;
    assert_eq!(figure(diagnosis.peer("127.1.0.1", "inbound"), "opens"), all / 2);
    assert_eq!(
        figure(diagnosis.peer("127.0.0.1", "outbound"), "opens"),
        all + HELD
    );
    assert_eq!(figure(diagnosis.peer("127.0.0.1", "outbound"), "closes"), all);
    for thread in 0..THREADS {
        let peer = diagnosis.peer(&source(1 + thread).to_string(), "inbound");
        assert_eq!(
            (figure(peer, "opens"), figure(peer, "closes")),
            (visits / 2, visits / 2)
        );
    }
}

/// A process that opens and closes connections on one port from several clients.
struct Churn {
    child: Child,
    out: BufReader<ChildStdout>,
    port: String,
}

impl Churn {
    fn start(seconds: u64, first: u16, peers: u16) -> Self {
        let mut child = Command::new(sibling("tcpreuse-churn"))
            .args([seconds, first.into(), peers.into()].map(|number: u64| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        out.read_line(&mut port).unwrap();
        let port = port.trim().to_owned();
        Self { child, out, port }
    }

    fn go(&mut self) {
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
    }

    /// The number of connections that each client opened.
    fn opened(&mut self) -> Vec<(String, u64)> {
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        let counts = said.lines().map(|line| {
            let (client, opened) = line.split_once(' ').unwrap();
            (client.to_owned(), opened.parse().unwrap())
        });
        counts.collect()
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many connections as this machine can make in half a minute. Both ends are traced, and state changes
/// nest.
#[test]
fn half_a_minute_at_full_rate_from_several_processes_is_exact() {
    need_root!();
    const SECONDS: u64 = 30;
    const PROCESSES: u16 = 4;
    const PEERS: u16 = 25;
    let namespace = Namespace::new();
    // Otherwise connections in TIME_WAIT would use up the ports of a client's address.
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "1000");
    let mut all: Vec<Churn> = (0..PROCESSES)
        .map(|process| Churn::start(SECONDS, process * PEERS, PEERS))
        .collect();
    let ports: Vec<&str> = all.iter().map(|churn| churn.port.as_str()).collect();
    let trace = Trace::start(&namespace, &["--port", &ports.join(","), "--direction", "both"]);
    all.iter_mut().for_each(Churn::go);
    let opened: Vec<Vec<(String, u64)>> = all.iter_mut().map(Churn::opened).collect();
    // The servers ended with their processes, so both ends of every connection are closed.
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let sum: u64 = opened.iter().flatten().map(|(_, opened)| opened).sum();
    assert!(sum > load(SECONDS * 100), "{sum} connections are no load");
    assert_eq!(diagnosis.accounting("opened"), i64::try_from(2 * sum).unwrap());
    assert_eq!(diagnosis.accounting("closed"), i64::try_from(2 * sum).unwrap());
    for (client, opened) in opened.iter().flatten() {
        let peer = diagnosis.peer(client, "inbound");
        assert_eq!(
            (figure(peer, "opens"), figure(peer, "closes")),
            (*opened, *opened),
            "{client}"
        );
    }
}
