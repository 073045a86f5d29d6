//! Fuzzes the target that the environment names; the arguments are libFuzzer's.
#![no_main]
#![expect(clippy::expect_used, reason = "a wrong name has to stop the fuzzer")]

use std::sync::LazyLock;

use tcpreuse_fuzz::{TARGETS, Target};

/// Names the target.
const VARIABLE: &str = "TCPREUSE_FUZZ_TARGET";

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var(VARIABLE).expect("TCPREUSE_FUZZ_TARGET names a target");
    let found = TARGETS.iter().find(|target| target.name == name);
    found.expect("a target of that name")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (CHOSEN.run)(data));
