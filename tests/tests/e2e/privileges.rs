//! Running with capabilities instead of root, running as another user, and giving up unneeded privileges.

use std::{
    fs,
    io::Read,
    net::Ipv4Addr,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, SECCOMP_FILTER, Trace, binary, figure, for_everyone, run, status_of},
    skip,
    traffic::{EchoServer, connect, source, visit},
};

use crate::record::{Recorder, place, said, text};

const NOBODY: u32 = 65534;
/// The group of user nobody, different from the user ID to tell the two apart.
const GROUP: u32 = 65533;

/// The value of a setting in the systemd unit.
fn unit(setting: &str) -> String {
    let unit = include_str!("../../../packaging/tcpreuse-record.service");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
    line.unwrap().to_owned()
}

/// A command that runs the copy as nobody with these capabilities (such as `CAP_BPF CAP_PERFMON`), and cannot
/// gain others.
fn as_nobody(copy: &Path, capabilities: &str) -> Command {
    let set: String = capabilities
        .split_whitespace()
        .map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--no-new-privs",
        ])
        .args(["--inh-caps", "--ambient-caps", "--bounding-set"].map(|option| format!("{option}=-all{set}")))
        .arg(copy);
    command
}

/// Traces ten visits and a seeded connection; returns the answer and stderr.
fn ten_visits(command: Command, namespace: &Namespace) -> (Diagnosis, String) {
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let held = connect(source(1), server.address).unwrap();
    let trace = Trace::spawn(command, namespace, &["--port", &server.port().to_string()]);
    (0..10).for_each(|_| visit(source(0), server.address));
    let (diagnosis, errors) = trace.end_saying(Signal::INT);
    diagnosis.assert_sound();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    assert_eq!((figure(peer, "opens"), figure(peer, "closes")), (10, 10));
    assert_eq!(figure(diagnosis.peer("127.1.0.2", "inbound"), "seeded"), 1);
    drop(held);
    (diagnosis, errors)
}

#[test]
fn two_capabilities_are_enough_to_count() {
    need_root!();
    let namespace = Namespace::new();
    let (_folder, copy) = for_everyone();
    let (diagnosis, errors) = ten_visits(as_nobody(&copy, "CAP_BPF CAP_PERFMON"), &namespace);
    let limit =
        "without CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, this will be unknown: which processes of other users";
    assert_eq!(errors.matches(limit).count(), 1, "{errors}");
    assert!(diagnosis.0["listeners"][0]["owner"].is_null());

    let doctor = as_nobody(&copy, "CAP_BPF CAP_PERFMON")
        .arg("doctor")
        .output()
        .unwrap();
    let said = said(&doctor);
    assert!(doctor.status.success(), "{said}");
    for line in [
        "ok        CAP_BPF: loads the programs",
        "degraded  CAP_SYS_ADMIN: not held; it enters other network namespaces",
        "ok        trial: programs load and attach",
        "tracing works; what is marked degraded is lost or unknown",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[test]
fn each_of_the_two_is_needed_and_named() {
    need_root!();
    let (_folder, copy) = for_everyone();
    for (held, wanted) in [("CAP_BPF", "CAP_PERFMON"), ("CAP_PERFMON", "CAP_BPF")] {
        let output = as_nobody(&copy, held).arg("doctor").output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("MISSING   {wanted}: not held")), "{said}");
    }
}

#[test]
fn the_units_capabilities_are_enough_for_all() {
    need_root!();
    let capabilities = unit("AmbientCapabilities");
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let (_folder, copy) = for_everyone();
    // Run from the original network namespace, not from that of the traffic.
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", std::process::id()));
    let inner = as_nobody(&copy, &capabilities);
    command.arg(inner.get_program()).args(inner.get_args());
    let (diagnosis, errors) = ten_visits(command, &namespace);
    assert!(!errors.contains("without"), "{errors}");
    assert_eq!(diagnosis.0["listeners"][0]["owner"]["pid"], std::process::id());
}

#[test]
fn capabilities_of_the_file_are_enough_too() {
    need_root!();
    let namespace = Namespace::new();
    let (_folder, copy) = for_everyone();
    let set = Command::new("setcap")
        .arg("cap_bpf,cap_perfmon+ep")
        .arg(&copy)
        .output();
    if !set.is_ok_and(|output| output.status.success()) {
        let test = "capabilities_of_the_file_are_enough_too";
        return skip(test, "needs setcap, and a file system with file capabilities");
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy);
    ten_visits(command, &namespace);
}

#[test]
fn what_is_recorded_under_sudo_belongs_to_the_user() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let (parent, path) = place();
    chown(parent.path(), Some(NOBODY), Some(GROUP)).unwrap();
    for append in [&[][..], &["--append"]] {
        let mut command = Command::new(binary());
        command
            .env("SUDO_UID", NOBODY.to_string())
            .env("SUDO_GID", GROUP.to_string());
        command
            .args(["record", "--owner", "auto", "--port", &port])
            .args(append);
        let recorder = Recorder::spawn(command, &namespace, &path, &[]);
        let status = fs::metadata(format!("/proc/{}/task", recorder.pid())).unwrap();
        // The kernel makes root the owner of the `/proc` files of a process that has changed its user.
        assert!([0, NOBODY].contains(&status.uid()));
        let status = fs::read_to_string(format!("/proc/{}/status", recorder.pid())).unwrap();
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
        assert!(status.contains("Gid:\t65533\t65533\t65533\t65533\n"), "{status}");
        assert!(status.contains("Groups:\t \n"), "{status}");
        visit(source(0), server.address);
        recorder.finish();
    }
    let entries = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries.chain([path.clone()]).collect();
    assert!(found.len() > 5, "{found:?}");
    for path in found {
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (NOBODY, GROUP), "{path:?}");
        assert_eq!(meta.mode() & 0o077, 0, "{path:?}");
    }
    let diagnosis = run(&["diagnose", "--from", text(&path), "--format", "json"]);
    assert!(diagnosis.status.success(), "{}", said(&diagnosis));
}

#[test]
fn a_user_makes_nothing_where_only_root_may() {
    need_root!();
    let (parent, path) = place();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(&["record", "--owner", "65534:65534", "--out", text(&path)]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let all = said(&output);
    assert!(
        all.contains("cannot create the directory") && all.lines().count() == 1,
        "{all}"
    );
    assert!(!path.exists());
}

/// The reader process waits while it writes its answer, because nothing reads the pipe.
#[test]
fn who_reads_a_recording_can_do_nothing_else() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let recorder = Recorder::start(&namespace, &path, &["--port", &server.port().to_string()]);
    (0..200).for_each(|peer| visit(source(peer), server.address));
    recorder.finish();
    let mut child = Command::new(binary())
        .args(["diagnose", "--format", "json", "--from", text(&path)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let waits =
        || fs::read_to_string(format!("/proc/{}/wchan", child.id())).is_ok_and(|at| at.contains("pipe"));
    eventually("the answer to fill the pipe", waits);
    // CAP_DAC_READ_SEARCH, because a recording may belong to another user.
    assert_eq!(status_of(child.id(), "CapPrm"), 1 << 2);
    assert_eq!(status_of(child.id(), "CapBnd"), 1 << 2);
    assert_eq!(status_of(child.id(), "NoNewPrivs"), 1);
    assert_eq!(status_of(child.id(), "Seccomp"), SECCOMP_FILTER);
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(answer.contains("tcpreuse.diagnosis/1"));
}
