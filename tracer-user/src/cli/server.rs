//! What the user knows about the server and its clients.

use clap::Args;

use super::values::{self, Span};
use crate::diagnosis::{Expect, ExpectPeer};

/// What is known about how well-behaved clients and the server behave.
#[derive(Debug, Default, Args)]
pub struct Usual {
    /// Expect one well-behaved peer to hold N connections [default: auto]
    ///
    /// `auto` learns the number from what the peers hold when the window starts; `judge` has it from the
    /// population. With --from, the default is what was given when it was recorded. A peer that holds more
    /// than a number given here is always judged.
    #[arg(long, value_name = "N|auto", value_parser = values::expect)]
    pub expect: Option<Expect>,
    /// Expect peers in this network to hold N connections each (repeatable)
    ///
    /// For proxies and NATs, for example --expect-peer 192.0.2.7=40.
    #[arg(long = "expect-peer", value_name = "CIDR=N", value_parser = values::expect_peer)]
    pub expect_peers: Vec<ExpectPeer>,
    /// Give the server's keep-alive timeout [default: learned]
    ///
    /// Without it, the timeout is learned from how connections end. A plain number is seconds, as in Apache's
    /// KeepAliveTimeout.
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub keepalive_timeout: Option<Span>,
    /// Say how long the server may hold a poll before it answers
    ///
    /// For example --hold 30s. A poll held for less is not taken for a leak.
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub hold: Option<Span>,
}

/// Flags of every command that diagnoses.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What is known about the server")]
pub struct Server {
    /// What is usual.
    #[command(flatten)]
    pub usual: Usual,
    /// Give the server's number of workers, such as Apache's MaxRequestWorkers
    ///
    /// It covers all ports of the server. If several servers listen, it is Apache's, or else that of the one
    /// that holds the most connections.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_workers: Option<u32>,
    /// Read Apache's status page to learn how many workers are busy
    ///
    /// For example --server-status http://127.0.0.1/server-status?auto.
    // Read later: clap would repeat a value it refuses, and this one may hold a password.
    #[arg(long, value_name = "URL")]
    pub server_status: Option<String>,
}
