//! Processes in cgroups as the runtimes of containers make them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tcpreuse_tests::{eventually, namespace::Namespace, need_root, skip, traffic::EchoServer};

use super::{Recorder, cell, column, json, place, rows};

const TEST: &str = "containers_have_their_names";

/// A cgroup below the root of its hierarchy, removed on drop with those above it that only this test has
/// made.
struct Cgroup {
    root: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// In the unified hierarchy or, on systems that do not use it, in that of systemd.
    fn new(path: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = |wanted: fn(&str, &str) -> bool| {
            mounts.lines().find_map(|line| {
                let mut words = line.split(' ').skip(1);
                let (place, kind, options) = (words.next()?, words.next()?, words.next()?);
                wanted(kind, options).then(|| PathBuf::from(place))
            })
        };
        let all = [
            root(|kind, _| kind == "cgroup2"),
            root(|kind, options| kind == "cgroup" && options.contains("name=systemd")),
        ];
        all.into_iter().flatten().find_map(|root| {
            let path = root.join(path);
            fs::create_dir_all(&path).ok()?;
            Some(Self { root, path })
        })
    }

    /// A process in it that connects, and holds the connection until its input ends.
    fn connected(&self, port: u16) -> Child {
        let script = format!(
            "echo $$ > {}/cgroup.procs; exec 3<>/dev/tcp/127.0.0.1/{port}; echo connected; read",
            self.path.display()
        );
        let mut child = Command::new("bash")
            .args(["-ec", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "connected\n");
        child
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        eventually("the cgroup to become empty", || {
            fs::remove_dir(&self.path).is_ok()
        });
        let above = self.path.ancestors().skip(1);
        // Those that others use stay.
        above
            .take_while(|path| *path != self.root.as_path())
            .all(|path: &Path| fs::remove_dir(path).is_ok());
    }
}

#[test]
fn containers_have_their_names() {
    need_root!();
    let id = |digit: &str| digit.repeat(64);
    let pod = "0f0e0d0c-0b0a-0908-0706-050403020100";
    let runtimes = [
        (
            format!(
                "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/cri-containerd-{}.scope",
                pod.replace('-', "_"),
                id("a")
            ),
            id("a"),
            Some(pod),
        ),
        (
            format!("kubepods/besteffort/pod{pod}/{}", id("b")),
            id("b"),
            Some(pod),
        ),
        (format!("system.slice/docker-{}.scope", id("c")), id("c"), None),
        (format!("docker/{}", id("d")), id("d"), None),
        (
            format!("machine.slice/libpod-{}.scope/container", id("e")),
            id("e"),
            None,
        ),
    ];
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port();
    let (_parent, path) = place();
    let args = [
        "--port",
        &port.to_string(),
        "--direction",
        "outbound",
        "--format",
        "json",
    ];
    let recorder = Recorder::start(&namespace, &path, &args);
    let mut running = Vec::new();
    for (cgroup, container, pod) in &runtimes {
        let Some(cgroup) = Cgroup::new(cgroup) else {
            return skip(TEST, "no hierarchy of cgroups to write to");
        };
        running.push((cgroup.connected(port), container, pod, cgroup));
    }
    let answer = json(&recorder.finish());
    let rows = rows(&path, "connections.csv");
    for (child, container, pod, _) in &running {
        let peers = answer["peers"].as_array().unwrap();
        let its = |peer: &&serde_json::Value| peer["owner"]["pid"] == child.id();
        let workload = &peers.iter().find(its).unwrap()["owner"]["workload"];
        assert_eq!(workload["container"], container.as_str(), "{answer:#}");
        assert_eq!(workload["pod"].as_str(), **pod, "{answer:#}");
        let short = &container[..12];
        let pid = child.id().to_string();
        let is_its = |row: &&String| cell(row, column("owner_pid")) == pid;
        let row = rows.iter().find(is_its).unwrap();
        assert_eq!(cell(row, column("container")), short, "{row:?}");
    }
    for (mut child, _, _, cgroup) in running {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().code().is_some());
        drop(cgroup);
    }
}
