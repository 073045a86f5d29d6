//! Mistakes on the command line, and the response: one line with the next step, and an exit code.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Command, Output, Stdio},
};

use tcpreuse_tests::{
    need_root,
    program::{binary, for_everyone, run},
};

fn assert_one_line(output: &Output, code: i32, wanted: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("tcpreuse: ") && said.contains(wanted),
        "{said:?} does not say {wanted:?}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    for (args, wanted) in [
        (
            &["diagnose", "--nonsense"][..],
            "unexpected argument '--nonsense'",
        ),
        (
            &["diagnose", "--port", "70000"],
            "a port is a number from 1 to 65535",
        ),
        (
            &["diagnose", "--port", "80,no-such-service"],
            "a port is a number from 1 to 65535",
        ),
        (
            &["diagnose", "--peer", "10.0.0.0/33"],
            "a network is written like 192.0.2.0/24",
        ),
        (
            &["diagnose", "--exclude", "localhost"],
            "a network is written like 192.0.2.0/24",
        ),
        (
            &["diagnose", "--duration", "soon"],
            "a time is a number of seconds or has units",
        ),
        (&["diagnose", "--duration", "0"], "greater than zero"),
        (
            &["diagnose", "--direction", "sideways"],
            "invalid value 'sideways'",
        ),
        (&["diagnose", "--prefix4", "33"], "33 is not in 0..=32"),
        (&["diagnose", "--expect", "many"], "or auto"),
        (&["diagnose", "--format", "yaml"], "invalid value 'yaml'"),
        (&["diagnose", "--max-peers", "0"], "a number from 1 to"),
        (&["diagnose", "--cgroup", "/proc"], "not in a cgroup2 file system"),
        (&["diagnose", "--max-connections", "0"], "a number from 1 to"),
        (&["diagnose", "extra"], "unexpected argument 'extra'"),
        (&["diagnos"], "unrecognized subcommand 'diagnos'"),
        (&["diagnose", "--port"], "a value is required"),
        (
            &["diagnose", "--prot", "443"],
            "a similar argument exists: '--port'; see `tcpreuse diagnose --help`",
        ),
        (&["top", "443"], "for a port, write `--port 443`"),
        (&["-p", "no-such-service"], "see `tcpreuse top --help`"),
        (
            &["diagnose", "--from", "/", "--max-peers", "5"],
            "--max-peers has no effect with --from",
        ),
        (
            &["record", "--out", "/nonexistent/a", "--append", "--rotate"],
            "--max-size",
        ),
        (&["diagnose", "--netns", "web1"], "`ip netns` lists the names"),
    ] {
        assert_one_line(&run(args), 2, wanted);
    }
}

/// A number may come from a recording, so it is only looked up if something is to be traced.
#[test]
fn a_network_namespace_that_is_not_there() {
    need_root!();
    for command in ["diagnose", "top"] {
        let output = run(&[command, "--netns", "5"]);
        assert_one_line(&output, 2, "`lsns -t net` the numbers");
    }
}

