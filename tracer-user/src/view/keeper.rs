//! From samples to snapshots: keeps what a single sample does not tell. Pure: time comes in with
//! the samples, so live and recorded ones are the same to it.

mod changes;
mod past;
mod rates;

use std::{collections::VecDeque, sync::Arc};

use hashbrown::HashMap;

use self::{changes::Changes, past::Past, rates::Rates};
use super::{
    playback::Playback,
    row::{Row, States},
    snapshot::{Event, Point, Snapshot, Socket, Weight},
};
use crate::{
    diagnosis::{Options, Verdict, diagnose},
    model::{
        ended::Ended,
        history::History,
        peer::PeerId,
        sample::{Moment, Sample},
        socket::State,
    },
};

/// How long the chart reaches back, ns.
const COURSE_NS: u64 = 600_000_000_000;

/// Points of the chart at most; with more, every other one goes.
const MAX_POINTS: usize = 1200;

/// Events kept.
const MAX_EVENTS: usize = 1000;

/// What a feed gives at one moment.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Everything known now.
    pub sample: Sample,
    /// Records of connections that ended since the last batch.
    pub ended: Vec<Ended>,
    /// What is known beside the counters.
    pub options: Options,
    /// What else happened, a line each.
    pub notes: Vec<String>,
    /// What only a recording knows.
    pub replayed: Option<Box<Replayed>>,
}

/// What a feed of a recording knows beside the sample.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The whole run up to the sample, shown or not.
    pub history: History,
    /// How it goes on from the batch before.
    pub link: Link,
    /// The chart between the two.
    pub course: Vec<Point>,
    /// Where it is.
    pub playback: Playback,
}

/// How a batch of a recording goes on from the one before.
#[derive(Clone, Debug)]
pub enum Link {
    /// It is later.
    Follows,
    /// It is the first of the recording, again or not.
    Begins,
    /// It is earlier. The sample before it in the recording tells how fast things went.
    Back(Box<Sample>),
}

/// Leading bits by which peers are grouped, of IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of 32.
    pub v4: u8,
    /// Of 128.
    pub v6: u8,
}

/// Makes snapshots.
#[derive(Debug)]
pub struct Keeper {
    prefixes: Prefixes,
    history: History,
    rates: Rates,
    changes: Changes,
    past: Past,
    course: VecDeque<Point>,
    log: Arc<VecDeque<Event>>,
}

impl Keeper {
    /// Nothing seen yet.
    pub fn new(prefixes: Prefixes) -> Self {
        Self {
            prefixes,
            history: History::new(),
            rates: Rates::default(),
            changes: Changes::default(),
            past: Past::new(prefixes),
            course: VecDeque::new(),
            log: Arc::default(),
        }
    }

    /// Takes in what a feed gave; batches come in the order of their samples.
    pub fn add(&mut self, batch: Batch) -> Snapshot {
        let Batch {
            mut sample,
            ended,
            options,
            notes,
            replayed,
        } = batch;
        let mut back = false;
        let mut playback = None;
        let diagnosis = match replayed {
            None => {
                self.history.add(&sample);
                diagnose(&sample, &self.history, &options)
            }
            Some(replayed) => {
                back = self.rewind(&replayed.link);
                self.course.extend(replayed.course);
                playback = Some(replayed.playback);
                diagnose(&sample, &replayed.history, &options)
            }
        };
        self.rates.add(&sample);
        self.past.add(ended);
        self.chart(&sample);
        let notes = notes.into_iter().map(|text| Event {
            at: sample.taken,
            weight: Weight::Note,
            text,
            peer: None,
        });
        let mut changes = self.changes.add(&diagnosis);
        if back {
            // All that is true there would seem to have begun at that moment.
            changes.clear();
        }
        let events: Vec<Event> = notes.chain(changes).collect();
        self.note(events);
        let ids: HashMap<u32, PeerId> = sample.peers.iter().map(|peer| (peer.slot, peer.id)).collect();
        let slots: HashMap<PeerId, u32> = sample.peers.iter().map(|peer| (peer.id, peer.slot)).collect();
        let mut states: HashMap<u32, States> = HashMap::new();
        for connection in &sample.sockets.connections {
            if let Some(slot) = connection.slot {
                states.entry(slot).or_default().add(connection);
            }
        }
        let rows: Vec<Row> = diagnosis
            .peers
            .iter()
            .enumerate()
            .map(|(rank, peer)| {
                let slot = slots.get(&peer.id);
                let rate = slot.and_then(|_| self.rates.of(peer.id));
                let states = slot.and_then(|slot| states.get(slot)).copied();
                Row::of(peer, rank, rate, states.unwrap_or_default())
            })
            .collect();
        let verdicts = diagnosis.peers.iter().map(|peer| (peer.id, peer.finding.verdict));
        let sockets = sockets(&mut sample, &ids, &verdicts.collect());
        Snapshot {
            diagnosis,
            rows,
            sockets,
            opens_per_s: self.rates.total(),
            course: self.course.iter().copied().collect(),
            log: Arc::clone(&self.log),
            past: self.past.shared(),
            playback,
        }
    }

