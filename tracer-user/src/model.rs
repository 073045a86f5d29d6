//! What is known about peers and connections, as plain values. No clock, no kernel, no terminal:
//! time comes in with the data, so the same input gives the same answer live, in a replay, and in
//! a test.

pub mod accounting;
pub mod backlog;
pub mod bar;
pub mod buckets;
pub mod chronicle;
pub mod counters;
pub mod durations;
pub mod earlier;
pub mod ended;
pub mod figure;
pub mod history;
pub mod interface;
pub mod left;
pub mod listening;
pub mod names;
pub mod occupancy;
pub mod owner;
pub mod peer;
pub mod protocol;
pub mod sample;
pub(crate) mod serial;
pub mod short_lived;
pub mod socket;
pub mod turns;
pub mod window;
pub mod workers;
pub mod workload;
