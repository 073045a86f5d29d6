//! Disks that are full, read-only or missing.

use std::{fs, net::Ipv4Addr, os::unix::fs::symlink, path::Path, process::Command};

use rustix::process::Signal;
use tcpreuse_tests::{eventually, namespace::Namespace, need_root, program::run, traffic::EchoServer};

use super::{Recorder, json, place, rows, said, text, verified, visits};

/// A small mounted file system, unmounted on drop.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(options: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(place.path())
            .status();
        assert!(status.unwrap().success(), "mount {options}");
        Self(place)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazy, because a failed test may have left a recorder running there.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_neither_the_counting_nor_what_is_whole() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let disk = Mounted::new("size=512k");
    let path = disk.0.path().join("evidence");
    let port = server.port().to_string();
    let recorder = Recorder::start(
        &namespace,
        &path,
        &["--port", &port, "--interval", "100ms", "--format", "json"],
    );
    visits(4, 1500, server.address);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let (code, out, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(4), "{errors}");
    assert!(
        errors.contains("No space left on device") && errors.contains("counting continues"),
        "{errors}"
    );
    let diagnosis = json(&out);
    assert_eq!(diagnosis["accounting"]["closed"], 6000);
    assert!(verified(&path).contains("intact up to interval"));
    let output = run(&["diagnose", "--from", text(&path)]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn room_on_the_disk_is_used_again() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let disk = Mounted::new("size=512k");
    let path = disk.0.path().join("evidence");
    let port = server.port().to_string();
    let recorder = Recorder::start(&namespace, &path, &["--port", &port, "--interval", "100ms"]);
    let ballast = disk.0.path().join("ballast");
    // Fails once the disk is full, as intended.
    let _ = fs::write(&ballast, vec![0; 1 << 20]);
    visits(2, 200, server.address);
    std::thread::sleep(std::time::Duration::from_millis(300));
    fs::remove_file(&ballast).unwrap();
    let before = rows(&path, "intervals.jsonl").len();
    eventually("more intervals", || {
        rows(&path, "intervals.jsonl").len() > before + 2
    });
    let (code, _, errors) = recorder.end(Signal::INT);
    assert!(errors.contains("writing again"), "{errors}");
    assert_eq!(code, Some(4), "rows are missing: {errors}");
    assert!(errors.contains("could not be written"), "{errors}");
    verified(&path);
}

#[test]
fn a_directory_that_is_removed_is_told() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let port = server.port().to_string();
    let recorder = Recorder::start(
        &namespace,
        &path,
        &["--port", &port, "--interval", "100ms", "--format", "json"],
    );
    fs::remove_dir_all(&path).unwrap();
    visits(2, 50, server.address);
    let (code, out, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(4), "{errors}");
    assert!(errors.contains("removed"), "{errors}");
    assert_eq!(json(&out)["accounting"]["closed"], 100);
}

#[test]
fn where_nothing_can_be_written_nothing_is_traced() {
    need_root!();
    let refused = |path: &Path, wanted: &str| {
        let output = run(&["record", "--out", text(path), "--duration", "1s"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.lines().count() == 1 && said.contains(wanted),
            "{said:?} does not say {wanted:?}"
        );
    };
    let disk = Mounted::new("ro,size=512k");
    refused(&disk.0.path().join("evidence"), "Read-only file system");
    let (parent, path) = place();
    refused(
        &path.join("deeper"),
        &format!("{} does not exist", path.display()),
    );
    let target = parent.path().join("target");
    fs::create_dir(&target).unwrap();
    symlink(&target, &path).unwrap();
    refused(&path, "already exists");
    let output = run(&["record", "--out", text(&path), "--append", "--duration", "1s"]);
    assert!(said(&output).contains("symbolic link"), "{}", said(&output));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    // If tracing cannot begin, no directory is left behind.
    let new = parent.path().join("new");
    let output = run(&["record", "--out", text(&new), "--btf", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(!new.exists());
}
