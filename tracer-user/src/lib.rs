//! The user half of tcpreuse: loads the BPF programs, reads what they count, and says which
//! clients open new connections instead of reusing theirs.
//!
//! Data flows one way: `kernel` and `source` produce samples, `model` holds them as plain values,
//! `diagnosis` judges them, `report` prints the result. `model` and `diagnosis` are pure.
//!
//! Nothing but [`main`] is for others, so the compiler finds what the program does not use. Tests, benchmarks
//! and fuzz targets in other crates come in by `testing`, which is a feature.

#![expect(
    unreachable_pub,
    reason = "`pub` is what a module offers the others, and through `testing` the tests in other crates"
)]

mod app;
mod cli;
mod commands;
mod config;
mod demo;
mod diagnosis;
#[cfg(test)]
mod docs;
mod evidence;
mod exit;
mod filter;
mod kernel;
mod memory;
mod model;
mod report;
mod serve;
mod server_status;
mod source;
mod stop;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod text;
mod units;
mod view;

pub use self::app::main;
