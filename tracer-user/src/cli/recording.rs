//! Flags of what reads recordings.

use std::path::PathBuf;

use clap::Args;

use super::{BatchFlags, ViewFlags, values};

/// Which of several recordings in one directory is meant.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Recording {
    /// Which recording, where `record --append` added some: 1 is the first; without, it is the last
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub recording: Option<u32>,
}

/// Flags of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The evidence directory that `record` wrote
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Of several there.
    #[command(flatten)]
    pub recording: Recording,
    /// How much faster than it happened; + and - change it
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::speed)]
    pub speed: f64,
    /// How it looks.
    #[command(flatten)]
    pub view: ViewFlags,
    /// Rows instead of a screen.
    #[command(flatten)]
    pub batch: BatchFlags,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The evidence directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}
