//! Attacks on the whole program, in addition to those that unit tests make on its parts.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    fs::{XattrFlags, setxattr},
    process::Signal,
};
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{binary, run},
    recorder::Recorder,
};

#[test]
fn what_a_file_says_cannot_move_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("config.toml");
    fs::write(&settings, "\"\u{1b}]0;x\u{7}\u{202e}\" = 1\n").unwrap();
    let manifest = folder.path().join("manifest.json");
    fs::write(&manifest, "{\"schema\": \"\u{1b}[2J\\u001b[2J\\n\"}").unwrap();
    let (settings, folder) = (settings.to_str().unwrap(), folder.path().to_str().unwrap());
    for args in [
        &["top", "--config", settings][..],
        &["verify", folder],
        &["diagnose", "--from", folder],
        &["replay", folder],
        &["diagnose", "--nonsense\u{1b}[2J"],
    ] {
        let output = run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said:?}");
        assert_eq!(said.lines().count(), 1, "{said:?}");
        let bad = said
            .trim_end()
            .chars()
            .find(|c| c.is_control() || *c == '\u{202e}');
        assert_eq!(bad, None, "{args:?}: {said:?}");
    }
}

/// Includes the notes: where it was recorded, and what a killed recorder left.
#[test]
fn what_a_directory_is_called_cannot_move_the_cursor() {
    need_root!();
    let namespace = Namespace::new();
    let folder = tempfile::tempdir().unwrap();
    let harmless = |said: &str| {
        assert!(said.contains("evil"), "{said:?}");
        let bad = said.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{said:?}");
    };
    for signal in [Signal::INT, Signal::KILL] {
        let path = folder
            .path()
            .join(format!("\u{1b}[2J\u{1b}]0;x\u{7}evil{}", signal.as_raw()));
        let recorder = Recorder::start(&namespace, &path, &["--interval", "100ms"]);
        eventually("a state", || path.join("state.json").exists());
        let intervals = || {
            fs::read_to_string(path.join("intervals.jsonl"))
                .unwrap()
                .lines()
                .count()
        };
        let before = intervals();
        eventually("what came after it", || intervals() > before + 2);
        let (_, _, errors) = recorder.end(signal);
        let text = path.to_str().unwrap();
        if signal == Signal::INT {
            harmless(&errors);
            continue;
        }
        let output = run(&["diagnose", "--from", text]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        harmless(&String::from_utf8(output.stderr).unwrap());
    }
}

/// Contents of a `security.capability` attribute: version 2, effective, with CAP_BPF permitted.
fn capabilities_of_a_file() -> Vec<u8> {
    const VERSION_2_EFFECTIVE: u32 = 0x0200_0001;
    const CAP_BPF: u32 = 39;
    [VERSION_2_EFFECTIVE, 0, 0, 1 << (CAP_BPF - 32), 0]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

#[test]
fn a_binary_with_more_rights_than_its_user_reads_no_files_of_theirs() {
    need_root!();
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("tcpreuse");
    fs::copy(binary(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    setxattr(
        &copy,
        "security.capability",
        &capabilities_of_a_file(),
        XattrFlags::empty(),
    )
    .unwrap();
    let as_nobody = |args: &[&str], variable: &str| {
        let output = Command::new(&copy)
            .args(args)
            .env(variable, "/etc/shadow")
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (args, variable) in [
        (&["top", "--object", "/etc/shadow"][..], "NOTHING"),
        (&["diagnose", "--btf", "/etc/shadow"], "NOTHING"),
        (&["top", "--config", "/etc/shadow"], "NOTHING"),
        (&["doctor"], "TCPREUSE_BPF_OBJECT"),
        (&["diagnose"], "TCPREUSE_BTF"),
        (&["top"], "TCPREUSE_CONFIG"),
    ] {
        let (code, said) = as_nobody(args, variable);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("run as root"), "{args:?}: {said}");
    }
    // What needs no privileges works: `doctor` reports what is missing.
    let (code, said) = as_nobody(&["doctor"], "NOTHING");
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn no_proxy_of_the_environment_is_told_a_password() {
    need_root!();
    let namespace = Namespace::new();
    let listen = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
    let (server, proxy) = (listen(), listen());
    let at = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
    let status = Command::new(binary())
        .args([
            "diagnose",
            "--duration",
            "1s",
            "--netns",
            &namespace.inode.to_string(),
        ])
        .args([
            "--server-status",
            &format!("http://op:secret@{}/server-status", at(&server)),
        ])
        .env("http_proxy", format!("http://{}", at(&proxy)))
        .env("HTTP_PROXY", format!("http://{}", at(&proxy)))
        .env("ALL_PROXY", format!("http://{}", at(&proxy)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.accept().is_ok(), "the server was asked");
    assert!(proxy.accept().is_err(), "the proxy was asked");
}
