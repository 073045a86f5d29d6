//! A peer and its counters.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tracer_ebpf::{
    abi::peer::reason,
    buckets::{HELD_BUCKETS, held_floor},
};

use super::{buckets::Buckets, durations::Durations, owner::Comm, turns::Turns};

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

/// What identifies a peer: a remote address or network, on one port of a service, in one
/// direction and network namespace; of an outbound one also the process of this host that connects.
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
    /// Outbound: the process that connects, by its thread group id. `None`: inbound, not known, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// Outbound: the name of several processes that came and went, and are taken for one. See
    /// [`super::short_lived`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Comm>,
}

impl PeerId {
    /// The peer as people write it: an address, or a network with its prefix length.
    pub fn name(&self) -> String {
        if self.network.prefix_len() == self.network.max_prefix_len() {
            self.network.addr().to_string()
        } else {
            self.network.to_string()
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

impl Closes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.local_fin + self.remote_fin + self.local_rst + self.remote_rst + self.timeout
    }

    /// What was added since an earlier state of these.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            local_fin: self.local_fin.saturating_sub(earlier.local_fin),
            remote_fin: self.remote_fin.saturating_sub(earlier.remote_fin),
            local_rst: self.local_rst.saturating_sub(earlier.local_rst),
            remote_rst: self.remote_rst.saturating_sub(earlier.remote_rst),
            timeout: self.timeout.saturating_sub(earlier.timeout),
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

/// A peer's counters since tracing began, as the kernel kept them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Connections open now.
    pub open_now: u64,
    /// The most open at once.
    pub open_peak: u64,
    /// Connections that were open before tracing began.
    pub seeded: u64,
    /// Failed connects.
    pub failed: u64,
    /// Connections that entered CLOSE_WAIT while traced.
    pub close_wait_entered: u64,
    /// Connections in CLOSE_WAIT now.
    pub close_wait_now: u64,
    /// Mean time at which those now in CLOSE_WAIT entered it, ns after the tracer's start.
    pub close_wait_entered_mean_ns: Option<u64>,
    /// Segments sent again, over ended connections.
    pub retransmits: u64,
    /// Payload received over ended connections, bytes.
    pub bytes_received: u64,
    /// Payload sent over ended connections, bytes.
    pub bytes_sent: u64,
    /// Ended connections.
    pub closes: Closes,
    /// Opens by the number of connections held before.
    pub opens_by_held: Buckets<HELD_BUCKETS>,
    /// Lifetimes of ended connections that were not seeded.
    pub lifetime: Durations,
    /// Idle time before the first FIN or RST.
    pub idle: Durations,
    /// Time without any connection before a reopen.
    pub gap: Durations,
    /// Time in CLOSE_WAIT of those that left it.
    pub close_wait: Durations,
    /// Request turns of the ended connections that were not seeded.
    pub turns: Turns,
    /// Ended connections that the client ended while its request had no answer yet.
    pub unanswered: u64,
    /// Accepted connections whose first data lay unread for a second or longer: they waited for
    /// the process to accept them or to read.
    pub late_reads: u64,
    /// The longest such wait, ns, within 5 %.
    pub late_read_max_ns: u64,
    /// Process that last connected to the peer or read from it, by its thread group id.
    pub owner: Option<u32>,
}

impl Counters {
    /// Connections opened while traced.
    pub fn opens(&self) -> u64 {
        self.opens_by_held.total()
    }

    /// Opens while the peer already held at least `expected` connections. Exact up to 15; above,
    /// counted from the next bucket edge (a power of two) on, so never too many.
    pub fn overlaps(&self, expected: u32) -> u64 {
        let held = self.opens_by_held.used();
        held.filter(|(bucket, _)| held_floor(*bucket) >= expected)
            .map(|(_, n)| u64::from(n))
            .sum()
    }

    /// What happened since an earlier state of these counters. All but peaks are exact; what is a gauge stays as it
    /// is now, and so does the number found open when tracing began.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let less = u64::saturating_sub;
        Self {
            open_now: self.open_now,
            // When it is not the highest ever, it is at least what was open at the two ends.
            open_peak: if self.open_peak > earlier.open_peak {
                self.open_peak
            } else {
                self.open_now.max(earlier.open_now)
            },
            seeded: self.seeded,
            failed: less(self.failed, earlier.failed),
            close_wait_entered: less(self.close_wait_entered, earlier.close_wait_entered),
            close_wait_now: self.close_wait_now,
            close_wait_entered_mean_ns: self.close_wait_entered_mean_ns,
            retransmits: less(self.retransmits, earlier.retransmits),
            bytes_received: less(self.bytes_received, earlier.bytes_received),
            bytes_sent: less(self.bytes_sent, earlier.bytes_sent),
            closes: self.closes.since(&earlier.closes),
            opens_by_held: self.opens_by_held.since(&earlier.opens_by_held),
            lifetime: self.lifetime.since(&earlier.lifetime),
            idle: self.idle.since(&earlier.idle),
            gap: self.gap.since(&earlier.gap),
            close_wait: self.close_wait.since(&earlier.close_wait),
            turns: self.turns.since(&earlier.turns),
            unanswered: less(self.unanswered, earlier.unanswered),
            late_reads: less(self.late_reads, earlier.late_reads),
            late_read_max_ns: if self.late_reads > earlier.late_reads {
                self.late_read_max_ns
            } else {
                0
            },
            owner: self.owner,
        }
    }

