//! What the end-to-end tests share: a network namespace each, real traffic, the program itself.
//!
//! Helpers panic rather than return errors: they are only ever called from tests.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support: a surprise has to fail the test"
)]

pub mod apache;
pub mod bench;
pub mod namespace;
pub mod pace;
pub mod program;
pub mod programs;
pub mod random;
pub mod scenarios;
pub mod terminal;
pub mod traffic;

use std::{
    fs::OpenOptions,
    io::Write,
    time::{Duration, Instant},
};

/// Waits for something that is about to happen, for ten seconds at most (more on slow machines).
///
/// # Panics
/// When it does not.
pub fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + pace::patience(Duration::from_secs(10));
    while !happened() {
        assert!(Instant::now() < deadline, "{what} has not happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Notes that a test cannot run here, and why; the run counts these.
#[expect(clippy::print_stdout, reason = "a test says that it is skipped")]
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

/// Leaves a test that needs root, saying so.
#[macro_export]
macro_rules! need_root {
    () => {
        if !rustix::process::geteuid().is_root() {
            $crate::skip(std::thread::current().name().unwrap_or("?"), "needs root");
            return;
        }
    };
}
