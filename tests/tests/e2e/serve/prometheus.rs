//! A real Prometheus, with the rules that are shipped.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tcpreuse_tests::{
    agent::{ADDRESS, Agent, ask_at, get},
    apache::{Apache, Knobs},
    eventually,
    namespace::Namespace,
    need_root,
    servers::{Certificate, Server, command, folder, installed, write},
    skip,
    traffic::{EchoServer, connect, source},
};

use crate::real_servers::are_installed;

const PORT: u16 = 9090;

const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../packaging/prometheus/tcpreuse.rules.yml"
);

/// Prometheus with the shipped rules, which wait for a second where they wait for minutes.
fn prometheus(folder: &Path) -> Server {
    let rules = fs::read_to_string(RULES).unwrap();
    let at_once: Vec<String> = rules
        .lines()
        .map(|line| match line.split_once("for: ") {
            Some((before, _)) => format!("{before}for: 1s"),
            None => line.to_owned(),
        })
        .collect();
    let rules = write(folder, "rules.yml", &at_once.join("\n"));
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{rules}']\n\
         scrape_configs: [{{job_name: tcpreuse, static_configs: [{{targets: ['{ADDRESS}']}}]}}]\n"
    );
    let config = write(folder, "prometheus.yml", &config);
    let mut prometheus = command("prometheus");
    prometheus.args([
        &format!("--config.file={config}"),
        &format!("--storage.tsdb.path={}", folder.join("data").display()),
        &format!("--web.listen-address=127.0.0.1:{PORT}"),
    ]);
    Server::start(prometheus, PORT)
}

/// What Prometheus says; nothing while it starts.
fn says(address: SocketAddr, path: &str) -> Value {
    let (_, document) = ask_at(address, &format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n"));
    let said = serde_json::from_str::<Value>(&document).unwrap_or_default();
    said.get("data").cloned().unwrap_or_default()
}

/// A client of Apache that keeps its connection.
fn client(n: u16, apache: &Apache) -> TcpStream {
    let mut stream = connect(source(n), apache.address()).unwrap();
    stream
        .write_all(b"GET /server-status?auto HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0, "an answer");
    stream
}

fn promtool(args: &[&str], input: Option<&str>) {
    let mut child = Command::new(installed("promtool").unwrap())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn the_shipped_rules_pass_their_tests() {
    if are_installed(&["promtool"]) {
        promtool(&["check", "rules", RULES], None);
        promtool(
            &["test", "rules", &RULES.replace(".rules.yml", ".rules.test.yml")],
            None,
        );
    }
}

#[test]
fn a_real_prometheus_raises_the_alarm_when_connections_to_apache_surge() {
    need_root!();
    if !are_installed(&["prometheus", "promtool"]) {
        return;
    }
    if !Apache::is_installed() {
        skip("the surge", "apache2 is not installed");
        return;
    }
    let (namespace, files) = (Namespace::new(), folder());
    let upstream = EchoServer::start((std::net::Ipv4Addr::LOCALHOST, 0));
    let knobs = Knobs {
        keep_alive_timeout: std::time::Duration::from_secs(600),
        ..Knobs::default()
    };
    let apache = Apache::start(&knobs, upstream.address, &Certificate::new(files.path()));
    let before: Vec<TcpStream> = (0..12).map(|n| client(n, &apache)).collect();
    let agent = Agent::start(&namespace, &["--interval", "500ms", "--port", "8080"]);
    let prometheus = prometheus(files.path());
    let value = |series: &str| says(prometheus.address, &format!("query?query={series}"));
    let number = |series: &str| {
        let found = value(series);
        found["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    eventually("a scrape before the surge", || {
        number("tcpreuse_surge").as_deref() == Some("0")
    });
    let firing = || {
        let alerts = says(prometheus.address, "alerts");
        let alerts = alerts["alerts"].as_array().into_iter().flatten();
        alerts
            .into_iter()
            .any(|alert| alert["labels"]["alertname"] == "TcpreuseSurge" && alert["state"] == "firing")
    };
    assert!(!firing());
    let surge: Vec<TcpStream> = (0..110).map(|n| client(n % 20, &apache)).collect();
    eventually("the alarm", firing);
    // All 122 clients, as the kernel lists them.
    let held = "sum(tcpreuse_connections%7Bport=%228080%22%7D)";
    eventually("the number held", || number(held).as_deref() == Some("122"));
    assert_eq!(
        number("tcpreuse_surge%7Bport=%228080%22%7D").as_deref(),
        Some("1")
    );
    let apaches = value("tcpreuse_listener_accept_queue%7Bprocess=%22apache2%22%7D");
    assert_eq!(apaches["result"].as_array().unwrap().len(), 1, "{apaches:#}");
    promtool(&["check", "metrics"], Some(&get("/metrics").1));
    drop((before, surge));
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}
