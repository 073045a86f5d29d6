//! What came and went, as data: the log, JSON and whoever else is to be told read one list of it.
//!
//! Nothing is worded here, and nothing is left out but by [`Kind::room`]: each kind of change has its own, so that
//! a peer that flaps does not push a surge out of the list.

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
    answer::{Answer, Diagnosis, Judged},
    capacity::Capacity,
};
use crate::{
    model::{peer::PeerId, serial::bounded},
    text::sanitise,
};

/// Changes of verdicts kept.
const MAX_VERDICTS: usize = 1000;

/// Of these, how many of one moment: when all peers change at once, the worst of them are listed.
const MAX_AT_ONCE: usize = 500;

/// Changes of any other kind kept, of each.
const MAX_OTHERS: usize = 50;

/// Changes kept in all.
const MAX: usize = MAX_VERDICTS + (Kind::ALL - 1) * MAX_OTHERS;

/// Processes without a worker left that are kept in mind.
const MAX_EXHAUSTED: usize = 64;

/// The kinds that have room of their own.
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

/// The latest changes, and what they are compared with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    #[serde(deserialize_with = "bounded::deserialize::<_, _, MAX>")]
    latest: Vec<Change>,
    /// How many there were before those.
    dropped: u64,
    /// The number of the next one.
    next: u64,
    answer: Option<Answer>,
    /// The number of the last surge that began, and of the last that was over.
    surges: (u32, u32),
    /// Whose workers were all taken.
    #[serde(deserialize_with = "bounded::deserialize::<_, _, MAX_EXHAUSTED>")]
    exhausted: Vec<Server>,
    /// The causes for which something was lost.
    lost: BTreeSet<String>,
    is_off: bool,
}

/// A server over its restarts: they change the process.
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
    /// Those that are kept, oldest first.
    pub fn recent(&self) -> Vec<Change> {
        self.latest.clone()
    }

    /// How many there were that are not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Makes the names in it harmless, where it was read from a file.
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

    /// Notes what a diagnosis says that the one before did not. The peers whose verdicts changed come with what
    /// was said of them before.
    pub(super) fn note(&mut self, diagnosis: &Diagnosis, were: &HashMap<PeerId, Verdict>) {
        let mut new = Vec::new();
        self.answer(diagnosis, &mut new);
        self.surge(diagnosis, &mut new);
        self.capacity(diagnosis, &mut new);
        verdicts(diagnosis, were, &mut new);
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
        // That all is well from the first is no change.
        if was != is && (before.is_some() || is == Answer::Yes) {
            new.push(What::Answer {
                was,
                is,
                accused: diagnosis.accused(),
                peers: diagnosis.peers.len() as u64,
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

    /// Both are noted only when they are known: a server that tells nothing, as one whose workers are all
    /// taken or that is being restarted, has none idle for all one knows.
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

    /// When something begins to be lost; how much it comes to is in the accounting.
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

    /// Drops the oldest of the kinds of which there are too many.
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

    /// Forgets what depends on what the judge is told, for when it is told something else.
    pub(super) fn reconsider(&mut self) {
        let is_fact = |change: &Change| matches!(change.what.kind(), Kind::Surge | Kind::Loss);
        self.latest.retain(is_fact);
        (self.answer, self.exhausted) = (None, Vec::new());
    }

    /// Compares with nothing that was said of the peers so far. What came and went did so all the same.
    pub(super) fn begin_anew(&mut self) {
        self.answer = None;
    }

    /// Forgets what came after a moment, and what it is to be compared with.
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

/// The verdicts that changed and matter, in the order of the diagnosis: the worst first.
fn verdicts(diagnosis: &Diagnosis, were: &HashMap<PeerId, Verdict>, new: &mut Vec<What>) {
    if were.is_empty() {
        return;
    }
    let changed = diagnosis.peers.iter().filter_map(|peer| {
        let was = *were.get(&peer.id)?;
        (matters(was) || matters(peer.finding.verdict)).then_some((peer, was))
    });
    let mut more = 0;
    for (n, (peer, was)) in changed.enumerate() {
        if n < MAX_AT_ONCE {
            new.push(verdict(peer, was));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        new.push(What::MoreVerdicts { peers: more });
    }
}

fn verdict(peer: &Judged, was: Verdict) -> What {
    What::Verdict {
        peer: peer.id,
        was,
        is: peer.finding.verdict,
        confidence: peer.finding.confidence,
        good_since: peer.recovered.as_ref().map(|recovered| recovered.since),
    }
}

fn matters(verdict: Verdict) -> bool {
    verdict.accuses() || verdict == Verdict::ManyHeld
}

#[cfg(test)]
mod tests;
