//! Sources of samples: the running kernel, or a recording.

pub mod live;
pub mod replay;
