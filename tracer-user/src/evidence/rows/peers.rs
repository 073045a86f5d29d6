//! `peers.csv`: one row per peer and interval, with counters since tracing began, gauges, and the verdict.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::{
    Kind,
    columns::{self, ByReason, Bytes, Column, Count, Id, Ms, Number, Outside, Share, Time},
};
use crate::{
    diagnosis::{Diagnosis, Judged, Verdict},
    evidence::cells::{Fields, thousandths},
    model::{
        counters::{self, Plain},
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
    /// Retransmitted segments.
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
    /// Connections the client ended before it had its answer.
    unanswered: Option<u64> as Count,
    /// Connections whose first request lay unread for a second or longer.
    late_reads: Option<u64> as Count,
    /// Confidence in the verdict, in thousandths.
    confidence: Option<u16> as Share,
    /// Other figures shown as counted.
    counted: Counted as Figures,
    then Self::with_process
}

/// How many of the figures shown as counted have a column of their own above.
const NAMED: usize = 2;

/// The values of the others, in the order of the table.
type Counted = [Option<u64>; Plain::COUNT - NAMED];

fn counted(plain: &Plain) -> Counted {
    let mut values = Counted::default();
    for (value, (figure, shown)) in values.iter_mut().zip(counters::shown().skip(NAMED)) {
        *value = (shown.get)(plain).map(|number| figure.unit.written(number));
    }
    values
}

/// One column for each of them.
struct Figures;

impl Column<Counted> for Figures {
    const NAMES: Option<&'static [&'static str]> = Some(Plain::NAMES.split_at(NAMED).1);

    fn put(values: &Counted, put: columns::Put<'_>) {
        for value in values {
            Count::put(value, put);
        }
    }

    fn read(fields: &mut Fields<'_>) -> columns::Read<Counted> {
        let mut values = Counted::default();
        for value in &mut values {
            if fields.is_more() {
                *value = Count::read(fields)?;
            }
        }
        Ok(values)
    }
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

    /// The row of a peer's counters and open connections, without time and verdict.
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
            owner_pid: id.process,
            owner_comm: None,
            counted: counted(&Plain::from(counters)),
        }
    }

    /// Adds what completes the peer's identity.
    fn with_process(mut self) -> Self {
        match (self.owner_pid, &self.owner_comm) {
            _ if self.id.direction == Direction::Inbound => self.owner_pid = None,
            (None, Some(comm)) => self.id = self.id.of_program(comm),
            (pid, _) => self.id.process = pid,
        }
        self
    }

    /// Adds to counters made from rows what no other column contains.
    pub fn count(&self, counters: &mut Counters) {
        for ((figure, shown), value) in counters::shown().skip(NAMED).zip(self.counted) {
            if let Some(value) = value {
                (shown.set)(counters, figure.unit.read(value));
            }
        }
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
