//! The speed of the machine under test. Only this module knows about emulated CPUs.

use std::{env, sync::OnceLock, time::Duration};

/// Environment variable: how many times slower this CPU is than a real one.
const VARIABLE: &str = "TCPREUSE_TEST_PACE";

/// The factor by which time limits are extended; 1 on a real CPU.
///
/// # Panics
/// If the variable is not a number from 1 to 100.
pub fn pace() -> u32 {
    static PACE: OnceLock<u32> = OnceLock::new();
    *PACE.get_or_init(|| match env::var(VARIABLE) {
        Err(_) => 1,
        Ok(said) => {
            let number = said.parse().ok().filter(|number| (1..=100).contains(number));
            number.unwrap_or_else(|| panic!("{VARIABLE} must be a number from 1 to 100, not {said}"))
        }
    })
}

/// A time limit, extended for this machine.
pub fn patience(limit: Duration) -> Duration {
    limit * pace()
}

/// An amount of load, reduced for this machine.
pub fn load(amount: u64) -> u64 {
    (amount / u64::from(pace())).max(1)
}
