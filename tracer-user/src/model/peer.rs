//! A peer and how its connections end.

use std::fmt;

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};
use tracer_ebpf::abi::peer::{SHARED_PREFIX, reason};

pub use super::counters::Counters;
use super::{figure::added, interface::Interface, owner::Comm};

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The remote side connected to a listener of this host.
    Inbound,
    /// A process of this host connected.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}

/// What identifies a peer: a remote address or network, on one port of a service, in one direction, network
/// namespace and interface; of an outbound one also the process of this host that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeerId {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Who connects.
    pub direction: Direction,
    /// The service's port: local for inbound, remote for outbound connections.
    pub port: u16,
    /// The remote address, IPv4 unmapped; a whole network when peers are grouped by prefix.
    pub network: IpNet,
    /// The interface that its connections are bound to. The same address is another peer in another VRF, as a
    /// link-local one is on another link. `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    /// Outbound: the process that connects, by its thread group id. `None`: inbound, not known, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// Outbound: the name of several processes that came and went, and are taken for one. See
    /// [`super::short_lived`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Comm>,
}

impl PeerId {
    /// Its address, or its network with the prefix length.
    pub fn address(&self) -> String {
        if self.network.prefix_len() == self.network.max_prefix_len() {
            self.network.addr().to_string()
        } else {
            self.network.to_string()
        }
    }

    /// The peer as people write it: its address, with the interface behind `%` if it is bound to one.
    pub fn name(&self) -> String {
        match self.interface {
            Some(interface) => format!("{}%{interface}", self.address()),
            None => self.address(),
        }
    }

    /// The address with the port of the service behind it.
    pub fn endpoint(&self) -> String {
        let (name, port) = (self.name(), self.port);
        if self.network.addr().is_ipv6() {
            format!("[{name}]:{port}")
        } else {
            format!("{name}:{port}")
        }
    }

    /// The same remote address and port, whichever process connects.
    #[must_use]
    pub fn of_no_process(self) -> Self {
        Self {
            process: None,
            program: None,
            ..self
        }
    }

    /// The peer that short-lived processes of this name share.
    #[must_use]
    pub fn of_program(self, comm: &str) -> Self {
        Self {
            process: None,
            program: Some(Comm::new(comm)),
            ..self
        }
    }

    /// The IPv6 network of an inbound peer, whose strangers are one peer while the table of peers is nearly
    /// full.
    #[must_use]
    pub fn among_strangers(self) -> Option<Self> {
        let IpNet::V6(network) = self.network else {
            return None;
        };
        let is_one = self.direction == Direction::Inbound && network.prefix_len() == network.max_prefix_len();
        let all = Ipv6Net::new(network.addr(), SHARED_PREFIX).ok()?.trunc();
        is_one.then_some(Self {
            network: all.into(),
            ..self
        })
    }

    /// Whether it may be the strangers of an IPv6 network, and is unless the user has peers grouped by such
    /// networks.
    pub fn may_be_strangers(&self) -> bool {
        let is_network = matches!(self.network, IpNet::V6(network) if network.prefix_len() == SHARED_PREFIX);
        is_network && self.direction == Direction::Inbound
    }

    /// The peers that may stand for this one: for a process called `comm`, those that came and went under
    /// that name, or all that connect to the same address.
    pub fn stand_ins(self, comm: Option<&str>) -> impl Iterator<Item = Self> {
        let is_process = self.process.is_some();
        let program = comm.filter(|_| is_process).map(|comm| self.of_program(comm));
        let all = is_process.then(|| self.of_no_process());
        program.into_iter().chain(all).chain(self.among_strangers())
    }

    /// The local port, where the peer has just one.
    pub fn local_port(&self) -> Option<u16> {
        (self.direction == Direction::Inbound).then_some(self.port)
    }

    /// The remote port, where the peer has just one.
    pub fn remote_port(&self) -> Option<u16> {
        (self.direction == Direction::Outbound).then_some(self.port)
    }
}

