//! Outbound peers are distinguished by the connecting process.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::Value;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, figure, run},
    recorder::Recorder,
    traffic::EchoServer,
};

/// Makes programs with chosen names, which connect as scripted.
struct Programs {
    folder: tempfile::TempDir,
    port: u16,
}

impl Programs {
    fn new(port: u16) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            port,
        }
    }

    /// Path of a program with this name, because a process is named after its executable.
    fn file(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        if !file.exists() {
            // Copied by another process: a child forked by another test may hold a descriptor open for
            // writing.
            let copied = Command::new("cp").arg("/bin/bash").arg(&file).status().unwrap();
            assert!(copied.success());
        }
        file
    }

    fn command(&self, name: &str, script: &str) -> Command {
        let turn = "turn() { printf x >&$fd; read -rN1 answer <&$fd; }";
        let open = format!("open() {{ exec {{fd}}<>/dev/tcp/127.0.0.1/{}; }}", self.port);
        let mut command = Command::new(self.file(name));
        command.args(["-c", &format!("{turn}\n{open}\n{script}")]);
        command
    }

    /// Runs a script until it ends.
    fn run(&self, name: &str, script: &str) {
        assert!(self.command(name, script).status().unwrap().success());
    }

    /// Runs a script and returns its process, which runs `then` when resumed.
    fn start(&self, name: &str, script: &str, then: &str) -> Running {
        let mut command = self.command(
            name,
            &format!("{script}\necho done\nread\n{then}\necho done\nread"),
        );
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        running.done();
        running
    }
}

struct Running {
    child: Child,
    to: ChildStdin,
    from: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn done(&mut self) {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }

    fn go_on(&mut self) {
        use std::io::Write;
        self.to.write_all(b"\n").unwrap();
        self.done();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const GOOD: &str = "open; for i in {1..20}; do turn; done";
const FRESH: &str = "for i in {1..20}; do open; turn; exec {fd}>&-; done";
const PILE: &str = "for i in {1..9}; do open; turn; done";

/// The outbound peers by process name.
fn by_name(peers: &[Value]) -> BTreeMap<String, &Value> {
    let outbound: Vec<&Value> = peers
        .iter()
        .filter(|peer| peer["direction"] == "outbound")
        .collect();
    let named: BTreeMap<String, &Value> = outbound
        .iter()
        .map(|peer| {
            let comm = peer.pointer("/owner/comm").and_then(Value::as_str);
            (comm.unwrap_or("?").to_owned(), *peer)
        })
        .collect();
    assert_eq!(named.len(), outbound.len(), "{outbound:#?}");
    named
}

/// Opens, open now, seeded and failed by process name.
fn counts(diagnosis: &Diagnosis) -> BTreeMap<String, [u64; 4]> {
    let of = |peer: &Value| ["opens", "open_now", "seeded", "failed"].map(|name| figure(peer, name));
    let named = by_name(diagnosis.peers());
    named.into_iter().map(|(name, peer)| (name, of(peer))).collect()
}

fn expected<const N: usize>(of: [(&str, [u64; 4]); N]) -> BTreeMap<String, [u64; 4]> {
    of.map(|(name, counts)| (name.to_owned(), counts)).into()
}

#[test]
fn three_processes_at_one_address_are_three_peers() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let programs = Programs::new(server.port());
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    let running = [("good", GOOD), ("fresh", FRESH), ("pile", PILE)]
        .map(|(name, script)| programs.start(name, script, ""));
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(
        counts(&diagnosis),
        expected([
            ("good", [1, 1, 0, 0]),
            ("fresh", [20, 0, 0, 0]),
            ("pile", [9, 9, 0, 0]),
        ])
    );
    let named = by_name(diagnosis.peers());
    for (name, running) in ["good", "fresh", "pile"].into_iter().zip(&running) {
        assert_eq!(named[name]["peer"], "127.0.0.1");
        assert_eq!(named[name]["owner"]["pid"], running.child.id());
    }
    // Inbound, the processes are one peer.
    assert_eq!(figure(diagnosis.peer("127.0.0.1", "inbound"), "opens"), 30);
}

#[test]
fn what_was_open_before_belongs_to_its_process() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let programs = Programs::new(server.port());
    let mut good = programs.start("good", GOOD, "turn");
    let mut pile = programs.start("pile", PILE, "open; turn; exec {fd}>&-; open");
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    good.go_on();
    pile.go_on();
    let other = programs.start("other", "open", "");
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(
        counts(&diagnosis),
        expected([
            ("good", [0, 1, 1, 0]),
            ("pile", [2, 10, 9, 0]),
            ("other", [1, 1, 0, 0]),
        ])
    );
    let named = by_name(diagnosis.peers());
    for (name, running) in [("good", &good), ("pile", &pile), ("other", &other)] {
        assert_eq!(named[name]["owner"]["pid"], running.child.id());
    }
}

