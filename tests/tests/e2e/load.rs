//! Loading, unloading, and counting under load.

use std::{fs, net::Ipv4Addr, thread};

use rustix::process::Signal;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{EchoServer, connect, source, visit},
};

/// Identifiers of the BPF programs a process holds open.
fn programs_of(pid: u32) -> Vec<u32> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let mut ids: Vec<u32> = files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .filter(|info| info.contains("prog_jited"))
        .filter_map(|info| {
            info.lines()
                .find_map(|line| line.strip_prefix("prog_id:"))?
                .trim()
                .parse()
                .ok()
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn loaded(ids: &[u32]) -> Vec<(u32, String)> {
    aya::programs::loaded_programs()
        .flatten()
        .filter(|program| ids.contains(&program.id()))
        .map(|program| (program.id(), program.name_as_str().unwrap_or_default().to_owned()))
        .collect()
}

#[test]
fn nothing_stays_loaded_after_sigkill() {
    need_root!();
    let namespace = Namespace::new();
    let trace = Trace::start(&namespace, &[]);
    let ids = programs_of(trace.pid());
    let mut names: Vec<String> = loaded(&ids).into_iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "tcpreuse_list",
            "tcpreuse_read",
            "tcpreuse_rescue",
            "tcpreuse_reset",
            "tcpreuse_seed",
            "tcpreuse_state"
        ]
    );
    trace.signal(Signal::KILL);
    eventually("the kernel to unload the programs", || loaded(&ids).is_empty());
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
    // Together more sockets than there are places, so that the held ones are in the way.
    const VISITS: u64 = 5000;
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
            // All threads share the first peer and have one of their own.
            scope.spawn(move || {
                (0..VISITS).for_each(|n| visit(source(if n % 2 == 0 { 0 } else { 1 + thread }), address));
            });
        }
    });
    let diagnosis = trace.finish();
    drop(held);
    diagnosis.assert_sound();
    assert_eq!(diagnosis.accounting("open_now"), i64::try_from(2 * HELD).unwrap());
    let all = u64::from(THREADS) * VISITS;
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
            (VISITS / 2, VISITS / 2)
        );
    }
}
