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
    time::{Duration, Instant},
};

/// Waits up to half a minute (longer on emulated CPUs) until `happened` returns true.
///
/// # Panics
/// If it does not become true in time.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + pace::patience(Duration::from_secs(30));
    while !happened() {
        assert!(Instant::now() < deadline, "{what} has not happened");
        std::thread::sleep(Duration::from_millis(10));
    }
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
    };
}
