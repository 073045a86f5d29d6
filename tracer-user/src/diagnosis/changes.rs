//! What changed between diagnoses, as data. The log, JSON and all other outputs read the same list.
//!
//! No wording happens here. Entries are dropped only for lack of room ([`Kind::room`]); each kind of change
//! has its own limit, so that a flapping peer does not push a surge out of the list.

mod observer;
mod what;

use std::{collections::BTreeSet, mem};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

pub use self::{
    observer::Observer,
    what::{Change, What},
};
use super::{
    Verdict,
    answer::{Answer, Diagnosis},
    capacity::Capacity,
    rated::Rated,
};
use crate::{
    model::{peer::PeerId, serial::bounded},
    text::sanitise,
};

/// How many changes of verdicts are kept.
const MAX_VERDICTS: usize = 1000;

/// How many of them may share one moment. When all peers change at once, only the worst are listed.
const MAX_AT_ONCE: usize = 500;

/// How many changes of each other kind are kept.
const MAX_OTHERS: usize = 50;

/// Limit of all kinds together.
const MAX: usize = MAX_VERDICTS + (Kind::ALL - 1) * MAX_OTHERS;

/// How many processes without a free worker are remembered.
const MAX_EXHAUSTED: usize = 64;

/// Kinds of changes, each with a limit of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Verdict,
    MoreVerdicts,
    Answer,
    Surge,
    Capacity,
    Loss,
}

impl Kind {
    const ALL: usize = 6;

    fn room(self) -> usize {
        match self {
            Self::Verdict => MAX_VERDICTS,
            _ => MAX_OTHERS,
        }
    }
}

impl What {
    fn kind(&self) -> Kind {
        match self {
            Self::Verdict { .. } => Kind::Verdict,
            Self::MoreVerdicts { .. } => Kind::MoreVerdicts,
            Self::Answer { .. } => Kind::Answer,
            Self::SurgeBegan(_) | Self::SurgeEnded { .. } => Kind::Surge,
            Self::Capacity { .. } => Kind::Capacity,
            Self::Loss { .. } => Kind::Loss,
        }
    }
}

/// The latest changes, and the state the next diagnosis is compared with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    #[serde(deserialize_with = "bounded::deserialize::<_, _, MAX>")]
    latest: Vec<Change>,
    /// Number of earlier changes that are no longer kept.
    dropped: u64,
    /// The next change's number.
    next: u64,
    answer: Option<Answer>,
    /// Numbers of the last surge that began and of the last one that ended.
    surges: (u32, u32),
    /// Servers with no free worker.
    #[serde(deserialize_with = "bounded::deserialize::<_, _, MAX_EXHAUSTED>")]
    exhausted: Vec<Server>,
    /// Causes of loss seen so far.
    lost: BTreeSet<String>,
    is_off: bool,
}

/// Identifies a server across restarts, which change its process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Server {
    netns: u32,
    ports: Vec<u16>,
}

impl Server {
    fn of(process: &Capacity) -> Self {
        Self {
            netns: process.netns,
            ports: process.ports.clone(),
        }
    }
}

impl Changes {
    /// The changes kept, oldest first.
    pub fn recent(&self) -> Vec<Change> {
        self.latest.clone()
    }

    /// Number of changes no longer kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sanitises the names, for changes read from a file.
    pub fn sanitise(&mut self) {
        for change in &mut self.latest {
            change.host = change.host.take().map(|host| sanitise(&host));
            if let What::Capacity {
                process: Some(process),
                ..
            } = &mut change.what
            {
                process.comm = sanitise(&process.comm);
            }
        }
    }

    /// Records how this diagnosis differs from the one before. `were` has the earlier verdict of each peer
    /// whose verdict changed.
    pub(super) fn note<P: Rated>(
        &mut self,
        diagnosis: &Diagnosis,
        peers: &[P],
        were: &HashMap<PeerId, Verdict>,
    ) {
        let mut new = Vec::new();
        self.answer(diagnosis, &mut new);
        self.surge(diagnosis, &mut new);
        self.capacity(diagnosis, &mut new);
        verdicts(peers, were, &mut new);
        self.losses(diagnosis, &mut new);
        if new.is_empty() {
            return;
        }
        for what in new {
            self.latest.push(Change {
                id: self.next,
                at: diagnosis.taken,
                host: None,
                what,
            });
            self.next = self.next.saturating_add(1);
        }
        self.make_room();
    }

    fn answer(&mut self, diagnosis: &Diagnosis, new: &mut Vec<What>) {
        let is = diagnosis.answer;
        let before = self.answer.replace(is);
        let was = before.unwrap_or(Answer::InsufficientData);
        // It is no change if all is well from the start.
        if was != is && (before.is_some() || is == Answer::Yes) {
            new.push(What::Answer {
                was,
                is,
                accused: diagnosis.tally.accused,
                peers: diagnosis.tally.peers,
            });
        }
    }

