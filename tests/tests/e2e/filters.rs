//! Filtered connections are not counted, and grouped peers are counted together.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace, binary, figure},
    traffic::{EchoServer, connect, source, turn, visit},
};

/// Traces two servers. Each of 127.1.0.1, 127.1.0.2 and 127.1.1.1 makes two visits to the first and one to
/// the second.
fn traced(args: &[&str]) -> (Diagnosis, [u16; 2]) {
    let namespace = Namespace::new();
    let servers = [
        EchoServer::start((Ipv4Addr::LOCALHOST, 0)),
        EchoServer::start((Ipv4Addr::LOCALHOST, 0)),
    ];
    let ports = [servers[0].port(), servers[1].port()];
    let first = ports[0].to_string();
    let args: Vec<&str> = args
        .iter()
        .map(|arg| if *arg == "FIRST" { first.as_str() } else { *arg })
        .collect();
    let trace = Trace::start(&namespace, &args);
    for n in [0, 1, 200] {
        visit(source(n), servers[0].address);
        visit(source(n), servers[0].address);
        visit(source(n), servers[1].address);
    }
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    (diagnosis, ports)
}

#[test]
fn without_filters_both_ends_of_loopback_are_counted() {
    need_root!();
    let (diagnosis, ports) = traced(&[]);
    assert_eq!(diagnosis.accounting("opened"), 2 * 9);
    let outbound = |port: u16| {
        let found = diagnosis
            .peers()
            .iter()
            .find(|peer| peer["remote_port"] == port)
            .unwrap();
        figure(found, "opens")
    };
    assert_eq!((outbound(ports[0]), outbound(ports[1])), (6, 3));
}

/// A filtered connection is not remembered either, or it would be listed and seem to be missing from the
/// counts.
#[test]
fn connections_that_are_left_out_and_stay_open_are_no_drift() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    for filter in [["--exclude", "127.0.0.0/8"], ["--peer", "192.0.2.0/24"]] {
        let trace = Trace::start(&namespace, &[&["--direction", "outbound"], &filter[..]].concat());
        let held: Vec<_> = (0..3)
            .map(|n| {
                let mut stream = connect(source(n), server.address).unwrap();
                turn(&mut stream);
                stream
            })
            .collect();
        let diagnosis = trace.finish();
        drop(held);
        diagnosis.assert_sound();
        assert_eq!(diagnosis.peers().len(), 0);
        assert_eq!(diagnosis.accounting("open_now"), 0);
    }
}

#[test]
fn a_listeners_port_means_inbound() {
    need_root!();
    let (diagnosis, ports) = traced(&["--port", "FIRST"]);
    assert_eq!(diagnosis.accounting("opened"), 6);
    assert!(
        diagnosis
            .peers()
            .iter()
            .all(|peer| peer["direction"] == "inbound" && peer["local_port"] == ports[0])
    );
}

#[test]
fn peers_can_be_chosen_and_left_out() {
    need_root!();
    let (diagnosis, _) = traced(&[
        "--port",
        "FIRST",
        "--peer",
        "127.1.0.0/24",
        "--exclude",
        "127.1.0.2/32",
    ]);
    assert_eq!(diagnosis.peers().len(), 1);
    assert_eq!(figure(diagnosis.peer("127.1.0.1", "inbound"), "opens"), 2);
}

#[test]
fn peers_can_be_grouped_by_network() {
    need_root!();
    let (diagnosis, _) = traced(&["--port", "FIRST", "--prefix4", "24"]);
    assert_eq!(diagnosis.peers().len(), 2);
    assert_eq!(figure(diagnosis.peer("127.1.0.0/24", "inbound"), "opens"), 4);
    assert_eq!(figure(diagnosis.peer("127.1.1.0/24", "inbound"), "opens"), 2);
}

#[test]
fn another_namespace_is_left_out() {
    need_root!();
    let elsewhere = Namespace::current();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&elsewhere, &["--port", &server.port().to_string()]);
    visit(source(0), server.address);
    let diagnosis = trace.finish();
    assert_ne!(elsewhere.inode, namespace.inode);
    assert_eq!(diagnosis.accounting("opened"), 0);
}

/// A cgroup (v2), removed on drop.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts
            .lines()
            .find(|line| line.split(' ').nth(2) == Some("cgroup2"))?
            .split(' ')
            .nth(1)?;
        let path = Path::new(root).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("below")).ok()?;
        Some(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its processes have ended, but the kernel can take a moment to notice.
        tcpreuse_tests::eventually("the cgroup to become empty", || {
            let _ = fs::remove_dir(self.0.join("below"));
            fs::remove_dir(&self.0).is_ok()
        });
    }
}

/// Traces a cgroup, as the program sees it when this command runs it: connections come from its child and
/// from outside, and the listener is outside.
fn traced_cgroup(test: &str, trace: impl FnOnce(&Path) -> Command, as_seen: impl FnOnce(&Path) -> PathBuf) {
    let Some(cgroup) = Cgroup::new(test) else {
        tcpreuse_tests::skip(test, "no cgroup2 file system to write to");
        return;
    };
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let as_seen = as_seen(&cgroup.0);
    let args = ["--direction", "both", "--cgroup", as_seen.to_str().unwrap()];
    let trace = Trace::spawn(trace(&cgroup.0), &namespace, &args);
    visit(source(0), server.address);
    let script = format!(
        "echo $$ > {}/below/cgroup.procs; for i in 1 2 3; do exec 3<>/dev/tcp/127.0.0.1/{}; exec 3>&-; done",
        cgroup.0.display(),
        server.port(),
    );
    assert!(
        Command::new("bash")
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );
    visit(source(0), server.address);
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(diagnosis.accounting("opened"), 3);
    assert_eq!(diagnosis.0["listeners"], serde_json::json!([]));
}

/// A command that runs a script in a mount namespace of its own, and then the program.
fn after(script: &str, unshare: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount"])
        .args(unshare)
        .args(["bash", "-ec", &format!("{script}; exec \"$0\" \"$@\"")])
        .arg(binary());
    command
}

#[test]
fn a_cgroup_means_its_sockets_and_those_below() {
    need_root!();
    traced_cgroup(
        "a_cgroup_means_its_sockets_and_those_below",
        |_| Command::new(binary()),
        Path::to_owned,
    );
}

/// A bind mount shows a part of the tree of cgroups, as containers have it without a cgroup namespace.
#[test]
fn a_cgroup_below_a_bind_mount() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    traced_cgroup(
        "a_cgroup_below_a_bind_mount",
        |cgroup| {
            let script = format!("mount --bind {} {}", cgroup.display(), folder.path().display());
            after(&script, &[])
        },
        |_| folder.path().to_owned(),
    );
}

/// Containers see their own cgroup as the root.
#[test]
fn a_cgroup_in_a_cgroup_namespace() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    traced_cgroup(
        "a_cgroup_in_a_cgroup_namespace",
        |cgroup| {
            // Into the cgroup first, which becomes the root of the namespace.
            let mut command = Command::new("bash");
            let inside = after(
                &format!("mount -t cgroup2 none {}", folder.path().display()),
                &["--cgroup"],
            );
            command
                .args(["-ec", "echo $$ > \"$1\"/cgroup.procs; shift; exec \"$@\"", "bash"])
                .arg(cgroup)
                .arg(inside.get_program())
                .args(inside.get_args());
            command
        },
        |_| folder.path().to_owned(),
    );
}
