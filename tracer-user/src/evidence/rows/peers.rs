//! `peers.csv`: a row per peer and interval, counters since tracing began and gauges.

use std::{borrow::Cow, net::IpAddr};

use ipnet::IpNet;

use super::{Kind, Row, connections};
use crate::{
    diagnosis::Judged,
    evidence::cells::{Cell, Fields},
    model::{
        owner::one_of_several,
        peer::{Closes, Direction, PeerId},
        sample::Moment,
    },
};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// When, UTC, ns.
    pub sampled_at: i128,
    /// Who.
    pub id: PeerId,
    /// Opened while traced.
    pub opens: u64,
    /// Ended, by reason.
    pub closes: Closes,
    /// Failed connects.
    pub failed: u64,
    /// Opens while the expected number was held already.
    pub overlaps: u64,
    /// Open now.
    pub open_now: u64,
    /// Most open at once.
    pub open_peak: u64,
    /// In CLOSE_WAIT now.
    pub close_wait_now: u64,
    /// Of these, how long the oldest has been.
    pub close_wait_oldest_ms: Option<u64>,
    /// In an accept queue now.
    pub never_accepted: u64,
    /// Payload received.
    pub bytes_received: Option<u64>,
    /// Payload sent.
    pub bytes_sent: Option<u64>,
    /// Segments sent again.
    pub retransmits: Option<u64>,
    /// What was said about it at that moment.
    pub verdict: Cow<'static, str>,
    /// The name of the process that connects, of outbound peers.
    pub owner_comm: Option<String>,
}

impl PeerRow {
    /// The row of a peer with its verdict.
    pub fn of(judged: &Judged, at: Moment) -> Self {
        let figures = &judged.figures;
        let owner_comm = match judged.id {
            PeerId {
                program: Some(comm), ..
            } => Some(comm.as_str().to_owned()),
            PeerId {
                process: Some(pid), ..
            } => {
                let owner = figures.owner.as_ref().filter(|owner| owner.pid == pid);
                owner.map(|owner| one_of_several(&owner.comm).to_owned())
            }
            _ => None,
        };
        Self {
            sampled_at: at.utc_ns,
            id: judged.id,
            opens: figures.opens,
            closes: figures.close_reasons,
            failed: figures.failed,
            overlaps: figures.overlaps,
            open_now: figures.open_now,
            open_peak: figures.open_peak,
            close_wait_now: figures.close_wait.now,
            close_wait_oldest_ms: figures.close_wait.oldest_ns.map(|ns| ns / 1_000_000),
            never_accepted: figures.waiting.now,
            bytes_received: figures.bytes_received,
            bytes_sent: figures.bytes_sent,
            retransmits: figures.retransmits,
            verdict: Cow::Borrowed(judged.finding.verdict.id()),
            owner_comm,
        }
    }
}

