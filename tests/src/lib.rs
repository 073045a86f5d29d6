//! Shared by the end-to-end tests: network namespaces, real traffic, and running the program itself.
//!
//! Helpers panic instead of returning errors because only tests call them.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support: any failure must fail the test"
)]

pub mod agent;
pub mod apache;
pub mod bench;
pub mod browser;
pub mod documented;
pub mod door;
pub mod fleet;
pub mod long;
pub mod month;
pub mod namespace;
pub mod pace;
pub mod program;
pub mod programs;
pub mod random;
pub mod recorder;
pub mod scenarios;
pub mod servers;
pub mod soak;
pub mod storm;
pub mod terminal;
pub mod traffic;

use std::{
    fs::OpenOptions,
    io::Write,
    process,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long all tests of a process may take together, on a real CPU; they need some ten minutes on a busy
/// machine.
const TIME_LIMIT: Duration = Duration::from_secs(40 * 60);

/// Waits up to half a minute (longer on emulated CPUs) until `happened` returns true.
///
/// # Panics
/// If it does not become true in time.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + pace::patience(Duration::from_secs(30));
    while !happened() {
        assert!(Instant::now() < deadline, "{what} has not happened");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sets a flag when it is dropped, so that threads that work until then end when the test fails, too. A scope
/// of threads would wait for them for ever.
#[derive(Debug)]
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends the process if its tests hang, so that a run of all tests fails soon and goes on with the next
/// process. Above, libtest has named the tests that did not end.
pub fn limit_time() {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| {
        thread::spawn(|| {
            thread::sleep(pace::patience(TIME_LIMIT));
            // The harness captures what is printed by macros.
            let _ = writeln!(std::io::stderr(), "the tests have not ended in {TIME_LIMIT:?}");
            process::abort();
        });
    });
}

/// Reports that a test cannot run here, and why. The test run counts these reports.
#[expect(clippy::print_stdout, reason = "the skip must show in the test's output")]
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    print!("{line}");
    if let Some(path) = std::env::var_os("TCPREUSE_SKIP_LOG") {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the log of skipped tests");
        log.write_all(line.as_bytes())
            .expect("a line in the log of skipped tests");
    }
}

/// Returns from a test that needs root, and reports it as skipped.
#[macro_export]
macro_rules! need_root {
    () => {
        if !rustix::process::geteuid().is_root() {
            $crate::skip(std::thread::current().name().unwrap_or("?"), "needs root");
            return;
        }
        $crate::limit_time();
    };
}