    fn surge(&mut self, diagnosis: &Diagnosis, new: &mut Vec<What>) {
        let Some(surge) = &diagnosis.movement.surge else {
            return;
        };
        for change in &mut self.latest {
            if let What::SurgeBegan(known) = &mut change.what
                && known.number == surge.number
            {
                known.clone_from(surge);
            }
        }
        let (began, over) = &mut self.surges;
        if *began < surge.number {
            *began = surge.number;
            new.push(What::SurgeBegan(surge.clone()));
        }
        if surge.ended.is_some() && *over < surge.number {
            *over = surge.number;
            new.push(What::SurgeEnded {
                surge: surge.clone(),
                open: diagnosis.accounting.open_now,
            });
        }
    }

    /// Records only what is known. A server that does not answer, because all its workers are busy or it is
    /// being restarted, is taken to be as it was.
    fn capacity(&mut self, diagnosis: &Diagnosis, new: &mut Vec<What>) {
        let mut before = mem::take(&mut self.exhausted);
        for process in &diagnosis.capacity {
            let server = Server::of(process);
            let place = before.iter().position(|known| *known == server);
            let was_none_left = place.is_some();
            if let Some(place) = place {
                before.swap_remove(place);
            }
            let none_left = match process.has_room() {
                Some(has_room) => !has_room,
                None => was_none_left,
            };
            if none_left && self.exhausted.len() == MAX_EXHAUSTED {
                continue;
            }
            if none_left != was_none_left {
                new.push(What::Capacity {
                    process: process.process.clone(),
                    netns: process.netns,
                    ports: process.ports.clone(),
                    none_left,
                });
            }
            if none_left {
                self.exhausted.push(server);
            }
        }
    }

    /// Records when something starts to be lost. The amounts are in the accounting.
    fn losses(&mut self, diagnosis: &Diagnosis, new: &mut Vec<What>) {
        let causes = diagnosis.losses.by_cause();
        let mut is_new = false;
        for (cause, _) in causes.into_iter().filter(|(_, n)| *n > 0) {
            is_new |= self.lost.insert(cause.to_owned());
        }
        let mut loss = |drift| {
            new.push(What::Loss {
                losses: diagnosis.losses,
                drift,
            });
        };
        if is_new {
            loss(None);
        }
        let drift = diagnosis.accounting.drift.filter(|drift| *drift != 0);
        if drift.is_some() && !self.is_off {
            loss(drift);
        }
        self.is_off = drift.is_some();
    }

    /// Drops the oldest changes of each kind beyond its limit.
    fn make_room(&mut self) {
        let mut counts = [0_usize; Kind::ALL];
        for change in &self.latest {
            if let Some(count) = counts.get_mut(change.what.kind() as usize) {
                *count += 1;
            }
        }
        let before = self.latest.len();
        self.latest.retain(|change| {
            let kind = change.what.kind();
            let Some(count) = counts.get_mut(kind as usize) else {
                return true;
            };
            let is_too_old = *count > kind.room();
            *count -= usize::from(is_too_old);
            !is_too_old
        });
        self.dropped = self.dropped.saturating_add((before - self.latest.len()) as u64);
    }

    /// Forgets everything that depends on the options, before they change.
    pub(super) fn reconsider(&mut self) {
        let is_fact = |change: &Change| matches!(change.what.kind(), Kind::Surge | Kind::Loss);
        self.latest.retain(is_fact);
        (self.answer, self.exhausted) = (None, Vec::new());
    }

    /// Forgets the last answer, so that the next one is not compared with it. The list of changes stays.
    pub(super) fn begin_anew(&mut self) {
        self.answer = None;
    }

    /// Drops the changes after `to_ns` (monotonic) and the state to compare with.
    fn rewind(&mut self, to_ns: u64) {
        let mut latest = mem::take(&mut self.latest);
        latest.retain(|change| change.at.monotonic_ns <= to_ns);
        *self = Self {
            latest,
            dropped: self.dropped,
            next: self.next,
            ..Self::default()
        };
    }
}

/// The relevant changes of verdicts, in the order of the peers: worst first.
fn verdicts<P: Rated>(peers: &[P], were: &HashMap<PeerId, Verdict>, new: &mut Vec<What>) {
    if were.is_empty() {
        return;
    }
    let changed = peers.iter().filter_map(|peer| {
        let was = *were.get(&peer.id())?;
        (matters(was) || matters(peer.verdict())).then_some((peer, was))
    });
    let mut more = 0;
    for (n, (peer, was)) in changed.enumerate() {
        if n < MAX_AT_ONCE {
            new.push(What::Verdict {
                peer: peer.id(),
                was,
                is: peer.verdict(),
                confidence: peer.confidence(),
                good_since: peer.recovered().map(|recovered| recovered.since),
            });
        } else {
            more += 1;
        }
    }
    if more > 0 {
        new.push(What::MoreVerdicts { peers: more });
    }
}

fn matters(verdict: Verdict) -> bool {
    verdict.accuses() || verdict == Verdict::ManyHeld
}

#[cfg(test)]
mod tests;
