//! The command line: raw flags here, what they come to in `settings`.

mod owner;
mod recording;
mod settings;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;

pub use self::recording::{Recording, Replay, Verify};
use self::values::Span;
use crate::{
    diagnosis::{Expect, ExpectPeer, thresholds::Changed},
    evidence::at::At,
    filter::Cgroup,
    kernel::load::{DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PEERS},
};

/// Which clients open new TCP connections instead of reusing theirs, why, and what to change.
#[derive(Debug, Parser)]
#[command(
    name = "tcpreuse",
    version = env!("TCPREUSE_VERSION"),
    long_version = env!("TCPREUSE_LONG_VERSION"),
    max_term_width = 100,
    after_help = "Without a command, on a terminal: top."
)]
pub struct Cli {
    /// What to do; `None`: `top` on a terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show live which peers do not reuse connections, worst first
    Top(Box<Top>),
    /// Trace for a while, then answer: who does not reuse connections, why, what to change
    Diagnose(Box<Diagnose>),
    /// Write evidence to a directory until Ctrl-C, for --from, spreadsheets and databases
    Record(Box<Record>),
    /// Play a recording in the view of top, with control over time; needs no root
    Replay(Box<Replay>),
    /// Say what of an evidence directory is whole, cut, altered or missing
    Verify(Verify),
    /// Say what this kernel and these privileges allow, and how to get what is missing
    Doctor(Doctor),
    /// Start a long-poll server with well- and ill-behaved clients on loopback and diagnose them
    Demo(Demo),
    /// Show what can be set in a file
    Config(Config),
    /// Print completions for a shell
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
            Self::Doctor(doctor) => Some(&doctor.kernel),
            Self::Demo(demo) => Some(&demo.kernel),
            _ => None,
        };
        let settings = match self {
            Self::Top(top) => Some(&top.view.settings),
            Self::Diagnose(diagnose) => Some(&diagnose.settings),
            Self::Record(record) => Some(&record.settings),
            Self::Replay(replay) => Some(&replay.view.settings),
            _ => None,
        };
        kernel.is_some_and(|kernel| kernel.object.is_some() || kernel.btf.is_some())
            || settings.is_some_and(|settings| settings.config.is_some())
    }
}

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct Manual {
    /// Of this command; of the program without
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// Flags of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// What to trace.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// How it looks.
    #[command(flatten)]
    pub view: ViewFlags,
    /// How often to look at the sockets [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub interval: Option<String>,
    /// Judge only what happened in the last TIME
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = values::window)]
    pub window: Span,
    /// Whose the files are to be.
    #[command(flatten)]
    pub owner: Owner,
    /// Rows instead of a screen.
    #[command(flatten)]
    pub batch: BatchFlags,
}

/// Rows instead of a screen.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Without a screen")]
pub struct BatchFlags {
    /// Print rows instead of a screen, as without a terminal; of a recording those of every interval
    #[arg(short, long)]
    pub batch: bool,
    /// Print N times, then end; with --batch or without a terminal [default: until Ctrl-C]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: Option<u32>,
    /// Print at most N rows each time; with --batch or without a terminal [default: all]
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
}

/// What holds for every command that diagnoses.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsFlags {
    /// Settings, instead of ~/.config/tcpreuse/config.toml or /etc/tcpreuse.toml
    #[arg(long, value_name = "FILE", env = "TCPREUSE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Another threshold of the diagnosis (repeatable); `tcpreuse config --print-default` lists all
    #[arg(long = "threshold", value_name = "NAME=VALUE", value_parser = values::threshold)]
    pub thresholds: Vec<Changed>,
}

/// How the live view looks; what is not given comes from the environment or a file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The view")]
pub struct ViewFlags {
    /// Columns in their order; `tcpreuse config --print-default` lists all
    #[arg(long, value_name = "NAME[,NAME…]")]
    pub columns: Option<String>,
    /// Sort by this column, or worst (first); with a minus in front the other way round
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Colour the screen
    #[arg(long, value_enum)]
    pub color: Option<Color>,
    /// Nothing but ASCII on the screen
    #[arg(long)]
    pub ascii: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// Print a file with all settings as they are without one
    #[arg(long, required = true)]
    pub print_default: bool,
}

/// Flags of `diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
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
    /// Diagnose what `record` wrote instead of tracing; needs no root. Recordings of one host are
    /// put together, those of several stand beside each other
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["duration", "interval"])]
    pub from: Vec<PathBuf>,
    /// Of several there.
    #[command(flatten)]
    pub recording: Recording,
    /// How long to trace; Ctrl-C ends it early and still answers
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::duration)]
    pub duration: Span,
    /// How often to look at the sockets
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::interval)]
    pub interval: Span,
    /// Judge only what happened in the last TIME, for example 5m [default: the whole run; of a recording as when
    /// it was made]
    #[arg(long, value_name = "TIME", value_parser = values::window)]
    pub window: Option<Span>,
    /// With --from: judge as it was at this moment, for example 14:05 or 2026-01-01T14:05:30Z (UTC)
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,
    /// Exit with 1 when the answer is yes
    #[arg(long)]
    pub exit_code: bool,
}

