//! A short soak test; `cargo xtask soak` runs a longer one.

use std::time::Duration;

use tcpreuse_tests::{need_root, soak};

/// The warm-up, and enough time after it to notice growth.
const TIME: Duration = Duration::from_secs(90);

#[test]
fn nothing_grows_and_every_count_is_right() {
    need_root!();
    let outcome = soak::run_for(TIME);
    assert!(outcome.complaints().is_empty(), "{outcome}");
}
