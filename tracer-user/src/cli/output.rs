//! How to print.

use clap::{Args, ValueEnum};

pub(super) const OUTPUT: &str = "Output";

/// How to print.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = OUTPUT)]
pub struct Output {
    /// Print text for people, JSON for programs, a report in HTML to hand in, or metrics for monitoring
    ///
    /// `prometheus` is what the textfile collector of node_exporter reads.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Colours.
    #[command(flatten)]
    pub colours: Colours,
}

/// Colours of what is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = OUTPUT)]
pub struct Colours {
    /// Choose when to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// To hand in: one page with charts.
    Html,
    /// Figures of each peer, a JSON object a line, for `tcpreuse judge`; only with --from.
    Figures,
    /// Metrics as OpenMetrics; only of a live trace.
    Openmetrics,
    /// Metrics in the text format of Prometheus, for a textfile collector; only of a live trace.
    Prometheus,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
