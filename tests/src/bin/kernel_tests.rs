//! Runs tests one by one, each in a process of its own, and reports on each: what `cargo xtask kernels`
//! starts, as the first process of a virtual machine or as `tcpreuse-kernel-tests PLAN TESTS` here.
//!
//! The plan has a line per test: its name and the seconds it may take. The report goes to standard
//! output, or in a virtual machine to the second serial port, a line each: `start NAME`, then any number
//! of `note NAME FIGURE: VALUE`, then `pass|fail|skip NAME SECONDS [REASON]`; before a `fail`,
//! `out TEXT` with what the test said; in the end `done`.
#![expect(
    clippy::expect_used,
    reason = "test support: a surprise ends the machine, and the other side says so"
)]

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{Write, stdout},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    mount::{MountFlags, mount},
    process::{Pid, Signal, WaitOptions, kill_process_group, wait},
    system::{RebootCommand, reboot},
};

const REPORT: &str = "/dev/ttyS1";
const PLAN: &str = "/plan";
const TESTS: &str = "/tests/e2e";

/// Lines of a failed test's output that are passed on, from the end.
const TAIL: usize = 60;

/// What is mounted where, in this order.
const FILE_SYSTEMS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("devpts", "/dev/pts"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("bpf", "/sys/fs/bpf"),
    ("tracefs", "/sys/kernel/tracing"),
];

fn main() {
    if std::process::id() == 1 {
        as_first_process();
        return;
    }
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (plan, tests) = (arguments.next(), arguments.next());
    let (plan, tests) = (plan.expect("a plan"), tests.expect("the tests"));
    Runner::new(&tests, stdout()).perform_all(&plan);
}

/// Sets the machine up, runs the tests, and switches it off.
fn as_first_process() {
    for (kind, place) in FILE_SYSTEMS {
        // Some are there already, and what a kernel does not have the tests will tell.
        let _ = fs::create_dir_all(place);
        let _ = mount(*kind, *place, *kind, MountFlags::empty(), c"");
    }
    let report = OpenOptions::new()
        .write(true)
        .open(REPORT)
        .expect("the second serial port");
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip").success(), "the loopback device");
    Runner::new(Path::new(TESTS), report).perform_all(Path::new(PLAN));
    rustix::fs::sync();
    // The emulator ends when the machine wants to start again.
    let _ = reboot(RebootCommand::Restart);
}

/// Runs tests and says how they went.
struct Runner<W> {
    tests: PathBuf,
    report: W,
    folder: tempfile::TempDir,
}

impl<W: Write> Runner<W> {
    fn new(tests: &Path, report: W) -> Self {
        Self {
            tests: tests.to_owned(),
            report,
            folder: tempfile::tempdir().expect("a folder for what tests say"),
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.report, "{line}").expect("a line of the report");
    }

    fn perform_all(mut self, plan: &Path) {
        let plan = fs::read_to_string(plan).expect("the plan");
        for line in plan.lines() {
            let (name, limit) = line.split_once(' ').expect("a name and a limit");
            let limit = Duration::from_secs(limit.parse().expect("seconds"));
            self.perform(name, limit);
        }
        self.say("done");
    }

    fn perform(&mut self, name: &str, limit: Duration) {
        self.say(&format!("start {name}"));
        let skipped = self.folder.path().join("skipped");
        fs::write(&skipped, "").expect("a file for skipped tests");
        let said = self.folder.path().join("output");
        let output = File::create(&said).expect("a file for what the test says");
        let begun = Instant::now();
        let mut test = Command::new(&self.tests)
            .args(["--exact", name, "--test-threads=1", "--show-output"])
            .env("TCPREUSE_SKIP_LOG", &skipped)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the test's output"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .expect("the tests");
        let ended = wait_for(&mut test, limit);
        // What it left behind would disturb the next one.
        let _ = kill_process_group(Pid::from_child(&test), Signal::KILL);
        if ended.is_none() {
            let _ = test.wait();
        }
        if std::process::id() == 1 {
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        }
        let seconds = begun.elapsed().as_secs_f32();
        let said = fs::read(&said).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        for note in said.lines().filter_map(|line| line.strip_prefix("NOTE ")) {
            self.say(&format!("note {name} {note}"));
        }
        let skipped = fs::read_to_string(&skipped).unwrap_or_default();
        let outcome = match ended {
            None => format!("fail {name} {seconds:.1} not done after {} s", limit.as_secs()),
            Some(status) if !status.success() => {
                format!("fail {name} {seconds:.1} {}", reason(&said, status))
            }
            // Whoever names no test has none that fails.
            Some(_) if !said.contains("1 passed") => {
                format!("fail {name} {seconds:.1} there is no such test")
            }
            Some(_) => match skipped.lines().next() {
                Some(line) => {
                    let reason = line.split_once(": ").map_or(line, |(_, reason)| reason);
                    format!("skip {name} {seconds:.1} {reason}")
                }
                None => format!("pass {name} {seconds:.1}"),
            },
        };
        if outcome.starts_with("fail") {
            let lines: Vec<&str> = said.lines().collect();
            for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
                self.say(&format!("out {line}"));
            }
        }
        self.say(&outcome);
    }
}

/// Where it panicked, or how it ended if it did not.
fn reason(said: &str, status: ExitStatus) -> String {
    let place = said.lines().find_map(|line| line.split_once(" panicked at "));
    place.map_or_else(
        || status.to_string(),
        |(_, place)| format!("panicked at {}", place.trim_end_matches(':')),
    )
}

/// How it ended, unless it takes longer than it may.
fn wait_for(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
