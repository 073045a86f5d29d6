//! What to trace, and with which kernel's types: the flags of every command that traces.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::values::{self, Netns, Retain};
use crate::{
    filter::Cgroup,
    kernel::settings::{DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_PEERS},
};

/// What to trace and how to group it.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to trace")]
pub struct Trace {
    /// Trace only these ports (repeatable) [default: all]
    ///
    /// This is the local port of inbound and the remote port of outbound connections: a number, a range or
    /// the name of a service. For example --port 80,8000-8100,https.
    #[arg(short, long = "port", value_name = "PORT[,PORT…]", value_delimiter = ',', value_parser = values::ports)]
    pub ports: Vec<RangeInclusive<u16>>,
    /// Trace only peers in these networks (repeatable) [default: all]
    ///
    /// For example --peer 192.0.2.0/24 --peer 2001:db8::1.
    #[arg(long = "peer", value_name = "CIDR", value_parser = values::network)]
    pub peers: Vec<IpNet>,
    /// Leave out peers in these networks (repeatable)
    ///
    /// They are left out even if --peer names them. For example --exclude 192.0.2.7.
    #[arg(long, value_name = "CIDR", value_parser = values::network)]
    pub exclude: Vec<IpNet>,
    /// Trace connections to this host, from this host, or both
    ///
    /// The default is inbound if something listens on one of the ports given with --port, and both otherwise.
    #[arg(long, value_enum)]
    pub direction: Option<Direction>,
    /// Trace only this network namespace [default: all]
    ///
    /// Give the name that `ip netns` lists, or the inode number that `lsns -t net` lists.
    #[arg(long, value_name = "NAME|ID", value_parser = values::netns)]
    pub netns: Option<Netns>,
    /// Trace only sockets of this cgroup (v2) and the cgroups below it
    ///
    /// For example --cgroup /sys/fs/cgroup/system.slice/nginx.service.
    #[arg(long, value_name = "PATH", value_parser = values::cgroup)]
    pub cgroup: Option<Cgroup>,
    /// Treat IPv4 addresses that share this many leading bits as one peer
    ///
    /// For clients behind carrier NAT, for example --prefix4 24.
    #[arg(long, value_name = "BITS", default_value_t = 32, value_parser = clap::value_parser!(u8).range(0..=32))]
    pub prefix4: u8,
    /// Treat IPv6 addresses that share this many leading bits as one peer
    ///
    /// For example --prefix6 64.
    #[arg(long, value_name = "BITS", default_value_t = 128, value_parser = clap::value_parser!(u8).range(0..=128))]
    pub prefix6: u8,
    /// Track at most N peers individually
    ///
    /// When hardly any room is left, those make room that hold no connection: first peers that never sent a
    /// request, then those that came a few times, then the ones that were quiet longest. New peers of one
    /// IPv6 /64 are then counted together as that network, which is not judged. Peers that find no room all
    /// the same are counted in the totals and reported as not judged. Each peer takes 1.4 KiB of kernel
    /// memory.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PEERS, value_parser = values::peers)]
    pub max_peers: u32,
    /// Keep a peer for this long after its last connection, or as long as the window if that is longer
    ///
    /// Then it is no longer listed, and the totals go on to count it. With `never`, peers stay until the end,
    /// even when others find no room.
    #[arg(long, value_name = "TIME|never", default_value = "1h", value_parser = values::retain)]
    pub retain: Retain,
    /// Track at most N open connections at a time
    ///
    /// The rest are not traced, and their number is reported.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_CONNECTIONS, value_parser = values::connections)]
    pub max_connections: u32,
    /// Do not look at what processes read
    ///
    /// By default the first bytes that a process reads, nine at most, are compared in the kernel and dropped,
    /// to tell requests from TLS handshakes, logins and keep-alives. Without that, each answer counts as a
    /// request.
    #[arg(long)]
    pub no_peek: bool,
    /// Print more on stderr, such as the kernel's own words when it refuses a program
    #[arg(short, long, help_heading = None::<&'static str>)]
    pub verbose: bool,
    /// Where the kernel and the programs are.
    #[command(flatten)]
    pub kernel: Kernel,
}

impl Trace {
    /// All the ports that were named; empty: every port.
    pub fn ports(&self) -> Vec<u16> {
        self.ports.iter().cloned().flatten().collect()
    }
}

/// Where to find the kernel's types and the programs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Unusual kernels")]
pub struct Kernel {
    /// Read the kernel's type information from FILE [default: /sys/kernel/btf/vmlinux]
    #[arg(long, value_name = "FILE", env = "TCPREUSE_BTF", hide_env_values = true)]
    pub btf: Option<PathBuf>,
    /// Load the BPF programs from FILE [default: those in this binary]
    #[arg(
        long,
        value_name = "FILE",
        env = "TCPREUSE_BPF_OBJECT",
        hide_env_values = true
    )]
    pub object: Option<PathBuf>,
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
