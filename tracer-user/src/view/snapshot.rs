//! What the view receives: everything it shows of one moment. It is made in the feed's thread and never
//! changes, so the screen can be frozen while counting continues.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{playback::Playback, row::Row};
use crate::{
    diagnosis::{Diagnosis, Judged, Packed, Verdict},
    model::{ended::Ended, owner::Process, peer::PeerId, sample::Moment, socket::Connection},
};

/// One moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The answer and everything behind it, without its peers, which are packed.
    pub diagnosis: Diagnosis,
    /// The answer in one sentence, which tells how many of the peers it is about.
    pub headline: String,
    /// The peers of the diagnosis, in its order.
    pub judged: Packed,
    /// One row per peer, in the order of the diagnosis: worst first.
    pub rows: Vec<Row>,
    /// The live connections: CLOSE_WAIT first, then the oldest.
    pub sockets: Vec<Socket>,
    /// Recent opens per second; `None` before the second sample.
    pub opens_per_s: Option<f64>,
    /// The last minutes, oldest first.
    pub course: Vec<Point>,
    /// The log, oldest first.
    pub log: Arc<VecDeque<Event>>,
    /// Connections that ended, as far as records and room allow; oldest first.
    pub past: HashMap<PeerId, Arc<VecDeque<Ended>>>,
    /// The position in a recording; `None` for a live view.
    pub playback: Option<Playback>,
    /// The interval between samples, if it is longer than requested.
    pub slowed: Option<Duration>,
}

impl Snapshot {
    /// When it was taken.
    pub fn taken(&self) -> Moment {
        self.diagnosis.taken
    }

    /// A peer with its verdict.
    pub fn peer(&self, id: PeerId) -> Option<Judged> {
        // The rows stand in the same order.
        let place = self.rows.iter().position(|row| row.id == id)?;
        self.judged.get(place, id)
    }

    /// The diagnosis with its peers.
    pub fn whole(&self) -> Diagnosis {
        let peers = self.rows.iter().enumerate();
        Diagnosis {
            peers: peers
                .filter_map(|(place, row)| self.judged.get(place, row.id))
                .collect(),
            ..self.diagnosis.clone()
        }
    }
}

/// One point of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When, monotonic, ns.
    pub at_ns: u64,
    /// Connections open.
    pub open: u64,
    /// How many of them are in CLOSE_WAIT.
    pub close_wait: u64,
}

/// A live connection, with its peer and its process.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    /// The connection.
    pub connection: Connection,
    /// Its peer.
    pub peer: Option<(PeerId, Verdict)>,
    /// The process that holds it.
    pub owner: Option<Arc<Process>>,
}

impl Socket {
    /// How long it has been open, ns, and whether that is a lower bound; `None` if unknown.
    pub fn age(&self, now: Moment) -> Option<(u64, bool)> {
        self.connection.age_ns(now)
    }

    /// How long it has been in CLOSE_WAIT, ns.
    pub fn close_wait_ns(&self, now: Moment) -> Option<u64> {
        self.connection.close_wait_ns(now)
    }
}

/// The importance of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Informational.
    Note,
    /// An improvement.
    Good,
    /// A deterioration.
    Bad,
}

/// What identifies a line of the log while others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKey {
    /// A change, by its number and its time on the monotonic clock: after the end of a recording, other
    /// changes have the same numbers.
    Change(u64, u64),
    /// A note, by its own number.
    Note(u64),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identifies the line, even when its words change.
    pub key: EventKey,
    /// The time.
    pub at: Moment,
    /// Its importance.
    pub weight: Weight,
    /// The text, in one line.
    pub text: String,
    /// The peer concerned.
    pub peer: Option<PeerId>,
}
