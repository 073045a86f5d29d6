//! A row of the peer table: the displayed figures of a peer or of a network of peers.

use std::sync::Arc;

use hashbrown::HashMap;
use ipnet::IpNet;

use crate::{
    diagnosis::{Judged, Verdict},
    model::{
        owner::Process,
        peer::{Closes, PeerId},
        socket::Connection,
        workload::Workload,
    },
    view::theme::Glyphs,
};

/// The states of a peer's live sockets, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u8);

impl States {
    const NEVER_ACCEPTED: u8 = 6;

    /// Adds those of a connection.
    pub fn add(&mut self, connection: &Connection) {
        self.0 |= 1 << connection.state as u8;
        if connection.never_accepted() {
            self.0 |= 1 << Self::NEVER_ACCEPTED;
        }
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The names of all states, in the order of the bits.
    pub const NAMES: [&str; 7] = [
        "established",
        "fin-wait-1",
        "fin-wait-2",
        "close-wait",
        "last-ack",
        "closing",
        "never-accepted",
    ];

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0_u8..)
            .zip(Self::NAMES)
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| name)
    }
}

/// How many connections were held over the window: a height for each of a few points, packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trend(u64);

impl Trend {
    /// Number of points.
    pub const POINTS: u16 = 12;

    /// Bits of a point.
    const BITS: u32 = 4;

    /// The highest height; 1 is nothing held, and 0 a point at which the peer was not there.
    const HIGHEST: u64 = 9;

    /// From the numbers held, oldest first, of at most [`Self::POINTS`] points. They are scaled to the most
    /// of them.
    pub fn of(held: impl Iterator<Item = Option<u16>> + Clone) -> Self {
        let most = u64::from(held.clone().flatten().max().unwrap_or(0)).max(1);
        let height = |held: u16| 1 + (u64::from(held) * (Self::HIGHEST - 1)).div_ceil(most);
        let points = held.map(|held| held.map_or(0, height));
        Self(points.fold(0, |packed, height| packed << Self::BITS | height))
    }

    /// The heights, oldest first, without those from before the peer came.
    fn heights(self) -> impl Iterator<Item = u64> {
        (0..u32::from(Self::POINTS))
            .rev()
            .map(move |point| self.0 >> (point * Self::BITS) & 0xf)
            .skip_while(|height| *height == 0)
    }

    /// As a small chart; empty if there are no points.
    pub fn text(self, glyphs: &Glyphs) -> String {
        let heights: Vec<u64> = self.heights().map(|height| height.saturating_sub(1)).collect();
        glyphs.chart(&heights, Self::HIGHEST - 1)
    }

    /// How much higher its end is than its beginning.
    pub fn growth(self) -> i64 {
        let mut heights = self.heights();
        let first = heights.next().unwrap_or(0);
        let last = heights.last().unwrap_or(first);
        last.cast_signed() - first.cast_signed()
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The peer, or the network with the port and direction its peers share.
    pub id: PeerId,
    /// What the user calls it, or all of its peers.
    pub name: Option<Arc<str>>,
    /// Number of peers it stands for.
    pub peers: u64,
    /// The rank of its worst peer in the diagnosis.
    pub rank: usize,
    /// Verdict of the worst peer.
    pub verdict: Verdict,
    /// Whether there are further verdicts.
    pub more_verdicts: bool,
    /// Confidence in the verdict.
    pub confidence: f64,
    /// Connections opened while traced.
    pub opens: u64,
    /// Recent opens per second; `None` before the second sample.
    pub opens_per_s: Option<f64>,
    /// Connections open now.
    pub open_now: u64,
    /// How many were held over the window; nothing for several peers.
    pub trend: Trend,
    /// Most open at once; `None` for several peers, whose peaks do not add up.
    pub open_peak: Option<u64>,
    /// Opens while it held enough connections.
    pub overlaps: u64,
    /// Failed connects.
    pub failed: u64,
    /// Connections ended, by reason.
    pub closes: Closes,
    /// In CLOSE_WAIT now.
    pub close_wait: u64,
    /// How long the oldest of these has been in it, ns.
    pub oldest_ns: Option<u64>,
    /// Whether that is a lower bound, since it was in it before tracing.
    pub oldest_is_bound: bool,
    /// Median idle time before close, ns; also `None` for several peers.
    pub idle_ns: Option<u64>,
    /// Median of request turns per connection; also `None` for several peers.
    pub turns: Option<u64>,
    /// Whether turns are counted rather than an upper bound.
    pub turns_counted: bool,
    /// Payload received, bytes.
    pub received: Option<u64>,
    /// Payload sent, bytes.
    pub sent: Option<u64>,
    /// The process of this host most involved with it, made safe to display.
    pub owner: Arc<str>,
    /// The same, with what it belongs to; `None` if that is not one process.
    pub process: Option<Arc<Process>>,
    /// States of its live sockets.
    pub states: States,
    /// Whether many clients seem to share its address.
    pub shared: bool,
    /// How long ago it was last active, ns.
    pub last_ns: u64,
    /// It was accused within the window and no longer is.
    pub recovered: bool,
}

impl Row {
    /// The row of one peer, whose rank is to be set when all peers are judged.
    pub fn of(peer: &Judged, opens_per_s: Option<f64>, states: States, owner: Arc<str>) -> Self {
        let figures = &peer.figures;
        Self {
            id: peer.id,
            name: peer.name().cloned(),
            peers: 1,
            rank: 0,
            verdict: peer.finding.verdict,
            more_verdicts: !peer.finding.also.is_empty(),
            confidence: peer.finding.confidence,
            opens: figures.opens,
            opens_per_s,
            open_now: figures.open_now,
            trend: Trend::default(),
            open_peak: Some(figures.open_peak),
            overlaps: figures.overlaps,
            failed: figures.failed,
            closes: figures.close_reasons,
            close_wait: figures.close_wait.now,
            oldest_ns: figures.close_wait.oldest_ns,
            oldest_is_bound: figures.close_wait.oldest_is_bound,
            idle_ns: figures.idle.p50_ns,
            turns: figures.turns.median(),
            turns_counted: figures.turns_counted,
            received: figures.bytes_received,
            sent: figures.bytes_sent,
            owner,
            process: figures.owner.clone().filter(|_| peer.id.program.is_none()),
            states,
            shared: peer.shared_address,
            last_ns: peer.quiet_ns(),
            recovered: peer.recovered.is_some() && !peer.finding.verdict.accuses(),
        }
    }

