//! Fuzzes the target named by the environment. The arguments are libFuzzer's.
#![no_main]
#![expect(clippy::expect_used, reason = "an unknown name must stop the fuzzer")]

use std::sync::LazyLock;

use tcpreuse_fuzz::{TARGETS, Target};

/// Environment variable with the target's name.
const VARIABLE: &str = "TCPREUSE_FUZZ_TARGET";

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var(VARIABLE).expect("TCPREUSE_FUZZ_TARGET names a target");
    let found = TARGETS.iter().find(|target| target.name == name);
    found.expect("a target of that name")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (CHOSEN.run)(data));
