//! `peers.csv`: a row of each peer when something of it has changed, and of all peers at a key frame, with
//! counters since tracing began, gauges, and the verdict.

use std::{borrow::Cow, sync::Arc};

use hashbrown::HashMap;

use super::{
    Kind,
    columns::{self, ByReason, Bytes, Count, Flag, Id, Ms, Number, Outside, Share, Shown, Time},
};
use crate::{
    diagnosis::{Diagnosis, Judged, Verdict},
    evidence::cells::thousandths,
    model::{
        counters::Plain,
        figure::Table,
        interface::Interface,
        owner::one_of_several,
        peer::{Closes, Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        window::{Live, live_by_slot},
    },
};

columns::row! {
    /// One row. `owner_pid` and `owner_comm` are the process that connects; a name without a number stands
    /// for several processes that have ended.
    #[derive(Clone, Debug, PartialEq, Eq)]
    PeerRow of Kind::Peers;
    /// When, UTC, ns.
    sampled_at: i128 as Time,
    /// The peer.
    id: PeerId as Id,
    /// Opened while traced.
    opens: u64 as Count,
    /// Ended connections, by reason.
    closes: Closes as ByReason,
    /// Failed connects.
    failed: u64 as Count,
    /// Opens while it already held the expected number.
    overlaps: u64 as Count,
    /// Open now.
    open_now: u64 as Count,
    /// Most open at once.
    open_peak: u64 as Count,
    /// In CLOSE_WAIT now.
    close_wait_now: u64 as Count,
    /// How long the oldest of these has been in it.
    close_wait_oldest_ms: Option<u64> as Ms,
    /// In an accept queue now.
    never_accepted: Option<u64> as Count,
    /// Payload received.
    bytes_received: Option<u64> as Bytes,
    /// Payload sent.
    bytes_sent: Option<u64> as Bytes,
    /// Segments retransmitted after the handshake.
    retransmits: Option<u64> as Count,
    /// Its verdict at that moment.
    verdict: Cow<'static, str> as Outside,
    added:
    /// The process that connects, for outbound peers.
    owner_pid: Option<u32> as Number,
    /// Its name.
    owner_comm: Option<String> as Outside,
    /// Request turns of its open connections so far.
    turns_open: Option<u64> as Count,
    /// Established connections with an unanswered request.
    busy: Option<u64> as Count,
    /// Figures shown as counted.
    earlier: [Option<u64>; EARLIER] as Earlier,
    /// Confidence in the verdict, in thousandths.
    confidence: Option<u16> as Share,
    /// The figures added later.
    later: [Option<u64>; LATER] as Later,
    /// Whether the peer is no longer listed: its last row, with the counters of the row before it.
    left: Option<bool> as Flag,
    /// The figures added after that.
    latest: [Option<u64>; LATEST] as Latest,
    /// What the user calls the peer.
    name: Option<Arc<str>> as Outside,
    /// The service or scope of systemd of the process of this host that has most to do with the peer.
    unit: Option<Arc<str>> as Outside,
    /// The container of that process, as its tools print it.
    container: Option<Arc<str>> as Outside,
    /// The figures added after those.
    newest: [Option<u64>; Counters::SHOWN.len() - EARLIER - LATER - LATEST] as Newest,
    /// The network interface that its connections are bound to, such as a VRF, by its number.
    interface: Option<Interface> as Number,
    then Self::identified
}

/// How many of the figures shown as counted come before the confidence.
const EARLIER: usize = 2;

/// How many come between the confidence and `left`.
const LATER: usize = 4;

/// How many come between `left` and the name.
const LATEST: usize = 0;

type Earlier = Shown<Counters, 0>;
type Later = Shown<Counters, EARLIER>;
type Latest = Shown<Counters, { EARLIER + LATER }>;
type Newest = Shown<Counters, { EARLIER + LATER + LATEST }>;

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
        let mut belongings = Belongings::default();
        let row = |judged: &Judged| {
            let (unit, container) = belongings.of(judged);
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
                name: judged.name().cloned(),
                unit,
                container,
                ..Self::of(judged.id, &peer.counters, live, sample.known, judged.expected())
            })
        };
        let rows = diagnosis.peers.iter().filter_map(row);
        rows.map(|row| row.at(sample.taken)).collect()
    }

    /// The row of a peer's counters and open connections, without time and verdict.
    pub fn of(id: PeerId, counters: &Counters, live: Live, known: Known, expected: u32) -> Self {
        let plain = Plain::from(counters);
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
            earlier: Earlier::of(&plain, known),
            confidence: None,
            owner_pid: id.process,
            owner_comm: None,
            later: Later::of(&plain, known),
            left: None,
            latest: Latest::of(&plain, known),
            name: None,
            unit: None,
            container: None,
            newest: Newest::of(&plain, known),
            interface: id.interface,
        }
    }

    /// Whether another row of the peer tells the same. Left out are the time, an age that grows by itself,
    /// and the confidence, which moves a little with every sample.
    pub fn tells_the_same(&self, other: &Self) -> bool {
        *self
            == Self {
                sampled_at: self.sampled_at,
                close_wait_oldest_ms: self.close_wait_oldest_ms,
                confidence: self.confidence,
                ..other.clone()
            }
    }

    /// The last row of a peer that is no longer listed.
    #[must_use]
    pub fn leaves(self, at: i128) -> Self {
        Self {
            sampled_at: at,
            open_now: 0,
            close_wait_now: 0,
            close_wait_oldest_ms: None,
            never_accepted: None,
            turns_open: None,
            busy: None,
            left: Some(true),
            ..self
        }
    }

    /// Adds what completes the peer's identity.
    fn identified(mut self) -> Self {
        self.id.interface = self.interface;
        match (self.owner_pid, &self.owner_comm) {
            _ if self.id.direction == Direction::Inbound => self.owner_pid = None,
            (None, Some(comm)) => self.id = self.id.of_program(comm),
            (pid, _) => self.id.process = pid,
        }
        self
    }

    /// Adds to counters made from rows what no other column contains.
    pub fn count(&self, counters: &mut Counters) {
        Earlier::set(&self.earlier, counters);
        Later::set(&self.later, counters);
        Latest::set(&self.latest, counters);
        Newest::set(&self.newest, counters);
    }

    /// The same row, with this time.
    #[must_use]
    pub fn at(self, at: Moment) -> Self {
        Self {
            sampled_at: at.utc_ns,
            ..self
        }
    }

    /// The verdict, if this version knows it.
    pub fn said(&self) -> Option<Verdict> {
        Verdict::ALL
            .iter()
            .copied()
            .find(|verdict| verdict.id() == self.verdict)
    }
}

