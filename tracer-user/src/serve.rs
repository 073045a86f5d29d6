//! The always-on agent's outside: what it shows over HTTP, and what it tells as events.
//!
//! One loop owns the tracer and publishes a [`Latest`] after each sample. A thread of its own answers
//! requests from that alone, so no request can delay a sample. It has no capabilities and opens no files but
//! its own in `/proc`.

pub mod door;
pub mod events;
mod html;
pub mod http;
pub mod keeping;
pub mod latest;
mod outlet;
mod page;
mod reply;
pub mod secrets;
pub mod systemd;

pub use self::page::picture;
