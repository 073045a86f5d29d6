//! Runs tests one by one, each in its own process, and reports on each. `cargo xtask kernels` starts it as
//! the first process of a virtual machine, or as `tcpreuse-kernel-tests PLAN TESTS` on this machine.
//!
//! The plan has one line per test: its name and its time limit in seconds. The report goes to standard
//! output, or to the second serial port in a virtual machine. Its lines are `start NAME`, any number of `note
//! NAME FIGURE: VALUE`, then `pass|fail|skip NAME SECONDS [REASON]`. The test's output precedes a `fail` in
//! lines `out TEXT`. The last line is `done`.
#![expect(
    clippy::expect_used,
    reason = "test support: a panic ends the machine, and the host reports that"
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
    process::{Pid, Resource, Rlimit, Signal, WaitOptions, kill_process_group, setrlimit, wait},
    system::{RebootCommand, reboot},
};

/// Environment variable: the serial port that a virtual machine's report goes to.
const REPORT: &str = "TCPREUSE_TEST_REPORT";
const PLAN: &str = "/plan";
const TESTS: &str = "/tests/e2e";

/// How many files a test may have open. The kernel starts its first process with 4,096.
const OPEN_FILES: u64 = 1 << 16;

/// Number of lines passed on from the end of a failed test's output.
const TAIL: usize = 60;

/// File systems to mount: type and mount point, in this order.
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

/// Sets up the machine, runs the tests and powers it off.
fn as_first_process() {
    for (kind, place) in FILE_SYSTEMS {
        // Some are mounted already; tests report what a kernel does not support.
        let _ = fs::create_dir_all(place);
        let _ = mount(*kind, *place, *kind, MountFlags::empty(), c"");
    }
    let files = Rlimit {
        current: Some(OPEN_FILES),
        maximum: Some(OPEN_FILES),
    };
    setrlimit(Resource::Nofile, files).expect("open files");
    let report = env::var_os(REPORT).expect("where the report goes");
    let report = OpenOptions::new()
        .write(true)
        .open(report)
        .expect("the second serial port");
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip").success(), "the loopback device");
    Runner::new(Path::new(TESTS), report).perform_all(Path::new(PLAN));
    rustix::fs::sync();
    // The emulator exits when the machine reboots.
    let _ = reboot(RebootCommand::Restart);
}

/// Runs tests and writes the report.
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
        // Child processes left behind would disturb the next test.
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
            None => format!(
                "fail {name} {seconds:.1} not finished after {} s",
                limit.as_secs()
            ),
            Some(status) if !status.success() => {
                format!("fail {name} {seconds:.1} {}", reason(&said, status))
            }
            // An unknown test name runs zero tests, which the harness counts as success.
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

/// Where the test panicked, or its exit status if it did not panic.
fn reason(said: &str, status: ExitStatus) -> String {
    let place = said.lines().find_map(|line| line.split_once(" panicked at "));
    place.map_or_else(
        || status.to_string(),
        |(_, place)| format!("panicked at {}", place.trim_end_matches(':')),
    )
}

/// The exit status of the child, or `None` if it exceeds the limit.
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
