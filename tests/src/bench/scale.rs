//! Costs that grow with the number of peers, sockets and rows.

pub mod attach;
pub mod hosts;
pub mod peers;
pub mod recordings;
pub mod reports;
pub mod sockets;
pub mod view;

use std::time::{Duration, Instant};

use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    model::{history::History, sample::Sample},
    source::live::Live,
};

use super::math::median;

/// Settings to trace one namespace, with room for this many peers and connections.
fn settings(netns: u32, directions: Directions, peers: u32, connections: u32) -> Settings {
    Settings {
        filter: Filter {
            directions,
            netns: Some(netns),
            ..Filter::default()
        },
        // Twice as many: with both ends traced, every connection counts twice and servers are peers of the
        // clients.
        max_peers: 2 * peers + 16,
        max_connections: 2 * connections + 1024,
        ..Settings::default()
    }
}

/// Runs `work` several times and returns the median time, ms.
fn median_ms<T>(times: u32, mut work: impl FnMut() -> T) -> f64 {
    let each: Vec<f64> = (0..times).map(|_| timed(&mut work).1).collect();
    median(&each).unwrap_or(f64::NAN)
}

/// Runs `work`; returns its result and the time it took, ms. Dropping the result is not timed.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = Instant::now();
    let result = work();
    (result, ms(begun.elapsed()))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Takes a sample; returns it and the time it took, ms.
fn sample(live: &mut Live, history: &mut History) -> (Sample, f64) {
    let (sample, took) = timed(|| {
        let sample = live.sample().expect("a sample");
        history.add(&sample);
        sample
    });
    (sample, took)
}
