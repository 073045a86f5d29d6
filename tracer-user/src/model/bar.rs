//! A connection as a bar over time: how long it was open and in CLOSE_WAIT, and who ended it.

use std::net::IpAddr;

use super::{
    ended::Ended,
    peer::{CloseReason, Direction},
    socket::{Connection, Since},
};
use crate::units::age;

/// How a bar ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It does not: the connection is still open.
    Live,
    /// The connection ended.
    Closed(CloseReason),
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it opened or was found open; monotonic, ns.
    pub from_ns: u64,
    /// Whether it was open before tracing began.
    pub seeded: bool,
    /// When it entered CLOSE_WAIT, if it did.
    pub close_wait_ns: Option<u64>,
    /// When it ended, or now.
    pub to_ns: u64,
    /// How it ended.
    pub end: End,
    /// The port at the connecting side, which identifies it among the peer's connections.
    pub port: u16,
}

impl End {
    /// How the connection ended, in words; `None` if it has not.
    pub fn reason(self) -> Option<&'static str> {
        let Self::Closed(reason) = self else {
            return None;
        };
        Some(match reason {
            CloseReason::LocalFin => "local FIN",
            CloseReason::RemoteFin => "remote FIN",
            CloseReason::LocalRst => "local RST",
            CloseReason::RemoteRst => "remote RST",
            CloseReason::Timeout => "timeout",
            CloseReason::ConnectFailed => "not connected",
        })
    }
}

impl Bar {
    /// Of a connection that is open.
    pub fn live(connection: &Connection, now_ns: u64) -> Self {
        let (from_ns, seeded) = begin(connection.since, now_ns);
        Self {
            from_ns,
            seeded,
            close_wait_ns: connection.close_wait_since_ns,
            to_ns: now_ns,
            end: End::Live,
            port: client_port(connection.direction, connection.local, connection.remote),
        }
    }

    /// Of one that has ended.
    pub fn ended(ended: &Ended) -> Self {
        let (from_ns, seeded) = begin(ended.since, ended.closed_ns);
        Self {
            from_ns,
            seeded,
            close_wait_ns: ended.close_wait_ns.map(|ns| ended.closed_ns.saturating_sub(ns)),
            to_ns: ended.closed_ns,
            end: End::Closed(ended.reason),
            port: client_port(ended.direction, ended.local, ended.remote),
        }
    }

    /// How it ended, or how long it has been open.
    pub fn end(&self) -> String {
        let lived = age(self.to_ns.saturating_sub(self.from_ns));
        let at_least = if self.seeded { ">" } else { "" };
        match self.end.reason() {
            None => format!("{at_least}{lived}"),
            Some(how) => format!("{at_least}{lived} {how}"),
        }
    }
}

fn client_port(direction: Direction, local: (IpAddr, u16), remote: (IpAddr, u16)) -> u16 {
    match direction {
        Direction::Inbound => remote.1,
        Direction::Outbound => local.1,
    }
}

fn begin(since: Since, otherwise_ns: u64) -> (u64, bool) {
    match since {
        Since::Opened(ns) => (ns, false),
        Since::Seeded(ns) => (ns, true),
        Since::Unknown => (otherwise_ns, false),
    }
}
