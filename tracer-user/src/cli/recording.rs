//! Flags of what reads recordings.

use std::path::PathBuf;

use clap::Args;

use super::{BatchFlags, Server, SettingsFlags, Trace, ViewFlags, values, values::Span};
use crate::evidence::at::At;

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

/// Flags of `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Report on the recording in this directory, which `tcpreuse record` wrote
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Write the page to this file instead of stdout
    ///
    /// A file that is not such a report is never replaced.
    #[arg(
        short,
        long,
        value_name = "FILE|-",
        default_value = "-",
        hide_default_value = true
    )]
    pub out: PathBuf,
    /// Which of several recordings.
    #[command(flatten)]
    pub recording: Recording,
    /// Judge as of this moment
    ///
    /// For example --at 14:05 or --at 2026-01-01T14:05:30Z. Times are in UTC.
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
    /// Judge only what happened in the last TIME [default: as it was recorded]
    #[arg(long, value_name = "TIME", value_parser = values::window)]
    pub window: Option<Span>,
    /// Add commands to copy that relieve the server of its worst peers
    #[arg(long)]
    pub first_aid: bool,
    /// What to report on.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}
