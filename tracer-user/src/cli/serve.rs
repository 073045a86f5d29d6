//! Flags of `serve`.

use std::path::PathBuf;

use clap::Args;

use super::{
    Lake, Owner, Server, SettingsFlags, Trace,
    values::{self, Span},
};
use crate::{
    report::openmetrics::MAX_METRICS_PEERS,
    serve::{door::Address, events::Hook},
};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen here (repeatable) [default: 127.0.0.1:9779, or what systemd hands over]
    ///
    /// An address with a port, or unix:PATH. Anything but a loopback address or a Unix socket needs
    /// --tls-cert, --tls-key and --token-file. On a loopback address every user of this machine can read,
    /// unless there is a token; a Unix socket is for its user and group.
    #[arg(long, value_name = "ADDR:PORT|unix:PATH")]
    pub listen: Vec<Address>,
    /// The server's certificate and those above it (PEM); then all TCP connections are TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Answer on TCP only to those who send the token in FILE, at least 16 characters
    ///
    /// As `Authorization: Bearer TOKEN`, or as the password of any user name.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Give at most N peers that do not reuse connections a series of their own in the metrics
    #[arg(long, value_name = "N", default_value_t = MAX_METRICS_PEERS)]
    pub metrics_peers: usize,
    /// Post each event to this address as JSON
    #[arg(long, value_name = "URL")]
    pub webhook: Option<Hook>,
    /// Record the last minutes here, and keep them when something happens
    ///
    /// When a surge begins, a peer that matters is accused, SIGUSR1 comes or somebody posts to /api/keep,
    /// what lies back and what follows becomes a directory in DIR/evidence-kept, which verify, diagnose
    /// --from, replay and report read. The service sets it to its state directory.
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY", hide_env = true)]
    pub evidence: Option<PathBuf>,
    /// Use at most this much disk for all of that; the oldest evidence goes first
    #[arg(
        long,
        requires = "evidence",
        value_name = "BYTES",
        default_value = "1G",
        value_parser = values::size
    )]
    pub evidence_size: u64,
    /// Keep what lies back up to TIME, and a fifth more at most
    #[arg(
        long,
        requires = "evidence",
        value_name = "TIME",
        default_value = "10m",
        value_parser = values::kept
    )]
    pub keep_before: Span,
    /// Keep what follows for TIME
    #[arg(
        long,
        requires = "evidence",
        value_name = "TIME",
        default_value = "10m",
        value_parser = values::kept
    )]
    pub keep_after: Span,
    /// Files for SQL engines.
    #[command(flatten)]
    pub lake: Lake,
    /// Look at the sockets once every TIME, from 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = values::interval)]
    pub interval: Span,
    /// Judge only what happened in the last TIME
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::window)]
    pub window: Span,
    /// Who it runs as.
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
}

impl Serve {
    /// Whether it was given files to read, or a path to listen on.
    pub fn names_files(&self) -> bool {
        let listens_on_path = self
            .listen
            .iter()
            .any(|address| matches!(address, Address::Unix(_)));
        listens_on_path
            || self.evidence.is_some()
            || self.lake.parquet.is_some()
            || self.tls_cert.is_some()
            || self.tls_key.is_some()
            || self.token_file.is_some()
    }
}
