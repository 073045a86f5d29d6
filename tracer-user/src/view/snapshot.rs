//! What the view is given: everything it shows of one moment. It is made in the feed's thread and
//! never changes, so the screen can stand still while counting goes on.

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
    /// Opened per second lately; `None`: no two samples yet.
    pub opens_per_s: Option<f64>,
    /// The last minutes, oldest first.
    pub course: Vec<Point>,
    /// What happened, oldest first.
    pub log: Arc<VecDeque<Event>>,
    /// Connections that ended, as far as there are records and room; oldest first.
    pub past: HashMap<PeerId, Arc<VecDeque<Ended>>>,
    /// Where the recording is; `None`: this is live.
    pub playback: Option<Playback>,
    /// How often the view looks, when that is less often than asked for.
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
    /// Of these, in CLOSE_WAIT.
    pub close_wait: u64,
}

/// A live connection with what the table of peers knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    /// The connection.
    pub connection: Connection,
    /// Whose it is.
    pub peer: Option<(PeerId, Verdict)>,
    /// The process that holds it.
    pub owner: Option<Arc<Process>>,
}

impl Socket {
    /// How long it has been open, ns, and whether that is only "at least"; `None`: unknown.
    pub fn age(&self, now: Moment) -> Option<(u64, bool)> {
        self.connection.age_ns(now)
    }

    /// How long it has been in CLOSE_WAIT, ns.
    pub fn close_wait_ns(&self, now: Moment) -> Option<u64> {
        self.connection.close_wait_ns(now)
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// For the record.
    Note,
    /// Better than before.
    Good,
    /// Worse than before.
    Bad,
}

/// What a line of the log is known by while others come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKey {
    /// A change, by its number and the moment of the monotonic clock: at its end, a recording has other changes
    /// under the same numbers.
    Change(u64, u64),
    /// A note, by its own.
    Note(u64),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which line it is: the same one when its words change.
    pub key: EventKey,
    /// When.
    pub at: Moment,
    /// How much it matters.
    pub weight: Weight,
    /// What, in one line.
    pub text: String,
    /// Whose.
    pub peer: Option<PeerId>,
}