/// How a connection ended. The first event decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// This host sent the first FIN.
    LocalFin,
    /// The remote side sent the first FIN.
    RemoteFin,
    /// This host aborted it.
    LocalRst,
    /// The remote side sent a RST.
    RemoteRst,
    /// Retransmission or keep-alive gave up, or the network was unreachable.
    Timeout,
    /// The connect failed; the connection was never open.
    ConnectFailed,
}

impl CloseReason {
    /// Reads the kernel's number; `None` for one that means "not closed" or nothing at all.
    pub fn from_abi(value: u8) -> Option<Self> {
        Some(match value {
            reason::LOCAL_FIN => Self::LocalFin,
            reason::REMOTE_FIN => Self::RemoteFin,
            reason::LOCAL_RST => Self::LocalRst,
            reason::REMOTE_RST => Self::RemoteRst,
            reason::TIMEOUT => Self::Timeout,
            reason::CONNECT_FAILED => Self::ConnectFailed,
            _ => return None,
        })
    }
}

/// Who ended a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Closer {
    /// This host.
    Local,
    /// The other side.
    Remote,
    /// Neither: it timed out, or the network was unreachable.
    Network,
    /// Nobody: it is still open.
    None,
}

/// Ended connections by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Closes {
    /// This host sent the first FIN.
    pub local_fin: u64,
    /// The remote side sent the first FIN.
    pub remote_fin: u64,
    /// This host aborted.
    pub local_rst: u64,
    /// The remote side sent a RST.
    pub remote_rst: u64,
    /// The network gave up.
    pub timeout: u64,
}

impl From<[u32; reason::COUNT - 1]> for Closes {
    /// As the kernel counts them, from [`reason::LOCAL_FIN`] on.
    fn from(closes: [u32; reason::COUNT - 1]) -> Self {
        let [local_fin, remote_fin, local_rst, remote_rst, timeout] = closes.map(u64::from);
        Self {
            local_fin,
            remote_fin,
            local_rst,
            remote_rst,
            timeout,
        }
    }
}

impl Closes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.local_fin + self.remote_fin + self.local_rst + self.remote_rst + self.timeout
    }

    /// Those of each reason, in the order of the kernel's numbers.
    pub fn each(&self) -> [u64; reason::COUNT - 1] {
        let Self {
            local_fin,
            remote_fin,
            local_rst,
            remote_rst,
            timeout,
        } = *self;
        [local_fin, remote_fin, local_rst, remote_rst, timeout]
    }

    /// What was added since an earlier state of these.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            local_fin: added(self.local_fin, earlier.local_fin),
            remote_fin: added(self.remote_fin, earlier.remote_fin),
            local_rst: added(self.local_rst, earlier.local_rst),
            remote_rst: added(self.remote_rst, earlier.remote_rst),
            timeout: added(self.timeout, earlier.timeout),
        }
    }

    /// Adds those of another peer or run.
    pub fn add(&mut self, other: &Self) {
        self.local_fin += other.local_fin;
        self.remote_fin += other.remote_fin;
        self.local_rst += other.local_rst;
        self.remote_rst += other.remote_rst;
        self.timeout += other.timeout;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_a_prefix_only_for_networks() {
        let mut id = PeerId {
            netns: 1,
            direction: Direction::Inbound,
            port: 80,
            network: "192.0.2.7/32".parse().unwrap(),
            interface: None,
            process: None,
            program: None,
        };
        assert_eq!(id.name(), "192.0.2.7");
        assert_eq!(id.endpoint(), "192.0.2.7:80");
        id.network = "2001:db8::/64".parse().unwrap();
        assert_eq!(id.name(), "2001:db8::/64");
        assert_eq!(id.endpoint(), "[2001:db8::/64]:80");
        assert_eq!(id.local_port(), Some(80));
        assert_eq!(id.remote_port(), None);
        id.interface = Interface::of(3);
        assert_eq!(id.name(), "2001:db8::/64%3");
        id.network = "fe80::1/128".parse().unwrap();
        id.interface = id.interface.map(|interface| interface.named(Some("eth0")));
        assert_eq!(id.endpoint(), "[fe80::1%eth0]:80");
        assert_eq!(id.address(), "fe80::1");
    }
}
