//! Which process listens, connects, or holds a connection in CLOSE_WAIT.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
    thread,
    time::Duration,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Resource, getrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::Trace,
    traffic::{EchoServer, connect, pair, source, turn},
};

fn own_comm() -> String {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    comm.trim_end().to_owned()
}

#[test]
fn a_listener_has_its_process_and_those_that_inherited_it() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    fcntl_setfd(&listener, FdFlags::empty()).unwrap();
    let heir = namespace.resident();
    fcntl_setfd(&listener, FdFlags::CLOEXEC).unwrap();
    let _client = pair(source(0), listener.local_addr().unwrap(), &listener);
    let diagnosis = Trace::start(&namespace, &["--port", &port.to_string()]).finish();
    drop(heir);
    let listener = &diagnosis.0["listeners"][0];
    assert_eq!(listener["owner"]["pid"], std::process::id(), "{listener:#}");
    assert_eq!(listener["owner"]["comm"], own_comm());
    // Other tests fork processes that share the listener until they call exec.
    assert!(listener["owners"].as_u64().unwrap() >= 2, "{listener:#}");
}

#[test]
fn a_listener_has_the_open_files_of_its_process_and_their_limit() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let _ends: Vec<_> = (0..100).map(|_| pair(source(0), address, &listener)).collect();
    let diagnosis = Trace::start(&namespace, &["--port", &address.port().to_string()]).finish();
    let listener = &diagnosis.0["listeners"][0];
    // Both ends are this process's, and other tests have files open in it.
    let open = listener["owner_fds"].as_u64().unwrap();
    assert!((200..100_000).contains(&open), "{listener:#}");
    let limit = getrlimit(Resource::Nofile).current;
    assert_eq!(listener["owner_fd_limit"].as_u64(), limit, "{listener:#}");
}

#[test]
fn a_process_that_has_ended_is_still_named() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf x >&3; read -rN1 answer <&3");
    let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let diagnosis = trace.finish();
    let client = diagnosis.peer("127.0.0.1", "outbound");
    assert_eq!(client["owner"]["pid"], pid, "{client:#}");
    assert_eq!(client["owner"]["comm"], "bash");
    let server = diagnosis.peer("127.0.0.1", "inbound");
    assert_eq!(server["owner"]["pid"], std::process::id());
    assert_eq!(server["owner"]["comm"], own_comm());
}

/// Connects again and again from a `bash`, and returns its process ID: from itself, or each time from another
/// process.
fn bash_connects(times: u32, server: SocketAddr, each_from_another: bool) -> u32 {
    let port = server.port();
    let (open, close) = match each_from_another {
        true => ("(", ")"),
        false => ("", ""),
    };
    let script = format!(
        "for i in $(seq {times}); do {open} exec 3<>/dev/tcp/127.0.0.1/{port}; exec 3>&-; {close} done"
    );
    let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    child.id()
}

#[test]
fn a_name_outlasts_many_others() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&Settings {
        filter: Filter {
            ports: vec![server.port()],
            directions: Directions::Outbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        names: 16,
        ..Settings::default()
    })
    .unwrap();
    // The kernel's table has a list for each CPU, and what one CPU wrote last may stay while others write: so
    // both write on the same one, which a process takes over from its parent.
    let cpus = sched_getaffinity(None).unwrap();
    let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| cpus.is_set(cpu)).unwrap();
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).unwrap();
    // More than a process makes that is combined with others of its name.
    let pid = bash_connects(5, server.address, false);
    let sample = live.sample().unwrap();
    assert_eq!(sample.names.get(&pid).map(String::as_str), Some("bash"));
    bash_connects(200, server.address, true);
    assert_eq!(live.tracer().comm(pid), None, "the kernel kept it");
    let sample = live.sample().unwrap();
    assert_eq!(sample.names.get(&pid).map(String::as_str), Some("bash"));
}

#[test]
fn a_hostile_name_is_harmless() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "outbound"]);
    // A process is named after its executable.
    let folder = tempfile::tempdir().unwrap();
    let bash = folder.path().join("\u{1b}[2J\t\u{202e}x");
    std::fs::copy("/bin/bash", &bash).unwrap();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    assert!(
        Command::new(&bash)
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );
    let diagnosis = trace.finish();
    let comm = &diagnosis.peer("127.0.0.1", "outbound")["owner"]["comm"];
    assert_eq!(comm, "[2Jx");
}

#[test]
fn whoever_leaks_is_named_even_if_it_never_read_while_traced() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let leaked: Vec<_> = (0..3)
        .map(|_| {
            let (client, mut accepted) = pair(source(0), address, &listener);
            drop(client);
            assert_eq!(accepted.read(&mut [0]).unwrap(), 0);
            accepted
        })
        .collect();
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    thread::sleep(Duration::from_secs(6));
    let diagnosis = trace.finish();
    drop(leaked);
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!(peer["verdict"], "close-wait-leak", "{peer:#}");
    let named = format!("{} (pid {})", own_comm(), std::process::id());
    assert!(peer["explanation"].as_str().unwrap().contains(&named), "{peer:#}");
}

#[test]
fn what_waits_to_be_accepted_has_no_owner() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = connect(source(0), address).unwrap();
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    let diagnosis = trace.finish();
    drop(waiting);
    assert!(diagnosis.peer("127.1.0.1", "inbound")["owner"].is_null());
}

#[test]
fn an_outgoing_connection_has_its_process_before_it_carries_anything() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "outbound"]);
    let mut client = connect(source(0), server.address).unwrap();
    let diagnosis = trace.finish();
    assert_eq!(
        diagnosis.peer("127.0.0.1", "outbound")["owner"]["pid"],
        std::process::id()
    );
    turn(&mut client);
    eventually("the client to end", || {
        client.shutdown(std::net::Shutdown::Both).is_ok()
    });
}
