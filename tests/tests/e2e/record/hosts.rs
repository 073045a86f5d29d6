//! Recordings of several hosts, of real traffic.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{binary, run},
    traffic::{EchoServer, turn},
};

use super::{Recorder, json, place, said, text};

/// Runs a command on a host of this name.
const UNDER_NAME: &str = r#"printf %s "$0" > /proc/sys/kernel/hostname && exec "$@""#;

/// Records as another host.
fn record_as(name: &str, namespace: &Namespace, path: &Path, args: &[&str]) -> Recorder {
    let mut command = Command::new("unshare");
    command.args(["--uts", "sh", "-c", UNDER_NAME, name]);
    command.arg(binary()).arg("record");
    Recorder::spawn(command, namespace, path, args)
}

/// Makes a recording a day older or younger, as if its host's clock were wrong; returns by how much, ms. Its
/// state is gone then, but not its rows.
fn move_clock(path: &Path) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    let manifest = json(&fs::read_to_string(path.join("manifest.json")).unwrap());
    let started = manifest.pointer("/started").and_then(serde_json::Value::as_str);
    let day = started.and_then(|at| at.get(..10)).unwrap();
    let (month, of_month) = day.split_at(8);
    let of_month: u32 = of_month.parse().unwrap();
    let (other, ahead_ms) = match of_month {
        1 => (2, DAY_MS),
        later => (later - 1, -DAY_MS),
    };
    let other = format!("{month}{other:02}T");
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("state.") {
            fs::remove_file(&path).unwrap();
        } else {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace(&format!("{day}T"), &other)).unwrap();
        }
    }
    ahead_ms
}

#[test]
fn a_clock_that_is_a_day_wrong_is_measured_by_the_connections_between_two_hosts() {
    need_root!();
    let server_space = Namespace::new();
    let server_room = server_space.resident();
    let client_space = Namespace::new();
    let client_room = client_space.resident();
    let there = server_room.pid();
    client_space.run(&format!(
        "ip link add eth0 up type veth peer name eth0 netns {there}"
    ));
    client_space.run("ip address add 198.18.9.1/24 dev eth0");
    server_room.enter();
    server_space.run("ip address add 198.18.9.2/24 dev eth0");
    server_space.run("ip link set eth0 up");
    let server = EchoServer::start((Ipv4Addr::new(198, 18, 9, 2), 0));
    let parent = tempfile::tempdir().unwrap();
    let [at_server, at_client] = ["server", "client"].map(|name| parent.path().join(name));
    let port = server.port().to_string();
    let inbound = ["--interval", "100ms", "--port", &port];
    let outbound = ["--interval", "100ms", "--direction", "outbound"];
    let recorders = [
        record_as("web1", &server_space, &at_server, &inbound),
        record_as("app1", &client_space, &at_client, &outbound),
    ];
    client_room.enter();
    for _ in 0..20 {
        turn(&mut TcpStream::connect(server.address).unwrap());
    }
    recorders.into_iter().for_each(|recorder| drop(recorder.finish()));
    let ahead_ms = move_clock(&at_client);
    let output = run(&[
        "diagnose",
        "--format",
        "json",
        "--from",
        text(&at_server),
        text(&at_client),
    ]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let diagnosis = json(&String::from_utf8(output.stdout).unwrap());
    let hosts = diagnosis["hosts"].as_array().unwrap();
    let ahead: Vec<(&str, f64)> = hosts
        .iter()
        .map(|host| {
            (
                host["host"].as_str().unwrap(),
                host["clock_ahead_ms"].as_f64().unwrap(),
            )
        })
        .collect();
    // Which of the two is right nobody knows; the first by name is taken to be.
    assert_eq!((ahead[0], ahead[1].0), (("app1", 0.0), "web1"));
    let apart = ahead[1].1 + ahead_ms as f64;
    assert!(apart.abs() < 1000.0, "{ahead:?}");
    assert!(said.contains("measured by 20 connections"), "{said}");
}

/// Recordings of the same traffic as two hosts.
fn two_hosts() -> (tempfile::TempDir, [PathBuf; 2]) {
    let (namespace, (parent, path)) = (Namespace::new(), place());
    // Loopback addresses mean another machine on each host.
    namespace.run("ip address add 198.18.9.1/24 dev lo");
    let server = EchoServer::start((Ipv4Addr::new(198, 18, 9, 1), 0));
    let port = server.port().to_string();
    let recorder = record_as(
        "web1",
        &namespace,
        &path,
        &["--interval", "100ms", "--port", &port],
    );
    for _ in 0..60 {
        turn(&mut TcpStream::connect(server.address).unwrap());
    }
    recorder.finish();
    let other = parent.path().join("web2");
    let copied = Command::new("cp")
        .arg("-r")
        .args([&path, &other])
        .status()
        .unwrap();
    assert!(copied.success());
    let manifest = other.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("\"web1\""));
    fs::write(manifest, text.replace("\"web1\"", "\"web2\"")).unwrap();
    (parent, [path, other])
}

#[test]
fn first_aid_of_several_hosts_names_the_client_and_where() {
    need_root!();
    let diagnosed = || {
        let (_parent, [one, other]) = two_hosts();
        let output = run(&["diagnose", "--first-aid", "--from", text(&one), text(&other)]);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    // A client that a busy machine keeps waiting looks as if it closed after a pause.
    let is_fresh = |said: &String| said.contains("fresh-per-request");
    let said = std::iter::repeat_with(diagnosed)
        .take(5)
        .find(is_fresh)
        .expect("a fresh-per-request");
    assert!(said.contains("on 2 of 2 hosts"), "{said}");
    let (_, aid) = said.split_once("First aid").unwrap();
    let words: String = aid.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("a minute over 2 hosts. Let it open"), "{words}");
    assert!(words.contains("on each; beyond that"), "{words}");
    assert!(words.contains("saddr 198.18.9.1"), "{words}");
}

#[test]
fn a_host_that_cannot_be_read_is_named_and_the_others_are_answered() {
    need_root!();
    let (parent, [one, other]) = two_hosts();
    let broken = parent.path().join("web3");
    fs::create_dir(&broken).unwrap();
    fs::write(
        broken.join("manifest.json"),
        "{\"schema\": \"tcpreuse.evidence/99\"}",
    )
    .unwrap();
    let output = run(&["diagnose", "--from", text(&one), text(&broken), text(&other)]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("web3/manifest.json") && said.contains("on 2 of 2 hosts"),
        "{said}"
    );
}
