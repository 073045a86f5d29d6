//! `peers.csv`: a row per peer and interval, counters since tracing began and gauges, and what was said of the peer.

use std::{borrow::Cow, net::IpAddr};

use hashbrown::HashMap;
use ipnet::IpNet;

use super::{Kind, Row, connections};
use crate::{
    diagnosis::{Diagnosis, Judged, Verdict},
    evidence::cells::{Cell, Fields, thousandths},
    model::{
        owner::one_of_several,
        peer::{Closes, Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        window::{Live, live_by_slot},
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
    pub never_accepted: Option<u64>,
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
    /// Request turns of its open connections so far.
    pub turns_open: Option<u64>,
    /// Established connections that have a request without an answer.
    pub busy: Option<u64>,
    /// Ended by the client before it had its answer.
    pub unanswered: Option<u64>,
    /// Connections whose first request lay unread for a second or longer.
    pub late_reads: Option<u64>,
    /// How sure the verdict was, in thousandths.
    pub confidence: Option<u16>,
}

impl PeerRow {
    /// The rows of all peers of a diagnosis, in its order.
    pub fn all(sample: &Sample, diagnosis: &Diagnosis) -> Vec<Self> {
        let peers: HashMap<PeerId, &Peer> = sample.peers.iter().map(|peer| (peer.id, peer)).collect();
        let live = live_by_slot(&sample.sockets.connections);
        let mut sent_again: HashMap<u32, u64> = HashMap::new();
        for connection in &sample.sockets.connections {
            if let Some(slot) = connection.slot {
                *sent_again.entry(slot).or_default() += u64::from(connection.retransmits);
            }
        }
        let row = |judged: &Judged| {
            let peer = peers.get(&judged.id)?;
            let live = live.get(peer.slot as usize).copied().unwrap_or_default();
            Some(Self {
                close_wait_oldest_ms: judged.figures.close_wait.oldest_ns.map(|ns| ns / 1_000_000),
                never_accepted: Some(judged.figures.waiting.now),
                retransmits: sample
                    .known
                    .retransmits
                    .then_some(peer.counters.retransmits + sent_again.get(&peer.slot).copied().unwrap_or(0)),
                verdict: Cow::Borrowed(judged.finding.verdict.id()),
                confidence: Some(thousandths(judged.finding.confidence)),
                owner_comm: owner_comm(judged),
                ..Self::of(judged.id, &peer.counters, live, sample.known, judged.expected())
            })
        };
        let rows = diagnosis.peers.iter().filter_map(row);
        rows.map(|row| row.at(sample.taken)).collect()
    }

    /// What a peer's counters and its open connections come to; when that was, and what was said of it, is left open.
    pub fn of(id: PeerId, counters: &Counters, live: Live, known: Known, expected: u32) -> Self {
        Self {
            sampled_at: 0,
            id,
            opens: counters.opens(),
            closes: counters.closes,
            failed: counters.failed,
            overlaps: counters.overlaps(expected),
            open_now: counters.open_now,
            open_peak: counters.open_peak,
            close_wait_now: counters.close_wait_now,
            close_wait_oldest_ms: None,
            never_accepted: None,
            bytes_received: known
                .bytes_received
                .then_some(counters.bytes_received + live.received),
            bytes_sent: known.bytes_sent.then_some(counters.bytes_sent + live.sent),
            retransmits: None,
            verdict: Cow::Borrowed(""),
            turns_open: Some(live.turns),
            busy: Some(live.busy),
            unanswered: Some(counters.unanswered),
            late_reads: Some(counters.late_reads),
            confidence: None,
            owner_comm: None,
        }
    }

    /// The same row, of that moment.
    #[must_use]
    pub fn at(self, at: Moment) -> Self {
        Self {
            sampled_at: at.utc_ns,
            ..self
        }
    }

    /// What was said of the peer, if this version knows the verdict.
    pub fn said(&self) -> Option<Verdict> {
        Verdict::ALL
            .iter()
            .copied()
            .find(|verdict| verdict.id() == self.verdict)
    }
}

/// The name of the process that connects, of an outbound peer.
fn owner_comm(judged: &Judged) -> Option<String> {
    match judged.id {
        PeerId {
            program: Some(comm), ..
        } => Some(comm.as_str().to_owned()),
        PeerId {
            process: Some(pid), ..
        } => {
            let owner = judged.figures.owner.as_ref().filter(|owner| owner.pid == pid);
            owner.map(|owner| one_of_several(&owner.comm).to_owned())
        }
        _ => None,
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
        "turns_open",
        "busy",
        "unanswered",
        "late_reads",
        "confidence",
    ];
    const ADDED: usize = 7;

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
        put(Cell::number(self.never_accepted));
        put(Cell::number(self.bytes_received));
        put(Cell::number(self.bytes_sent));
        put(Cell::number(self.retransmits));
        put(Cell::Outside(&self.verdict));
        put(Cell::number(self.id.process.map(u64::from)));
        put(Cell::outside(self.owner_comm.as_deref()));
        put(Cell::number(self.turns_open));
        put(Cell::number(self.busy));
        put(Cell::number(self.unanswered));
        put(Cell::number(self.late_reads));
        put(Cell::share(self.confidence));
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
            never_accepted: fields.count()?,
            bytes_received: fields.bytes()?,
            bytes_sent: fields.bytes()?,
            retransmits: fields.count()?,
            verdict: fields.outside()?.unwrap_or_default().into_owned().into(),
            owner_comm: None,
            turns_open: None,
            busy: None,
            unanswered: None,
            late_reads: None,
            confidence: None,
        };
        if fields.is_more() {
            row.id.process = fields.number()?;
        }
        if fields.is_more() {
            let comm = fields.outside()?.filter(|comm| !comm.is_empty());
            row.owner_comm = comm.map(Into::into);
        }
        for count in [
            &mut row.turns_open,
            &mut row.busy,
            &mut row.unanswered,
            &mut row.late_reads,
        ] {
            if fields.is_more() {
                *count = fields.count()?;
            }
        }
        if fields.is_more() {
            row.confidence = fields.share()?;
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

/// An address, or a network with its prefix length.
pub(super) fn network_name(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// `192.0.2.7`, `192.0.2.0/24`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::/64]:443`.
pub(super) fn read_name(text: &str) -> Option<(IpNet, Option<u16>)> {
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
