//! A short soak; `cargo xtask soak` runs it for longer.

use std::time::Duration;

use tcpreuse_tests::{need_root, soak};

/// Twice the warm-up and as much again.
const TIME: Duration = Duration::from_secs(50);

#[test]
fn nothing_grows_and_every_count_is_right() {
    need_root!();
    let outcome = soak::run_for(TIME);
    assert!(outcome.complaints().is_empty(), "{outcome}");
}
