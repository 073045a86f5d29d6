//! Flags of `judge`.

use std::path::PathBuf;

use clap::Args;

use super::{SettingsFlags, Usual};

/// Flags of `judge`.
#[derive(Debug, Default, Args)]
pub struct Judge {
    /// Write what is usual for each service instead of judging its peers
    ///
    /// The lines are the same. For each service, port and direction one line is written with its
    /// `population`: the expected connections, what was learned of the server, what the peers typically hold.
    /// It takes some 100 bytes of memory for each line read.
    #[arg(long, conflicts_with = "population")]
    pub learn: bool,
    /// Compare lines that have no population with those in FILE, which --learn wrote
    #[arg(long, value_name = "FILE")]
    pub population: Option<PathBuf>,
    /// What is usual where the population does not say.
    #[command(flatten)]
    pub usual: Usual,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// What the long help says besides the flags.
pub(super) const FORMAT: &str = "\
Reads one JSON object a line and writes one for each, in the same order, with verdict, also, confidence,
shared_address, explanation and fix. Fields that it does not know (a key, a host) come out as they went in.
A line that is invalid is answered by one with an error, and the exit code is 2 at the end.

  service, peer, port, direction, owner   who; all are optional
  seconds          length of the period
  figures          sums over the period, by the names of the figure table: open_now, opens_by_held, closes,
                   turns, lifetime, idle, gap, hold, held_ms, busy_ms, bytes_received, …
                   A histogram is an array of counts, or a list of [bucket, count].
  held             start, end, mean, peak; levels: [{ago, held, closes}, …] tell how it moved
  live             what only the list of sockets knows; optional
  population       what is usual for the service, from --learn; optional

Whatever is absent or null is unknown and accuses nobody.

Examples:
  tcpreuse diagnose --from 'hosts/*' --format figures > lines
  tcpreuse judge --learn < lines > population
  tcpreuse judge --population population < lines > verdicts";