#[test]
fn failed_connects_belong_to_their_process() {
    need_root!();
    let namespace = Namespace::new();
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let programs = Programs::new(port);
    let trace = Trace::start(
        &namespace,
        &["--port", &port.to_string(), "--direction", "outbound"],
    );
    // In a subshell, because a failed redirection of `exec` ends the shell.
    let fail =
        |n: u32| format!("for i in {{1..{n}}}; do (: <>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; done; true");
    let connect = format!("{{ : <>/dev/tcp/127.0.0.1/{port}; }} 2>/dev/null");
    let one = programs.start("one", &format!("{connect}; {connect}; true"), "");
    let two = programs.start("two", &format!("{connect}; true"), "");
    programs.run("children", &fail(4));
    let diagnosis = trace.finish();
    assert_eq!(
        counts(&diagnosis),
        expected([
            ("one", [0, 0, 0, 2]),
            ("two", [0, 0, 0, 1]),
            ("children (4 processes)", [0, 0, 0, 4]),
        ])
    );
    drop((one, two));
}

#[test]
fn processes_that_come_and_go_are_one_peer_live_and_recorded() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let programs = Programs::new(server.port());
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let args = [
        "--port",
        &port,
        "--direction",
        "outbound",
        "--interval",
        "200ms",
        "--format",
        "json",
    ];
    let recorder = Recorder::start(&namespace, &path, &args);
    let _good = programs.start("good", GOOD, "");
    for _ in 0..30 {
        programs.run("short", "open; turn");
    }
    for _ in 0..5 {
        programs.run("other", "open; turn");
    }
    let live: Value = serde_json::from_str(&recorder.finish()).unwrap();
    let all = expected([
        ("good", [1, 1, 0, 0]),
        ("other (5 processes)", [5, 0, 0, 0]),
        ("short (30 processes)", [30, 0, 0, 0]),
    ]);
    let live = Diagnosis(live);
    assert_eq!(counts(&live), all);
    let peers = live.0["peers"].as_array().unwrap().clone();
    let folded = by_name(&peers)["short (30 processes)"];
    assert_eq!(folded["figures"]["closes"], 30, "{folded:#}");
    assert!(folded["figures"]["lifetime_ms"]["max"].is_u64(), "{folded:#}");

    // Rows alone do not contain the number of processes.
    fs::remove_file(path.join("state.json")).unwrap();
    let output = run(&["diagnose", "--from", path.to_str().unwrap(), "--format", "json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rebuilt = Diagnosis(serde_json::from_slice(&output.stdout).unwrap());
    let rows = expected([
        ("good", [1, 1, 0, 0]),
        ("other", [5, 0, 0, 0]),
        ("short", [30, 0, 0, 0]),
    ]);
    assert_eq!(counts(&rebuilt), rows);
    assert_eq!(rebuilt.accounting("opened"), 36);
}

#[test]
fn processes_do_not_take_the_slots_of_all_others() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let programs = Programs::new(server.port());
    let args = ["--port", &port, "--direction", "both", "--max-peers", "8"];
    let trace = Trace::start(&namespace, &args);
    let _running: Vec<Running> = (0..10).map(|_| programs.start("one", "open; turn", "")).collect();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let outbound = |peer: &&Value| peer["direction"] == "outbound";
    let opens: Vec<u64> = diagnosis
        .peers()
        .iter()
        .filter(outbound)
        .map(|peer| figure(peer, "opens"))
        .collect();
    // One slot is taken by the inbound peer, and one is shared by all processes after the first five.
    assert_eq!((opens.len(), opens.iter().sum::<u64>()), (6, 10), "{opens:?}");
    assert_eq!(opens.iter().max(), Some(&5));
    assert_eq!(figure(diagnosis.peer("127.0.0.1", "inbound"), "opens"), 10);
}
