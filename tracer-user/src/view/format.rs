//! Numbers in little space.

use std::time::Duration;

pub use crate::units::{age, elapsed, rate, size as bytes};

/// How often a view takes a sample.
pub fn every(interval: Duration) -> String {
    format!("every {}", humantime::format_duration(interval))
}

/// How often a view takes a sample, and why not more often.
pub fn slowed(interval: Duration) -> String {
    let ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    format!("every {} to spare the processor", age(ns))
}
