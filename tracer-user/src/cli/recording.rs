//! Flags of what reads recordings.

use std::path::PathBuf;

use clap::Args;

use super::{BatchFlags, ViewFlags, values};

/// Which of several recordings in one directory is meant.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Recording {
    /// Choose the Nth recording of the directory [default: the last]
    ///
    /// `record --append` puts several into one directory; 1 is the first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub recording: Option<u32>,
}

/// Flags of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Play the recording in this directory, which `tcpreuse record` wrote
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Which of several recordings.
    #[command(flatten)]
    pub recording: Recording,
    /// Play N times as fast as it happened; the keys + and - change that
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
    /// Check this directory, which `tcpreuse record` wrote
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}