    /// What its process belongs to, if that is known.
    pub fn workload(&self) -> Option<&Workload> {
        self.process.as_deref()?.workload.as_deref()
    }

    /// The address as shown.
    #[cfg(test)]
    pub fn address(&self) -> String {
        self.id.name()
    }

    /// Takes in another peer of the same network. Figures that cannot be summed become unknown.
    fn absorb(&mut self, other: &Self) {
        self.peers += other.peers;
        if self.name != other.name {
            self.name = None;
        }
        if other.rank < self.rank {
            self.rank = other.rank;
            self.confidence = other.confidence;
        }
        self.more_verdicts |= other.more_verdicts || other.verdict != self.verdict;
        if self.rank == other.rank {
            self.verdict = other.verdict;
        }
        self.opens += other.opens;
        self.opens_per_s = self.opens_per_s.zip(other.opens_per_s).map(|(a, b)| a + b);
        self.open_now += other.open_now;
        self.trend = Trend::default();
        self.open_peak = None;
        self.overlaps += other.overlaps;
        self.failed += other.failed;
        self.closes.add(&other.closes);
        self.close_wait += other.close_wait;
        if other.oldest_ns > self.oldest_ns {
            (self.oldest_ns, self.oldest_is_bound) = (other.oldest_ns, other.oldest_is_bound);
        }
        self.idle_ns = None;
        self.turns = None;
        self.received = self.received.zip(other.received).map(|(a, b)| a + b);
        self.sent = self.sent.zip(other.sent).map(|(a, b)| a + b);
        if self.owner != other.owner {
            self.owner = "".into();
        }
        if self.workload() != other.workload() {
            self.process = None;
        }
        self.states.merge(other.states);
        self.shared |= other.shared;
        self.last_ns = self.last_ns.min(other.last_ns);
        self.recovered &= other.recovered;
    }
}

/// Prefix length by which peers are grouped on the screen.
const GROUP_V4: u8 = 24;

/// The same for IPv6: one customer's network.
const GROUP_V6: u8 = 64;

/// The network a peer is shown under when peers are grouped.
pub fn group_of(id: PeerId) -> PeerId {
    let bits = match id.network {
        IpNet::V4(_) => GROUP_V4,
        IpNet::V6(_) => GROUP_V6,
    };
    let bits = bits.min(id.network.prefix_len());
    let network = IpNet::new(id.network.addr(), bits).map_or(id.network, |net| net.trunc());
    PeerId { network, ..id }
}

/// One row per network, in the order of their worst peers.
pub fn grouped<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Row> {
    let mut groups: Vec<Row> = Vec::new();
    let mut places: HashMap<PeerId, usize> = HashMap::new();
    for row in rows {
        let id = group_of(row.id);
        let place = *places.entry(id).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.absorb(row),
            None => groups.push(Row { id, ..row.clone() }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::example;

    #[test]
    fn a_group_has_sums_and_nothing_that_has_no_sum() {
        let snapshot = example::snapshot();
        let groups = grouped(snapshot.rows.iter());
        assert!(groups.len() < snapshot.rows.len());
        let opens = |rows: &[Row]| rows.iter().map(|row| row.opens).sum::<u64>();
        assert_eq!(opens(&groups), opens(&snapshot.rows));
        let largest = groups.iter().max_by_key(|row| row.peers).unwrap();
        assert!(largest.peers > 1 && largest.open_peak.is_none() && largest.turns.is_none());
        assert!(largest.address().ends_with("/24"), "{}", largest.address());
        assert_eq!(
            largest.verdict,
            snapshot
                .rows
                .iter()
                .find(|row| group_of(row.id) == largest.id)
                .unwrap()
                .verdict,
            "the worst peer decides"
        );
    }

    #[test]
    fn networks_wider_than_the_group_stay() {
        let id = PeerId {
            netns: 1,
            direction: crate::model::peer::Direction::Inbound,
            port: 80,
            network: "10.0.0.0/16".parse().unwrap(),
            interface: None,
            process: None,
            program: None,
        };
        assert_eq!(group_of(id), id);
        let v6 = PeerId {
            network: "2001:db8::1:2:3/128".parse().unwrap(),
            ..id
        };
        assert_eq!(group_of(v6).name(), "2001:db8::/64");
    }
}
