//! The user half of tcpreuse: loads the BPF programs, reads what they count, and says which
//! clients open new connections instead of reusing theirs.
//!
//! Data flows one way: `kernel` and `source` produce samples, `model` holds them as plain values,
//! `diagnosis` judges them, `report` prints the result. `model` and `diagnosis` are pure.

pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod diagnosis;
pub mod evidence;
pub mod exit;
pub mod filter;
mod hangup;
pub mod kernel;
pub mod memory;
pub mod model;
pub mod report;
pub mod server_status;
pub mod source;
pub mod text;
pub mod view;