    /// The snapshot before the first sample.
    pub fn nothing(at: Moment) -> Snapshot {
        let sample = Sample::empty(at);
        Snapshot {
            diagnosis: diagnose(&sample, &History::new(), &Options::default()),
            rows: Vec::new(),
            sockets: Vec::new(),
            opens_per_s: None,
            course: Vec::new(),
            log: Arc::default(),
            past: HashMap::new(),
            playback: None,
        }
    }

    /// Forgets what comes after an earlier moment: everything, as it comes again from there on.
    /// Gives whether something came before that moment.
    fn rewind(&mut self, link: &Link) -> bool {
        if let Link::Begins | Link::Back(_) = link {
            *self = Self::new(self.prefixes);
        }
        let Link::Back(before) = link else {
            return false;
        };
        self.rates.add(before);
        true
    }

    fn chart(&mut self, sample: &Sample) {
        let now = sample.taken.monotonic_ns;
        let point = Point {
            at_ns: now,
            open: sample.accounting.open_now,
            close_wait: close_wait(sample),
        };
        self.course.push_back(point);
        let old = |point: &Point| now.saturating_sub(point.at_ns) > COURSE_NS;
        while self.course.front().is_some_and(old) {
            self.course.pop_front();
        }
        if self.course.len() > MAX_POINTS {
            let mut keep = false;
            self.course.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    fn note(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let log = Arc::make_mut(&mut self.log);
        log.extend(events);
        while log.len() > MAX_EVENTS {
            log.pop_front();
        }
    }
}

fn close_wait(sample: &Sample) -> u64 {
    let all = sample.peers.iter().map(|peer| &peer.counters);
    all.chain([&sample.unattributed])
        .map(|counters| counters.close_wait_now)
        .sum()
}

/// The live connections, those in CLOSE_WAIT first and then the oldest.
fn sockets(
    sample: &mut Sample,
    ids: &HashMap<u32, PeerId>,
    verdicts: &HashMap<PeerId, Verdict>,
) -> Vec<Socket> {
    let now = sample.taken;
    let connections = std::mem::take(&mut sample.sockets.connections);
    let mut sockets: Vec<Socket> = connections
        .into_iter()
        .map(|connection| Socket {
            peer: connection
                .slot
                .and_then(|slot| ids.get(&slot))
                .and_then(|id| Some((*id, *verdicts.get(id)?))),
            owner: connection.owner.and_then(|pid| sample.process(pid)),
            connection,
        })
        .collect();
    sockets.sort_by_cached_key(|socket| {
        let connection = &socket.connection;
        (
            connection.state != State::CloseWait,
            std::cmp::Reverse(socket.close_wait_ns(now)),
            std::cmp::Reverse(socket.age(now).map(|(ns, _)| ns)),
            connection.remote,
            connection.local,
        )
    });
    sockets
}

#[cfg(test)]
mod tests;