    /// The same with what an earlier recording counted. What is open now stays as it is. What was open at its start was
    /// open at the end of the earlier one, or else was found open all the same.
    #[must_use]
    pub fn after(&self, earlier: &Self) -> Self {
        let mut both = self.clone();
        let found = self.seeded.saturating_sub(earlier.open_now);
        both.accumulate(earlier);
        both.open_now = self.open_now;
        both.close_wait_now = self.close_wait_now;
        both.open_peak = self.open_peak.max(earlier.open_peak);
        both.lifetime.add(&earlier.lifetime);
        both.idle.add(&earlier.idle);
        both.gap.add(&earlier.gap);
        both.close_wait.add(&earlier.close_wait);
        both.turns.add(&earlier.turns);
        both.late_read_max_ns = self.late_read_max_ns.max(earlier.late_read_max_ns);
        both.owner = self.owner.or(earlier.owner);
        both.seeded = earlier.seeded + found;
        both
    }

    /// Adds what can be added: for totals over many peers. Peaks and durations have no total.
    pub fn accumulate(&mut self, other: &Self) {
        self.open_now += other.open_now;
        self.seeded += other.seeded;
        self.failed += other.failed;
        self.close_wait_entered += other.close_wait_entered;
        self.close_wait_now += other.close_wait_now;
        self.retransmits += other.retransmits;
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        self.unanswered += other.unanswered;
        self.late_reads += other.late_reads;
        self.closes.add(&other.closes);
        self.opens_by_held.accumulate(&other.opens_by_held);
    }

    /// Takes in those of another peer, or of another time, so that one stands for both. The peak is that of the one
    /// that held more, or what both hold now.
    pub fn absorb(&mut self, other: &Self) {
        let entered = |one: &Self| one.close_wait_entered_mean_ns.zip(Some(one.close_wait_now));
        self.close_wait_entered_mean_ns = match (entered(self), entered(other)) {
            (Some((a, n)), Some((b, m))) => weighted((a, n), (b, m)),
            (one, other) => one.or(other).map(|(mean, _)| mean),
        };
        self.accumulate(other);
        self.open_peak = self.open_peak.max(other.open_peak).max(self.open_now);
        self.lifetime.add(&other.lifetime);
        self.idle.add(&other.idle);
        self.gap.add(&other.gap);
        self.close_wait.add(&other.close_wait);
        self.turns.add(&other.turns);
        self.late_read_max_ns = self.late_read_max_ns.max(other.late_read_max_ns);
        self.owner = self.owner.or(other.owner);
    }
}

/// The mean of two means of so many each.
fn weighted((a, n): (u64, u64), (b, m): (u64, u64)) -> Option<u64> {
    let (a, n, b, m) = (u128::from(a), u128::from(n), u128::from(b), u128::from(m));
    u64::try_from((a * n + b * m).checked_div(n + m)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_exact_where_buckets_are() {
        let mut counters = Counters::default();
        for (held, opens) in [(0, 5), (1, 3), (7, 2), (16, 1)] {
            counters.opens_by_held.add(held, opens);
        }
        assert_eq!(counters.opens(), 11);
        assert_eq!(counters.overlaps(0), 11);
        assert_eq!(counters.overlaps(1), 6);
        assert_eq!(counters.overlaps(2), 3);
        assert_eq!(counters.overlaps(8), 1);
        assert_eq!(counters.overlaps(17), 0, "bucket 16..32 starts below 17");
    }

    #[test]
    fn what_is_absorbed_is_there() {
        let mut one = Counters {
            open_now: 2,
            open_peak: 3,
            close_wait_now: 1,
            close_wait_entered_mean_ns: Some(100),
            owner: Some(5),
            ..Counters::default()
        };
        let mut other = Counters {
            open_now: 2,
            open_peak: 2,
            close_wait_now: 3,
            close_wait_entered_mean_ns: Some(500),
            owner: Some(6),
            ..Counters::default()
        };
        one.lifetime.note(10);
        other.lifetime.note(30);
        other.turns.note(7);
        one.absorb(&other);
        assert_eq!((one.open_now, one.open_peak, one.close_wait_now), (4, 4, 4));
        assert_eq!(one.close_wait_entered_mean_ns, Some(400));
        assert_eq!((one.lifetime.count(), one.lifetime.sum_ns), (2, 40));
        assert_eq!((one.turns.max(), one.owner), (Some(7), Some(5)));
    }

    #[test]
    fn names_show_a_prefix_only_for_networks() {
        let mut id = PeerId {
            netns: 1,
            direction: Direction::Inbound,
            port: 80,
            network: "192.0.2.7/32".parse().unwrap(),
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
    }
}
