//! The command line: raw flags here, what they come to in `settings`.

mod diagnose;
mod ignored;
mod judge;
mod output;
mod owner;
mod parse;
mod record;
mod recording;
mod serve;
mod server;
mod services;
mod settings;
mod trace;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use self::values::Span;
pub use self::{
    diagnose::Diagnose,
    judge::Judge,
    output::{Color, Colours, Format, Output},
    parse::{NAME, Refused, parse},
    record::{Record, RecordFormat},
    recording::{Export, Lake, Past, Replay, Report, Verify},
    serve::Serve,
    server::{Server, Usual},
    trace::{Direction, Kernel, Trace},
};
use crate::{diagnosis::thresholds::Changed, kernel::settings::DEFAULT_MAX_PEERS, model::names::Name};

const EXAMPLES: &str = "\
Examples:
  sudo tcpreuse -p 443                       Watch port 443 live
  sudo tcpreuse diagnose -p 443              Trace for a minute, then answer
  sudo tcpreuse record -p 443 -o evidence    Record until Ctrl-C
  tcpreuse diagnose --from evidence          Diagnose the recording; needs no root

Exit codes:
  0  done
  1  with --exit-code: the answer is yes
  2  bad usage or bad input
  3  tracing is not possible here; `tcpreuse doctor` says why
  4  the output could not be written; trying again may help
  5  with --exit-code: there is not enough data for an answer";

const DIAGNOSE_EXAMPLES: &str = "\
Examples:
  sudo tcpreuse diagnose -p 443 --duration 10m --hold 30s
  sudo tcpreuse diagnose -p https --format json > ticket.json
  tcpreuse diagnose --from evidence --at 14:05 --window 5m";

const SERVE_EXAMPLES: &str = "\
Examples:
  sudo tcpreuse serve -p 443
  curl http://127.0.0.1:9779/metrics
  sudo tcpreuse serve -p 443 --listen unix:/run/tcpreuse.sock
  sudo tcpreuse serve --listen 0.0.0.0:9779 --tls-cert cert.pem --tls-key key.pem --token-file token

Signals:
  SIGHUP   reads the settings, the certificate and the token again
  SIGUSR1  keeps evidence (--evidence), as does POST /api/keep";

const REPORT_EXAMPLES: &str = "\
Examples:
  tcpreuse report evidence --out ticket.html
  tcpreuse report evidence --at 14:05 --window 5m > ticket.html
  tcpreuse report evidence --port 443 --out https.html";

const EXPORT_EXAMPLES: &str = "\
Examples:
  tcpreuse export evidence --out lake
  tcpreuse export web1 web2 web3 --service shop --out lake
  duckdb -c \"SELECT host, count(*) FROM 'lake/v1/connections/**/*.parquet' GROUP BY host\"";

/// Find clients that open new TCP connections instead of reusing theirs, and say why and what to change.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    version = env!("TCPREUSE_VERSION"),
    long_version = env!("TCPREUSE_LONG_VERSION"),
    max_term_width = 100,
    after_help = "Without a command, tcpreuse runs top: `tcpreuse -p 443` is `tcpreuse top -p 443`.",
    after_long_help = EXAMPLES
)]
pub struct Cli {
    /// What to do; `None`: `top` on a terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch live which clients do not reuse connections, worst first
    Top(Box<Top>),
    /// Trace for a while, then answer which clients do not reuse connections, why, and what to change
    #[command(after_long_help = DIAGNOSE_EXAMPLES)]
    Diagnose(Box<Diagnose>),
    /// Record evidence to a directory until Ctrl-C, for diagnose --from, replay and spreadsheets
    Record(Box<Record>),
    /// Trace for good: metrics, a live page and events for as long as it runs
    #[command(after_long_help = SERVE_EXAMPLES)]
    Serve(Box<Serve>),
    /// Play a recording in the live view, forwards and backwards; needs no root
    Replay(Box<Replay>),
    /// Write a report of a recording to hand in: one HTML file with the answer, charts and proof
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(Box<Report>),
    /// Export recordings as Parquet files for SQL engines
    #[command(after_long_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Judge figures that other programs have added up: JSON lines in, verdicts out; needs no root
    #[command(after_long_help = judge::FORMAT)]
    Judge(Box<Judge>),
    /// Check an evidence directory: report what is intact, truncated, altered or missing
    Verify(Verify),
    /// Check what this kernel and these privileges allow, and say how to get what is missing
    Doctor(Doctor),
    /// Run a long-poll server with well- and ill-behaved clients on loopback, and diagnose them
    Demo(Demo),
    /// Print the default settings, as a file to start from
    Config(Config),
    /// Print shell completions
    Completions(Completions),
    /// Print the manual page
    Man(Manual),
}