/// Without a command, flags are those of `top`.
#[test]
fn a_port_is_enough() {
    need_root!();
    let output = run(&["-p", "1", "-b", "-n", "1"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("PEER  PORT  VERDICT"), "{said}");
}

#[test]
fn an_answer_is_an_exit_code_when_asked_for() {
    need_root!();
    let code = |flags: &[&str]| {
        let args = [&["diagnose", "-p", "1", "--duration", "500ms"], flags].concat();
        run(&args).status.code()
    };
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--exit-code"]), Some(5), "nothing was seen");
}

/// Long help explains, short help fits some screens.
#[test]
fn short_help_is_shorter_than_long_help() {
    for command in ["top", "diagnose", "record", "replay"] {
        let lines = |flag| {
            let output = run(&[command, flag]);
            String::from_utf8(output.stdout).unwrap().lines().count()
        };
        let (short, long) = (lines("-h"), lines("--help"));
        assert!(short <= 75 && 2 * short < long, "{command}: {short} and {long}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["diagnose", "--help"],
        &["help", "demo"],
    ] {
        let output = run(args);
        assert!(output.status.success() && !output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_kernel_without_type_information() {
    need_root!();
    let output = run(&["diagnose", "--btf", "/nonexistent/vmlinux"]);
    assert_one_line(&output, 3, "/nonexistent/vmlinux");
    let output = Command::new(binary())
        .arg("diagnose")
        .env("TCPREUSE_BTF", "/dev/null")
        .output()
        .unwrap();
    assert_one_line(&output, 3, "/dev/null");
}

#[test]
fn a_damaged_object() {
    need_root!();
    let whole = tempfile::NamedTempFile::new().unwrap();
    for (content, wanted) in [
        (&b""[..], "is damaged"),
        (b"\x7fELF", "is damaged"),
        (&[0; 4096], "is damaged"),
    ] {
        fs::write(whole.path(), content).unwrap();
        let output = run(&["diagnose", "--object", whole.path().to_str().unwrap()]);
        assert_one_line(&output, 3, wanted);
    }
    assert_one_line(
        &run(&["diagnose", "--object", "/nonexistent"]),
        3,
        "cannot read the BPF object /nonexistent",
    );
}

/// Truncates the embedded object at many offsets. Each time there must be a one-line error, and no panic.
#[test]
fn a_truncated_object() {
    need_root!();
    let bytes = tcpreuse::testing::kernel::embedded_object();
    assert!(!bytes.is_empty(), "built without the BPF programs");
    let file = tempfile::NamedTempFile::new().unwrap();
    for part in 1..16 {
        fs::write(file.path(), &bytes[..bytes.len() * part / 16]).unwrap();
        let output = run(&["diagnose", "--object", file.path().to_str().unwrap()]);
        assert_one_line(&output, 3, "is damaged");
    }
}

#[test]
fn without_privileges() {
    need_root!();
    const NOBODY: u32 = 65534;
    let (_folder, copy) = for_everyone();
    let as_nobody = |args: &[&str]| {
        Command::new(&copy)
            .args(args)
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for args in [&["diagnose", "--duration", "1s"][..], &["demo"]] {
        assert_one_line(&as_nobody(args), 3, "run as root (sudo tcpreuse");
    }
    let output = as_nobody(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("MISSING   CAP_BPF: not held; it loads the programs"),
        "{said}"
    );
    assert!(
        said.contains("ok        tracepoint inet_sock_set_state"),
        "{said}"
    );
}

#[test]
fn doctor_is_content_with_this_kernel() {
    need_root!();
    let output = run(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("ok        trial: programs load and attach"),
        "{said}"
    );
    assert!(!said.contains("tcpreuse_state"), "{said}");
    let output = run(&["doctor", "-v"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let verified = said
        .lines()
        .find(|line| line.trim().starts_with("tcpreuse_state: "));
    assert!(
        verified.is_some_and(|line| line.ends_with(" instructions verified")),
        "{said}"
    );
    let output = run(&["doctor", "--btf", "/nonexistent"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("MISSING   type information"), "{said}");
    // An ELF file is no BTF, but has it in it.
    let output = run(&["doctor", "--btf", "/proc/self/exe"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("is an ELF file"), "{said}");
    let output = run(&["diagnose", "--duration", "100ms", "--btf", "/proc/self/exe"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("take its section with `objcopy"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    need_root!();
    let mut child = Command::new(binary())
        .args(["diagnose", "--duration", "500ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("cannot write"), "{said}");
}

#[test]
fn a_full_disk_is_an_error() {
    need_root!();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(binary())
        .args(["diagnose", "--duration", "500ms"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("tcpreuse: cannot write the output: No space left on device"),
        "{said}"
    );
}

#[test]
fn completions_and_manual_pages_name_what_there_is() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("expect-peer"), "{shell}");
    }
    let page = |args: &[&str]| String::from_utf8(run(args).stdout).unwrap();
    assert!(page(&["man"]).contains(".SH SUBCOMMANDS"));
    let diagnose = page(&["man", "diagnose"]);
    assert!(diagnose.contains("server\\-status"), "{diagnose}");
    assert_one_line(&run(&["man", "nonsense"]), 2, "there is no command 'nonsense'");
}
