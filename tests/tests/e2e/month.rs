//! A short piece of the simulated month; `cargo xtask month` runs all of it.

use tcpreuse_tests::{
    month::{self, Plan},
    need_root,
};

#[test]
fn strangers_change_nothing_about_peers_that_stay() {
    need_root!();
    let outcome = month::run(Plan::SHORT);
    assert!(outcome.complaints().is_empty(), "{outcome}");
}