/// Flags of `record`.
#[derive(Debug, Args)]
pub struct Record {
    /// What to trace.
    #[command(flatten)]
    pub trace: Trace,
    /// What is known about the server.
    #[command(flatten)]
    pub server: Server,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
    /// A directory to make; - writes a row per ended connection to stdout instead
    #[arg(short, long, value_name = "DIR|-")]
    pub out: PathBuf,
    /// How to print: the diagnosis at the end, or with --out - the rows
    #[arg(long, value_enum)]
    pub format: Option<RecordFormat>,
    /// Colour the text
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    /// How long to record [default: until Ctrl-C]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Span>,
    /// How often to look at the sockets, write, and make sure that it is on the disk
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::interval)]
    pub interval: Span,
    /// Judge only what happened in the last TIME
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::window)]
    pub window: Span,
    /// End when the files are as large as this, like 500M or 2G
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
    pub max_size: Option<u64>,
    /// With --max-size: remove the oldest rows instead of ending
    #[arg(long, requires = "max_size")]
    pub rotate: bool,
    /// Add to the evidence directory if it is there already
    #[arg(long)]
    pub append: bool,
    /// Whose the files are to be.
    #[command(flatten)]
    pub owner: Owner,
}

/// `--format` of `record`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// The diagnosis, for people.
    Text,
    /// The diagnosis, for programs.
    Json,
    /// Rows, to stdout.
    Csv,
    /// Rows as JSON, one a line, to stdout.
    Jsonl,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
    /// How many peers the memory figure is for
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PEERS, value_parser = values::peers)]
    pub max_peers: u32,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How to print.
    #[command(flatten)]
    pub output: Output,
    /// How long to trace
    #[arg(long, value_name = "TIME", default_value = "16s", value_parser = values::duration)]
    pub duration: Span,
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
    /// Print what `top` would show of it on a screen of this size, for the README
    #[arg(long, value_name = "COLUMNSxROWS", hide = true, value_parser = values::screen)]
    pub picture: Option<(u16, u16)>,
}

/// What to trace and how to group it. The same for every command that traces.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to trace")]
pub struct Trace {
    /// Only these ports: the local one of inbound, the remote one of outbound connections
    #[arg(short, long = "port", value_name = "N[,N…]", value_delimiter = ',', value_parser = values::port)]
    pub ports: Vec<u16>,
    /// Only these remote networks (repeatable)
    #[arg(long = "peer", value_name = "CIDR", value_parser = values::network)]
    pub peers: Vec<IpNet>,
    /// Leave out these remote networks (repeatable)
    #[arg(long, value_name = "CIDR", value_parser = values::network)]
    pub exclude: Vec<IpNet>,
    /// Who connects [default: inbound when --port names a listener's port, else both]
    #[arg(long, value_enum)]
    pub direction: Option<Direction>,
    /// Only the network namespace with this inode number
    #[arg(long, value_name = "ID")]
    pub netns: Option<u32>,
    /// Only sockets of this cgroup (v2) and those below it, as a path under /sys/fs/cgroup
    #[arg(long, value_name = "PATH", value_parser = values::cgroup)]
    pub cgroup: Option<Cgroup>,
    /// Group IPv4 peers by network
    #[arg(long, value_name = "BITS", default_value_t = 32, value_parser = clap::value_parser!(u8).range(0..=32))]
    pub prefix4: u8,
    /// Group IPv6 peers by network
    #[arg(long, value_name = "BITS", default_value_t = 128, value_parser = clap::value_parser!(u8).range(0..=128))]
    pub prefix6: u8,
    /// How many peers have counters of their own
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PEERS, value_parser = values::peers)]
    pub max_peers: u32,
    /// How many connections may be open at once; what is beyond is dropped, and shown as such
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_CONNECTIONS, value_parser = values::connections)]
    pub max_connections: u32,
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
    /// Say more on stderr; the kernel's own words when it refuses a program
    #[arg(short, long)]
    pub verbose: bool,
}

/// Where to find the kernel's types and the programs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Unusual kernels")]
pub struct Kernel {
    /// The kernel's type information, when not in /sys/kernel/btf/vmlinux
    #[arg(long, value_name = "FILE", env = "TCPREUSE_BTF", hide_env_values = true)]
    pub btf: Option<PathBuf>,
    /// A BPF object instead of the embedded one
    #[arg(
        long,
        value_name = "FILE",
        env = "TCPREUSE_BPF_OBJECT",
        hide_env_values = true
    )]
    pub object: Option<PathBuf>,
}

/// What the user knows about the server and its clients.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What is known about the server")]
pub struct Server {
    /// Connections one well-behaved peer holds; auto learns it from the peers
    #[arg(long, value_name = "N|auto", default_value = "auto", value_parser = values::expect)]
    pub expect: Expect,
    /// A peer or network that may hold more, such as a proxy or a NAT (repeatable)
    #[arg(long = "expect-peer", value_name = "CIDR=N", value_parser = values::expect_peer)]
    pub expect_peers: Vec<ExpectPeer>,
    /// The server's KeepAliveTimeout, in seconds or with a unit; without, it is learned
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub keepalive_timeout: Option<Span>,
    /// How long the server may hold a poll, in seconds or with a unit
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub hold: Option<Span>,
    /// The server's MaxRequestWorkers, over all its ports; of several servers that listen it is
    /// Apache's, else that of the one that holds the most connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_workers: Option<u32>,
    /// Apache's status page, to know its workers and how many connections take none:
    /// http://127.0.0.1/server-status?auto
    // Read later: clap would repeat a value it refuses, and this one may hold a password.
    #[arg(long, value_name = "URL")]
    pub server_status: Option<String>,
}

/// Who owns what is written.
#[derive(Clone, Debug, Default, Args)]
pub struct Owner {
    /// Become this user, whose what is written then is, and keep only the capabilities that tracing
    /// needs; auto: whoever called sudo
    #[arg(long = "owner", value_name = "USER|UID:GID|auto")]
    pub name: Option<String>,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Colour the text
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

/// `--direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Opened to this host.
    Inbound,
    /// Opened from this host.
    Outbound,
    /// Either.
    Both,
}