impl Command {
    /// Whether it was given files to load into the kernel, or to read and repeat parts of in messages.
    pub fn names_foreign_files(&self) -> bool {
        let kernel = match self {
            Self::Top(top) => Some(&top.trace.kernel),
            Self::Diagnose(diagnose) => Some(&diagnose.trace.kernel),
            Self::Record(record) => Some(&record.trace.kernel),
            Self::Serve(serve) => Some(&serve.trace.kernel),
            Self::Doctor(doctor) => Some(&doctor.kernel),
            Self::Demo(demo) => Some(&demo.kernel),
            _ => None,
        };
        let settings = match self {
            Self::Top(top) => Some(&top.view.settings),
            Self::Diagnose(diagnose) => Some(&diagnose.settings),
            Self::Record(record) => Some(&record.settings),
            Self::Serve(serve) => Some(&serve.settings),
            Self::Replay(replay) => Some(&replay.view.settings),
            Self::Report(report) => Some(&report.settings),
            Self::Judge(judge) => Some(&judge.settings),
            _ => None,
        };
        let secrets = match self {
            Self::Serve(serve) => serve.names_files(),
            Self::Judge(judge) => judge.population.is_some(),
            _ => false,
        };
        secrets
            || kernel.is_some_and(|kernel| kernel.object.is_some() || kernel.btf.is_some())
            || settings.is_some_and(|settings| settings.config.is_some())
    }
}

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Print completions for this shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct Manual {
    /// Print the page of this command instead of that of tcpreuse itself
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// Flags of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Look at the sockets once every TIME, from 100ms to 1h [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub interval: Option<String>,
    /// Judge only what happened in the last TIME
    ///
    /// Whatever happened before accuses nobody. In the view, the key z starts a new window.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = values::window)]
    pub window: Span,
    /// Who owns what is written.
    #[command(flatten)]
    pub owner: Owner,
    /// What to trace.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// How it looks.
    #[command(flatten)]
    pub view: ViewFlags,
    /// Rows instead of a screen.
    #[command(flatten)]
    pub batch: BatchFlags,
}

/// Rows instead of a screen.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Without a screen")]
pub struct BatchFlags {
    /// Print plain rows instead of the full-screen view
    ///
    /// This is the default when stdout is no terminal. Of a recording, the rows of every interval are
    /// printed.
    #[arg(short, long)]
    pub batch: bool,
    /// Stop after N updates [default: never]
    ///
    /// Needs --batch on a terminal. There is an update every interval, and the first answer after 3 s:
    /// `tcpreuse top -b -n 5 -p 443` has one.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: Option<u32>,
    /// Print at most N rows per update [default: all]
    ///
    /// Needs --batch on a terminal.
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
}

/// What holds for every command that diagnoses.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsFlags {
    /// Read settings from FILE
    ///
    /// Without it, they come from ~/.config/tcpreuse/config.toml or, if that does not exist, from
    /// /etc/tcpreuse.toml. `tcpreuse config` prints a file to start from.
    #[arg(long, value_name = "FILE", env = "TCPREUSE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Change a threshold of the diagnosis (repeatable)
    ///
    /// For example --threshold min_pile=5. `tcpreuse config` lists all thresholds with their defaults.
    #[arg(long = "threshold", value_name = "NAME=VALUE", value_parser = values::threshold)]
    pub thresholds: Vec<Changed>,
    /// Call the peers of this network LABEL in all output (repeatable)
    ///
    /// For example --name 192.0.2.7=checkout --name 198.51.100.0/24=office. The smallest network that
    /// contains a peer decides. The settings file may have more under [names]. A recording keeps the names it
    /// was made with, and those given here replace them.
    #[arg(long = "name", value_name = "CIDR=LABEL", value_parser = values::name)]
    pub names: Vec<Name>,
}

/// How the live view looks; what is not given comes from the environment or a file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The view")]
pub struct ViewFlags {
    /// Show these columns, in this order
    ///
    /// For example --columns peer,verdict,open_now. `tcpreuse config` lists all columns.
    #[arg(long, value_name = "NAME[,NAME…]")]
    pub columns: Option<String>,
    /// Sort by this column, or by `worst`; a leading minus reverses the order [default: worst]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Choose when to use colours [default: auto]
    #[arg(long, value_enum)]
    pub color: Option<Color>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// Print the default settings, which `config` does without this flag too
    #[arg(long, hide = true)]
    pub print_default: bool,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Say how much kernel memory this many peers take
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PEERS, value_parser = values::peers)]
    pub max_peers: u32,
    /// Print all that each check found, and the kernel's own words when it refuses a program
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Trace the demo's clients for this long
    #[arg(long, value_name = "TIME", default_value = "16s", value_parser = values::duration)]
    pub duration: Span,
    /// Write a report of it, one HTML page, to this file; `-` prints it instead of the diagnosis
    ///
    /// A file that is not such a report is never replaced.
    #[arg(long, value_name = "FILE|-")]
    pub report: Option<PathBuf>,
    /// Print what `top` would show of it on a screen of this size
    #[arg(long, value_name = "COLUMNSxROWS", hide = true, value_parser = values::screen)]
    pub picture: Option<(u16, u16)>,
    /// Draw that, the top of the report and of the page of `serve` into this directory, for the documentation
    #[arg(long, value_name = "DIR", hide = true, requires = "picture")]
    pub pictures: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
}

/// Who owns what is written.
#[derive(Clone, Debug, Default, Args)]
pub struct Owner {
    /// Run as this user, so that they own the files; `auto` is the user who ran sudo
    ///
    /// Only the capabilities that tracing needs are kept. Without it, tcpreuse stays the user who started
    /// it.
    #[arg(long = "owner", value_name = "USER|UID:GID|auto")]
    pub name: Option<String>,
}
