//! Flags of `record`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    Colours, Lake, Owner, Server, SettingsFlags, Trace,
    output::OUTPUT,
    values::{self, Span},
};
/// Flags of `record`.
#[derive(Debug, Args)]
pub struct Record {
    /// Create this directory and record into it; `-` prints rows to stdout instead
    ///
    /// `-` prints a row for each ended connection. The directory must not exist unless --append is given.
    #[arg(short, long, value_name = "DIR|-")]
    pub out: PathBuf,
    /// Record for this long [default: until Ctrl-C]
    ///
    /// A plain number is seconds; 90s, 1m30s and 12h work too.
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Span>,
    /// Look at the sockets and write to disk once every TIME, from 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::interval)]
    pub interval: Span,
    /// Judge only what happened in the last TIME
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::window)]
    pub window: Span,
    /// Stop when the files have reached this size [default: no limit]
    ///
    /// For example --max-size 500M or --max-size 2G.
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
    pub max_size: Option<u64>,
    /// Remove the oldest rows instead of stopping at --max-size
    #[arg(long, requires = "max_size")]
    pub rotate: bool,
    /// Add a recording to the directory if it already exists
    #[arg(long)]
    pub append: bool,
    /// Files for SQL engines.
    #[command(flatten)]
    pub lake: Lake,
    /// Who owns what is written.
    #[command(flatten)]
    pub owner: Owner,
    /// What to trace.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
    /// Choose how to print the diagnosis at the end (text or json), or the rows of `--out -` (csv or jsonl)
    ///
    /// The default is text; with `--out -` it is csv.
    #[arg(long, value_enum, help_heading = OUTPUT)]
    pub format: Option<RecordFormat>,
    /// Colours.
    #[command(flatten)]
    pub colours: Colours,
}

/// `--format` of `record`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// The diagnosis, for people.
    Text,
    /// The diagnosis, for programs.
    Json,
    /// Rows as CSV, to stdout.
    Csv,
    /// Rows as JSON, one per line, to stdout.
    Jsonl,
}
