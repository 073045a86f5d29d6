//! The rows of `peers.csv` and `listeners.csv`, one interval at a time.

use std::sync::Arc;

use crate::evidence::{
    MAX_PEERS,
    error::EvidenceError,
    read::{Evidence, Frame, Rows},
    rows::{Kind, ListenerRow, PeerRow, Row},
};

/// Maximum number of listeners kept per interval.
const MAX_LISTENERS: usize = 1 << 16;

/// The rows sampled at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at: i128,
    /// Whether there are rows of all peers and listeners, not only of those that changed.
    pub(crate) whole: bool,
    pub(crate) peers: Vec<PeerRow>,
    pub(crate) listeners: Vec<ListenerRow>,
    /// Rows of connections that were written with it, if there is a journal.
    pub(crate) connections: Option<u64>,
}

/// The intervals in order. A copy goes on by itself from the same one.
#[derive(Clone)]
pub(crate) struct Intervals {
    peers: Option<Rows<PeerRow>>,
    listeners: Option<Rows<ListenerRow>>,
    /// The intervals in the journal, which copies share: one in which nothing changed has no rows.
    frames: Arc<[Frame]>,
    /// How many of them have been read.
    position: usize,
}

impl Intervals {
    pub(crate) fn of(evidence: &Evidence) -> Result<Self, EvidenceError> {
        let peers = evidence.has(Kind::Peers).then(|| evidence.rows()).transpose()?;
        let listeners = evidence
            .has(Kind::Listeners)
            .then(|| evidence.rows())
            .transpose()?;
        Ok(Self {
            peers,
            listeners,
            frames: evidence.frames.as_slice().into(),
            position: 0,
        })
    }

    /// When the next interval was sampled, UTC, ns; `None` after the last.
    pub(crate) fn next_at(&mut self) -> Result<Option<i128>, EvidenceError> {
        if let Some(frame) = self.frames.get(self.position) {
            return Ok(Some(frame.at.utc_ns));
        }
        // Without a journal the rows say when there was an interval.
        let peer = first(self.peers.as_mut(), |row| row.sampled_at)?;
        let listener = first(self.listeners.as_mut(), |row| row.sampled_at)?;
        Ok(peer.into_iter().chain(listener).min())
    }

    fn step(&mut self) -> Result<Option<Step>, EvidenceError> {
        let Some(at) = self.next_at()? else {
            return Ok(None);
        };
        let frame = self.frames.get(self.position);
        self.position += 1;
        Ok(Some(Step {
            at,
            // Without a journal it is not known. Older recordings have all rows each time.
            whole: frame.is_none_or(|frame| frame.whole),
            peers: gather(self.peers.as_mut(), MAX_PEERS, |row| row.sampled_at == at)?,
            listeners: gather(self.listeners.as_mut(), MAX_LISTENERS, |row| row.sampled_at == at)?,
            connections: frame.map(|frame| frame.connections),
        }))
    }
}

type Read<T> = Result<T, EvidenceError>;

/// The time of the next row.
fn first<R: Row>(rows: Option<&mut Rows<R>>, at: impl FnOnce(&R) -> i128) -> Read<Option<i128>> {
    let Some(rows) = rows else { return Ok(None) };
    Ok(rows.peek()?.map(at))
}

fn gather<R: Row>(rows: Option<&mut Rows<R>>, limit: usize, is_wanted: impl Fn(&R) -> bool) -> Read<Vec<R>> {
    let mut gathered = Vec::new();
    let Some(rows) = rows else { return Ok(gathered) };
    while let Some(row) = rows.next_if(&is_wanted)? {
        if gathered.len() < limit {
            gathered.push(row);
        }
    }
    Ok(gathered)
}

impl Iterator for Intervals {
    type Item = Read<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
