//! Disks that are full, read-only or missing.

use std::{
    fs,
    io::Read,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::run,
    skip,
    traffic::{EchoServer, connect, source},
};

use super::{Recorder, json, place, rows, said, text, verified, visits};

/// A small mounted file system, unmounted on drop.
pub(crate) struct Mounted(tempfile::TempDir);

impl Mounted {
    pub(crate) fn new(options: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(place.path())
            .status();
        assert!(status.unwrap().success(), "mount {options}");
        Self(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
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
    // What is missing is said beside what is whole, by all that read it.
    let said_of_it = verified(&path);
    assert!(
        said_of_it.contains("intact up to interval") && said_of_it.contains("\nINCOMPLETE: "),
        "{said_of_it}"
    );
    let output = run(&["diagnose", "--from", text(&path)]);
    assert!(output.status.success(), "{}", said(&output));
    let answer = said(&output);
    assert!(
        answer.contains("of the recording could not be written") && !answer.contains("Nothing was lost"),
        "{answer}"
    );
}

/// A file system on a loop device, which can be made to hang.
struct Frozen {
    place: tempfile::TempDir,
    path: PathBuf,
}

impl Frozen {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (image, path) = (place.path().join("image"), place.path().join("mounted"));
        fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        fs::create_dir(&path).unwrap();
        let run = |program: &str, args: &[&str], last: &Path| {
            let output = Command::new(program).args(args).arg(last).output().unwrap();
            assert!(output.status.success(), "{program}: {}", said(&output));
        };
        run("mkfs.ext4", &["-q", "-F"], &image);
        run("mount", &["-o", "loop", text(&image)], &path);
        Self { place, path }
    }

    fn freeze(&self, flag: &str) {
        let status = Command::new("fsfreeze").arg(flag).arg(&self.path).status();
        assert!(status.unwrap().success(), "fsfreeze {flag}");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It fails unless a failed test has left it frozen.
        let thaw = Command::new("fsfreeze").arg("-u").arg(&self.path).output();
        let _ = thaw;
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = &self.place;
    }
}

#[test]
fn a_disk_that_hangs_keeps_back_neither_the_counting_nor_the_answer() {
    need_root!();
    if !["/usr/sbin/mkfs.ext4", "/usr/sbin/fsfreeze"]
        .iter()
        .all(|path| Path::new(path).exists())
    {
        skip(
            "a_disk_that_hangs_keeps_back_neither_the_counting_nor_the_answer",
            "no mkfs.ext4 or fsfreeze",
        );
        return;
    }
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let disk = Frozen::new();
    let path = disk.path.join("evidence");
    let port = server.port().to_string();
    let args = ["--port", &port, "--interval", "100ms", "--format", "json"];
    let mut recorder = Recorder::start(&namespace, &path, &args);
    visits(2, 50, server.address);
    eventually("an interval", || path.join("state.json").exists());
    let mut out = recorder.stdout();
    disk.freeze("-f");
    visits(2, 50, server.address);
    recorder.signal(Signal::INT);
    // The answer comes although nothing can be written; the process itself has to wait for the disk.
    let (mut answer, mut chunk) = (Vec::new(), [0; 1 << 16]);
    let diagnosis = loop {
        let read = out.read(&mut chunk).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..read]);
        if let Ok(diagnosis) = serde_json::from_slice::<serde_json::Value>(&answer) {
            break diagnosis;
        }
    };
    assert_eq!(diagnosis["accounting"]["closed"], 200);
    assert!(!recorder.has_ended());
    disk.freeze("-u");
    let (code, errors) = recorder.wait();
    assert_eq!(code, Some(0), "{errors}");
    assert!(verified(&path).contains("stopped properly"));
    assert_eq!(rows(&path, "connections.csv").len(), 200);
}

#[test]
fn only_one_may_record_to_a_directory() {
    need_root!();
    let namespace = Namespace::new();
    let (_parent, path) = place();
    let first = Recorder::start(&namespace, &path, &["--interval", "100ms"]);
    let output = run(&["record", "--append", "--out", text(&path), "--duration", "1s"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let wanted = format!("process {} is recording to it", first.pid());
    assert!(said.contains(&wanted) && said.lines().count() == 1, "{said}");
    first.finish();
    verified(&path);
    let output = run(&["record", "--append", "--out", text(&path), "--duration", "1s"]);
    assert!(output.status.success());
}

#[test]
fn a_limit_that_holds_nothing_is_refused_with_the_least() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let _open: Vec<_> = (0..600)
        .map(|n| connect(source(n), server.address).unwrap())
        .collect();
    let (_parent, path) = place();
    let netns = namespace.inode.to_string();
    let args = [
        "record",
        "--netns",
        &netns,
        "--out",
        text(&path),
        "--max-size",
        "1M",
        "--rotate",
    ];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("give at least"), "{}", said(&output));
    assert!(!path.exists());
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
    // The recorder may be making a file in it at the same time.
    eventually("the directory's removal", || fs::remove_dir_all(&path).is_ok());
    visits(2, 50, server.address);
    let (code, out, errors) = recorder.end(Signal::INT);
    assert_eq!(code, Some(4), "{errors}");
    assert!(errors.contains("removed"), "{errors}");
    assert_eq!(json(&out)["accounting"]["closed"], 100);
}

#[test]
fn where_nothing_can_be_written_nothing_is_traced() {
    need_root!();
    let refused = |path: &Path, code: i32, wanted: &str| {
        let output = run(&["record", "--out", text(path), "--duration", "1s"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(
            said.lines().count() == 1 && said.contains(wanted),
            "{said:?} does not say {wanted:?}"
        );
    };
    let disk = Mounted::new("ro,size=512k");
    refused(&disk.0.path().join("evidence"), 4, "Read-only file system");
    let full = Mounted::new("size=4k");
    refused(&full.0.path().join("evidence"), 4, "No space left on device");
    let (parent, path) = place();
    refused(
        &path.join("deeper"),
        2,
        &format!("{} does not exist", path.display()),
    );
    let target = parent.path().join("target");
    fs::create_dir(&target).unwrap();
    symlink(&target, &path).unwrap();
    refused(&path, 2, "already exists");
    let output = run(&["record", "--out", text(&path), "--append", "--duration", "1s"]);
    assert!(said(&output).contains("symbolic link"), "{}", said(&output));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    // If tracing cannot begin, no directory is left behind.
    let new = parent.path().join("new");
    let output = run(&["record", "--out", text(&new), "--btf", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(!new.exists());
}
