//! How fast the machine is that the tests run on: the one place that knows of emulated CPUs.

use std::{env, sync::OnceLock, time::Duration};

/// Says how many times slower than a real CPU this one is.
const VARIABLE: &str = "TCPREUSE_TEST_PACE";

/// As many times longer than on a real CPU everything may take; 1 there.
///
/// # Panics
/// When the environment says something else than a number from 1 to 100.
pub fn pace() -> u32 {
    static PACE: OnceLock<u32> = OnceLock::new();
    *PACE.get_or_init(|| match env::var(VARIABLE) {
        Err(_) => 1,
        Ok(said) => {
            let number = said.parse().ok().filter(|number| (1..=100).contains(number));
            number.unwrap_or_else(|| panic!("{VARIABLE} is a number from 1 to 100, not {said}"))
        }
    })
}

/// A time limit for this machine.
pub fn patience(limit: Duration) -> Duration {
    limit * pace()
}

/// An amount of load for this machine.
pub fn load(amount: u64) -> u64 {
    (amount / u64::from(pace())).max(1)
}
