//! Flags of `diagnose`.

use std::path::PathBuf;

use clap::Args;

use super::{
    Output, Past, Server, SettingsFlags, Trace,
    values::{self, Span},
};

/// Flags of `diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
    /// Trace for this long; Ctrl-C ends it early and still answers
    ///
    /// A plain number is seconds; 90s, 1m30s and 500ms work too.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::duration)]
    pub duration: Span,
    /// Look at the sockets once every TIME, from 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::interval)]
    pub interval: Span,
    /// Judge only what happened in the last TIME [default: the whole run]
    ///
    /// For example --window 5m. With --from, the default is the window it was recorded with.
    #[arg(long, value_name = "TIME", value_parser = values::window)]
    pub window: Option<Span>,
    /// Exit with 1 if the answer is yes, and with 5 if there is not enough data for one
    #[arg(long)]
    pub exit_code: bool,
    /// Print commands to copy that relieve the server of its worst peers
    ///
    /// Limits for nft, HAProxy or nginx and `ss -K`, as far as they fit the verdict, with numbers from the
    /// figures. They are printed below the report and never run. With --format html the page has them too.
    #[arg(long)]
    pub first_aid: bool,
    /// Diagnose recordings instead of tracing; needs no root
    ///
    /// DIR is a directory that `tcpreuse record` wrote, or a quoted pattern such as 'hosts/*'. Recordings of
    /// one host are joined. Several hosts are judged as one service: what their clients did is added up
    /// first, so that a client with one connection on each of 20 hosts is one client with 20.
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["duration", "interval"])]
    pub from: Vec<PathBuf>,
    /// Judge all hosts as this service [default: as they were recorded]
    ///
    /// Hosts behind one address are one service. Hosts that were recorded with different names are judged
    /// apart; those without a name are one service.
    #[arg(long, value_name = "NAME", requires = "from", value_parser = values::service)]
    pub service: Option<String>,
    /// What of the recording.
    #[command(flatten)]
    pub past: Past,
    /// What to trace.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}
