//! The agent: what it shows, what it tells, and what it may.

mod activation;
mod crowd;
pub(crate) mod kept;
mod page;
mod prometheus;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
    os::unix::net::{UnixDatagram, UnixStream},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;
use tcpreuse_tests::{
    agent::{ADDRESS, Agent, get},
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, binary, figure, run},
    traffic::{EchoServer, connect, source, visit},
};

/// The value of a series in the metrics.
fn metric(name: &str) -> Option<String> {
    let (_, metrics) = get("/metrics");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(str::to_owned)
}

#[test]
fn it_shows_what_it_counts() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let held = connect(source(1), server.address).unwrap();
    let port = server.port().to_string();
    let agent = Agent::start(&namespace, &["--interval", "100ms", "--port", &port]);
    (0..10).for_each(|_| visit(source(0), server.address));
    let opened = format!("tcpreuse_connections_opened_total{{direction=\"inbound\",port=\"{port}\"}}");
    eventually("the count of ten visits", || {
        metric(&opened).is_some_and(|count| count == "10")
    });
    let ended = format!(
        "tcpreuse_connections_closed_total{{direction=\"inbound\",port=\"{port}\",reason=\"remote_fin\"}}"
    );
    eventually("the count of their ends", || {
        metric(&ended).is_some_and(|count| count == "10")
    });
    let open = format!("tcpreuse_connections{{direction=\"inbound\",port=\"{port}\",state=\"established\"}}");
    assert_eq!(metric(&open).as_deref(), Some("1"));
    assert_eq!(metric("tcpreuse_drift_connections").as_deref(), Some("0"));
    let (head, document) = get("/api/diagnosis");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let diagnosis = Diagnosis(serde_json::from_str(&document).unwrap());
    diagnosis.assert_sound();
    assert_eq!(figure(diagnosis.peer("127.1.0.1", "inbound"), "opens"), 10);
    assert_eq!(get("/healthz").1, "ok\n");
    let (_, page) = get("/");
    assert!(page.contains("127.1.0.1"), "{page}");
    drop(held);
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

#[test]
fn systemd_hears_of_it() {
    need_root!();
    let namespace = Namespace::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    let http = folder.path().join("http");
    let mut command = Command::new(binary());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000");
    let listen = format!("unix:{}", http.display());
    let agent = Agent::spawn(command, &namespace, &["--interval", "100ms", "--listen", &listen]);
    UnixStream::connect(&http).unwrap();
    let hear = |wanted: &str| {
        let mut message = [0; 4096];
        loop {
            let length = systemd.recv(&mut message).unwrap();
            if String::from_utf8_lossy(&message[..length]).contains(wanted) {
                return;
            }
        }
    };
    hear("STATUS=");
    hear("READY=1");
    hear("WATCHDOG=1");
    agent.signal(Signal::HUP);
    hear("RELOADING=1");
    hear("READY=1");
    let (code, errors) = agent.end();
    hear("STOPPING=1");
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("the settings were read again"), "{errors}");
}

#[test]
fn events_are_lines_of_json() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let args = ["--interval", "100ms", "--port", &port, "--max-peers", "16"];
    let mut agent = Agent::start(&namespace, &args);
    // More peers than there is room for: something is lost, which is an event.
    (0..64).for_each(|n| visit(source(n), server.address));
    let mut lines = BufReader::new(agent.stdout()).lines();
    let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(event["schema"], "tcpreuse.event/1", "{event:#}");
    assert_eq!(event["event"], "loss", "{event:#}");
    assert!(event["lost"]["peers_dropped"].as_u64().unwrap() > 0, "{event:#}");
    for field in ["at", "host", "text"] {
        assert!(
            event[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {event:#}"
        );
    }
}

/// What answers requests has no rights at all, since it is what a stranger would attack.
#[test]
fn the_thread_that_answers_has_no_capabilities() {
    need_root!();
    let namespace = Namespace::new();
    let agent = Agent::start(&namespace, &[]);
    let has_none = |status: &String| {
        let sets = ["CapEff", "CapPrm"].map(|set| format!("{set}:\t{:016x}\n", 0));
        sets.iter().all(|set| status.contains(set))
    };
    eventually("the end of its rights", || {
        let tasks = fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
        let mut status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
        status
            .find(|status| status.starts_with("Name:\thttp\n"))
            .as_ref()
            .is_some_and(has_none)
    });
    // It has what it needs all the same.
    assert_eq!(get("/healthz").1, "ok\n");
    assert!(
        metric("process_open_fds").is_some(),
        "its own files cannot be counted"
    );
}

/// Connections that say nothing must not keep others out for good, and cost no sample.
#[test]
fn idle_connections_delay_no_sample() {
    need_root!();
    let namespace = Namespace::new();
    let agent = Agent::start(&namespace, &["--interval", "100ms"]);
    let idle: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(ADDRESS).unwrap()).collect();
    assert_eq!(get("/healthz").1, "ok\n");
    drop(idle);
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

#[test]
fn strangers_need_tls_and_a_token() {
    let refused = run(&["serve", "--listen", "0.0.0.0:0"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{words}");
    assert!(
        words.contains("--tls-cert, --tls-key and --token-file are needed"),
        "{words}"
    );
    let taken = run(&["serve", "--listen", "127.0.0.1"]);
    assert_eq!(taken.status.code(), Some(2));
}
