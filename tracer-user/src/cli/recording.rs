//! Flags of what reads recordings.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{BatchFlags, Server, SettingsFlags, Trace, ViewFlags, values, values::Span};
use crate::evidence::{EvidenceError, at::At, export::Exporter, service::Service};

/// Which of several recordings in one directory is meant.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Recording {
    /// Choose the Nth recording of the directory [default: the last]
    ///
    /// `record --append` puts several into one directory; 1 is the first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub recording: Option<u32>,
}

/// What of a recording is judged.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Past {
    /// Which of several recordings.
    #[command(flatten)]
    pub recording: Recording,
    /// Judge a recording as of this moment
    ///
    /// For example --at 14:05 or --at 2026-01-01T14:05:30Z. Times are in UTC.
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
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
    /// What of the recording.
    #[command(flatten)]
    pub past: Past,
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

/// Files for SQL engines beside a recording.
#[derive(Clone, Debug, Default, Args)]
pub struct Lake {
    /// Export what is recorded as Parquet files below DIR, hour by hour
    ///
    /// As `tcpreuse export` does, in a thread of its own. What cannot be written is told and tried again;
    /// recording goes on. Several hosts may share DIR.
    #[arg(long, value_name = "DIR")]
    pub parquet: Option<PathBuf>,
    /// The service that this host provides together with others [default: default]
    ///
    /// Hosts behind one address are one service. The name is kept in the recording.
    #[arg(long, value_name = "NAME")]
    pub service: Option<Service>,
}

impl Lake {
    /// The name of the service for the recording.
    pub fn service_name(&self) -> Option<String> {
        self.service.as_ref().map(ToString::to_string)
    }

    /// Opens the directory for the files, if there is to be one.
    ///
    /// # Errors
    /// If it is a symbolic link, or cannot be created.
    pub fn open(&self) -> Result<Option<Exporter>, EvidenceError> {
        self.parquet.as_deref().map(Exporter::open).transpose()
    }
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Export the recordings in these directories, which `tcpreuse record` wrote
    ///
    /// One may still be recording: its files are made anew by the next export. Files that are there already
    /// and whole are left alone.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,
    /// The format of the files
    #[arg(long, value_enum, default_value_t = ExportFormat::Parquet)]
    pub format: ExportFormat,
    /// Write below this directory, which is created if need be; several hosts may share one
    #[arg(short, long, value_name = "DIR2")]
    pub out: PathBuf,
    /// The service that these hosts provide together [default: that of the recording, or `default`]
    #[arg(long, value_name = "NAME")]
    pub service: Option<Service>,
}

/// `--format` of `export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Apache Parquet, for DuckDB, Spark, ClickHouse and others.
    Parquet,
}
