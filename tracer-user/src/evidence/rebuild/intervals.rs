//! The rows of `peers.csv` and `listeners.csv`, one interval at a time.

use std::{collections::VecDeque, iter::Peekable};

use crate::evidence::{
    MAX_PEERS,
    error::EvidenceError,
    read::{Evidence, Frame, Rows},
    rows::{Kind, ListenerRow, PeerRow},
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

/// The intervals in order.
pub(crate) struct Intervals {
    peers: Option<Peekable<Rows<PeerRow>>>,
    listeners: Option<Peekable<Rows<ListenerRow>>>,
    /// The intervals in the journal: one in which nothing changed has no rows.
    frames: VecDeque<Frame>,
}

impl Intervals {
    pub(crate) fn of(evidence: &Evidence) -> Result<Self, EvidenceError> {
        let peers = evidence.has(Kind::Peers).then(|| evidence.rows()).transpose()?;
        let listeners = evidence
            .has(Kind::Listeners)
            .then(|| evidence.rows())
            .transpose()?;
        Ok(Self {
            peers: peers.map(Iterator::peekable),
            listeners: listeners.map(Iterator::peekable),
            frames: evidence.frames.iter().copied().collect(),
        })
    }

    fn step(&mut self) -> Result<Option<Step>, EvidenceError> {
        let frame = self.frames.pop_front();
        let at = match frame {
            Some(frame) => frame.at.utc_ns,
            // Without a journal the rows say when there was an interval.
            None => {
                let peer = first(self.peers.as_mut(), |row| row.sampled_at)?;
                let listener = first(self.listeners.as_mut(), |row| row.sampled_at)?;
                let Some(at) = peer.into_iter().chain(listener).min() else {
                    return Ok(None);
                };
                at
            }
        };
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
fn first<T, I: Iterator<Item = Read<T>>>(
    rows: Option<&mut Peekable<I>>,
    at: impl FnOnce(&T) -> i128,
) -> Read<Option<i128>> {
    let Some(rows) = rows else { return Ok(None) };
    match rows.peek() {
        Some(Ok(row)) => Ok(Some(at(row))),
        Some(Err(_)) => match rows.next() {
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        },
        None => Ok(None),
    }
}

fn gather<T, I: Iterator<Item = Read<T>>>(
    rows: Option<&mut Peekable<I>>,
    limit: usize,
    wanted: impl Fn(&T) -> bool,
) -> Read<Vec<T>> {
    let mut gathered = Vec::new();
    let Some(rows) = rows else { return Ok(gathered) };
    while let Some(row) = rows.next_if(|row| row.as_ref().map_or(true, &wanted)) {
        let row = row?;
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