impl Row for PeerRow {
    const KIND: Kind = Kind::Peers;
    /// `local_port` of an outbound peer is empty, since it is another one each time; the service's
    /// port then stands behind the address in `peer`. `owner_pid` and `owner_comm` are the process that connects;
    /// a name without a number is that of several processes that have ended.
    const COLUMNS: &'static [&'static str] = &[
        "sampled_at",
        "direction",
        "netns",
        "local_port",
        "peer",
        "opens",
        "closes_local_fin",
        "closes_remote_fin",
        "closes_local_rst",
        "closes_remote_rst",
        "closes_timeout",
        "failed",
        "overlaps",
        "open_now",
        "open_peak",
        "close_wait_now",
        "close_wait_oldest_ms",
        "never_accepted",
        "bytes_received",
        "bytes_sent",
        "retransmits",
        "verdict",
        "owner_pid",
        "owner_comm",
    ];
    const ADDED: usize = 2;

    fn cells(&self, put: &mut dyn FnMut(Cell<'_>)) {
        put(Cell::Time(self.sampled_at));
        put(connections::direction(self.id.direction));
        put(Cell::Number(self.id.netns.into()));
        put(Cell::number(self.id.local_port().map(u64::from)));
        put(Cell::Plain(&name(&self.id)));
        put(Cell::Number(self.opens));
        put(Cell::Number(self.closes.local_fin));
        put(Cell::Number(self.closes.remote_fin));
        put(Cell::Number(self.closes.local_rst));
        put(Cell::Number(self.closes.remote_rst));
        put(Cell::Number(self.closes.timeout));
        put(Cell::Number(self.failed));
        put(Cell::Number(self.overlaps));
        put(Cell::Number(self.open_now));
        put(Cell::Number(self.open_peak));
        put(Cell::Number(self.close_wait_now));
        put(Cell::number(self.close_wait_oldest_ms));
        put(Cell::Number(self.never_accepted));
        put(Cell::number(self.bytes_received));
        put(Cell::number(self.bytes_sent));
        put(Cell::number(self.retransmits));
        put(Cell::Outside(&self.verdict));
        put(Cell::number(self.id.process.map(u64::from)));
        put(Cell::outside(self.owner_comm.as_deref()));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        let sampled_at = fields.time()?;
        let sampled_at = fields.needed(sampled_at)?;
        let direction = connections::read_direction(fields)?;
        let netns = fields.number()?.unwrap_or(0);
        let local_port: Option<u16> = fields.number()?;
        let named = fields.word(read_name)?;
        let (network, remote_port) = fields.needed(named)?;
        let mut row = Self {
            sampled_at,
            id: PeerId {
                netns,
                direction,
                port: local_port.or(remote_port).unwrap_or(0),
                network,
                process: None,
                program: None,
            },
            opens: fields.count()?.unwrap_or(0),
            closes: Closes {
                local_fin: fields.count()?.unwrap_or(0),
                remote_fin: fields.count()?.unwrap_or(0),
                local_rst: fields.count()?.unwrap_or(0),
                remote_rst: fields.count()?.unwrap_or(0),
                timeout: fields.count()?.unwrap_or(0),
            },
            failed: fields.count()?.unwrap_or(0),
            overlaps: fields.count()?.unwrap_or(0),
            open_now: fields.count()?.unwrap_or(0),
            open_peak: fields.count()?.unwrap_or(0),
            close_wait_now: fields.count()?.unwrap_or(0),
            close_wait_oldest_ms: fields.ms()?,
            never_accepted: fields.count()?.unwrap_or(0),
            bytes_received: fields.bytes()?,
            bytes_sent: fields.bytes()?,
            retransmits: fields.count()?,
            verdict: fields.outside()?.unwrap_or_default().into_owned().into(),
            owner_comm: None,
        };
        if fields.is_more() {
            row.id.process = fields.number()?;
        }
        if fields.is_more() {
            let comm = fields.outside()?.filter(|comm| !comm.is_empty());
            row.owner_comm = comm.map(Into::into);
        }
        match (row.id.process, &row.owner_comm) {
            _ if direction == Direction::Inbound => row.id.process = None,
            (None, Some(comm)) => row.id = row.id.of_program(comm),
            _ => {}
        }
        Ok(row)
    }
}

/// The peer as it stands in the file; an outbound one with the port it is reached at.
fn name(id: &PeerId) -> String {
    match id.direction {
        Direction::Inbound => id.name(),
        Direction::Outbound => id.endpoint(),
    }
}

/// `192.0.2.7`, `192.0.2.0/24`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::/64]:443`.
fn read_name(text: &str) -> Option<(IpNet, Option<u16>)> {
    let network = |text: &str| -> Option<IpNet> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.ok().or_else(|| text.parse().ok())
    };
    if let Some(whole) = network(text) {
        return Some((whole, None));
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Some((network(host)?, Some(port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_come_back() {
        for network in ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::1/128", "2001:db8::/64"] {
            for direction in [Direction::Inbound, Direction::Outbound] {
                let id = PeerId {
                    netns: 1,
                    direction,
                    port: 443,
                    network: network.parse().unwrap(),
                    process: None,
                    program: None,
                };
                let (read, port) = read_name(&name(&id)).unwrap();
                assert_eq!((read, port), (id.network, id.remote_port()), "{}", name(&id));
            }
        }
        assert_eq!(read_name("host"), None);
        assert_eq!(read_name("[::1]:http"), None);
    }
}