/// What processes belong to. The rows of a sample share it, since few processes have many peers.
#[derive(Default)]
struct Belongings(HashMap<u32, Belonging>);

/// A unit and a container.
type Belonging = (Option<Arc<str>>, Option<Arc<str>>);

impl Belongings {
    fn of(&mut self, judged: &Judged) -> Belonging {
        // Several processes need not belong to the same.
        let owner = judged
            .figures
            .owner
            .as_ref()
            .filter(|_| judged.id.program.is_none());
        let Some((owner, workload)) = owner.and_then(|owner| Some((owner, owner.workload.as_deref()?)))
        else {
            return (None, None);
        };
        let known = self.0.entry(owner.pid).or_insert_with(|| {
            let unit = workload.unit.as_deref().map(Into::into);
            (unit, workload.short_container().map(Into::into))
        });
        known.clone()
    }
}

/// The name of the process that connects, for an outbound peer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_count_is_empty() {
        let id = PeerId {
            netns: 1,
            direction: Direction::Inbound,
            port: 80,
            network: "192.0.2.7/32".parse().unwrap(),
            interface: None,
            process: None,
            program: None,
        };
        let counters = Counters {
            unanswered: 3,
            ..Counters::default()
        };
        let earlier = |known| PeerRow::of(id, &counters, Live::default(), known, 1).earlier;
        assert_eq!(earlier(Known::ALL), [Some(3), Some(0)]);
        let known = Known {
            turns: false,
            ..Known::ALL
        };
        assert_eq!(earlier(known), [Some(3), None]);
    }
}
