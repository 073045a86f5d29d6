//! Where samples come from.

pub mod live;
pub mod replay;
