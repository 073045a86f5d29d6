//! Where samples come from.

pub mod live;
