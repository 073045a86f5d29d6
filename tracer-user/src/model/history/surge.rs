//! A surge: far more connections than minutes ago.
//!
//! A surge begins once, lasts while the number rises or stays up, and ends: by falling back, or by standing
//! still for so long that the new level is the usual one. After that the next one is looked for, and told like
//! the first, however much smaller it is.

mod who;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::{
    peer::PeerId,
    sample::{Moment, Peer, Sample},
};

/// A surge is a rise within this time, ns. The load of a normal day doubles over hours; the surges
/// this is for take minutes.
const WINDOW_NS: u64 = 600_000_000_000;

/// To at least this many times what was open before ...
const MIN_FACTOR: u64 = 2;

/// ... by at least so many connections: fewer do not exhaust a server ...
const MIN_RISE: u64 = 50;

/// ... from at least so many: clients that connect to a server that has just started are none.
const MIN_BASE: u64 = 10;

/// How far the total may have come on its way up before that counts as the beginning. Growth by a smaller part
/// of the rise than this within [`WINDOW_NS`] is standing still.
const BEGIN_SHARE: u64 = 10;

/// It is over when no more than this part of its rise is left.
const OVER_SHARE: u64 = 2;

/// Points of the total kept to find the beginning; thinned when there are more.
const MAX_POINTS: usize = 2048;

/// Peers named as those behind a surge.
const MAX_BEHIND: usize = 5;

/// No count of connections is larger than this.
const MAX_COUNT: u64 = 1 << 44;

/// Who brought a surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// All peers alike: look for a common cause.
    Uniform,
    /// Few peers: look at those.
    Concentrated,
}

/// A rise of the number of open connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    /// Which of the run it is, counted from 1.
    pub number: u32,
    /// When it began. This and `from` stay as they are while it goes on.
    pub started: Moment,
    /// When it was over; `None`: it goes on.
    pub ended: Option<Moment>,
    /// Open when it began.
    pub from: u64,
    /// The most that were open since.
    pub to: u64,
    /// Who brought it.
    pub shape: Shape,
    /// Peers that hold more than before.
    pub grown: u64,
    /// Peers that hold or held anything.
    pub peers: u64,
    /// The few that grew most, those that grew more first. Nobody where all grew alike.
    pub behind: Vec<Behind>,
}

/// A peer that has part in a surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Who.
    pub peer: PeerId,
    /// What it held before.
    pub from: u64,
    /// What it held when most were open.
    pub to: u64,
}

impl Behind {
    /// How many more it held.
    pub fn grown(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

impl Surge {
    /// How many more were open.
    pub fn rise(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    fn is_possible(&self) -> bool {
        self.from <= self.to
            && self.to <= MAX_COUNT
            && self.behind.len() <= MAX_BEHIND
            && self.behind.iter().all(|peer| peer.from.max(peer.to) <= MAX_COUNT)
    }
}

/// What each peer held at one moment, by slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Snapshot {
    taken: Moment,
    total: u64,
    #[serde(with = "crate::model::serial::pairs")]
    held: HashMap<u32, u64>,
}

impl Snapshot {
    fn of(sample: &Sample) -> Self {
        let holding = |peer: &&Peer| peer.counters.open_now > 0;
        // Several of these are kept, and a map that grows has room for twice as many in the end.
        let mut held = HashMap::with_capacity(sample.peers.iter().filter(holding).count());
        held.extend(
            sample
                .peers
                .iter()
                .filter(holding)
                .map(|peer| (peer.slot, peer.counters.open_now)),
        );
        Self {
            taken: sample.taken,
            total: sample.accounting.open_now,
            held,
        }
    }

    fn older_than(&self, now: Moment, ns: u64) -> bool {
        now.monotonic_ns.saturating_sub(self.taken.monotonic_ns) > ns
    }
}

/// Looks for surges while samples come in.
///
/// Keeps the lowest point of the last minutes and compares. When that is too old, the lowest of its
/// second half takes its place. While a surge lasts, the lowest point before it stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Watch {
    base: Option<Snapshot>,
    next: Option<Snapshot>,
    /// The total over time, since `base`; empty while a surge lasts.
    points: Vec<(Moment, u64)>,
    /// The surge that goes on.
    present: Option<Rising>,
    /// The last one that is over.
    over: Option<Surge>,
}

/// A surge that goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rising {
    surge: Surge,
    /// When it last grew by more than a small part, and what was open then.
    grew: (Moment, u64),
}

impl Rising {
    /// Takes in one more sample; gives whether the surge is over with it.
    fn add(&mut self, base: Option<&Snapshot>, sample: &Sample) -> bool {
        let (now, total) = (sample.taken, sample.accounting.open_now);
        if total > self.surge.to {
            self.surge.to = total;
            if let Some(base) = base {
                who::note(&mut self.surge, base, sample);
            }
        }
        let (at, level) = self.grew;
        if total > level.saturating_add(self.surge.rise() / BEGIN_SHARE) {
            self.grew = (now, total);
        }
        let stands = now.monotonic_ns.saturating_sub(at.monotonic_ns) >= WINDOW_NS && self.grew.0 == at;
        let left = total.saturating_sub(self.surge.from);
        let is_over = stands || left < self.surge.rise() / OVER_SHARE;
        self.surge.ended = is_over.then_some(now);
        is_over
    }
}

impl Watch {
    pub(super) fn add(&mut self, sample: &Sample) {
        if let Some(present) = &mut self.present {
            if present.add(self.base.as_ref(), sample) {
                self.over = self.present.take().map(|present| present.surge);
                // From here on this is what the next one is compared with.
                self.base = None;
                self.look(sample);
            }
        } else {
            self.look(sample);
        }
    }

    /// Looks whether one has begun.
    fn look(&mut self, sample: &Sample) {
        let (now, total) = (sample.taken, sample.accounting.open_now);
        if self.base.as_ref().is_none_or(|base| total <= base.total) {
            self.base = Some(Snapshot::of(sample));
            self.next = None;
        }
        let base_is_older = |ns| self.base.as_ref().is_some_and(|base| base.older_than(now, ns));
        let lowest_since = self.next.as_ref().is_none_or(|next| total <= next.total);
        if base_is_older(WINDOW_NS / 2) && lowest_since {
            self.next = Some(Snapshot::of(sample));
        }
        if base_is_older(WINDOW_NS) {
            self.base = self.next.take();
        }
        self.note(now, total);
        self.present = self.begun(sample);
        if self.present.is_some() {
            self.next = None;
            self.points = Vec::new();
        }
    }

    fn note(&mut self, now: Moment, total: u64) {
        let since = self.base.as_ref().map_or(0, |base| base.taken.monotonic_ns);
        self.points.retain(|(at, _)| at.monotonic_ns >= since);
        if self.points.len() >= MAX_POINTS {
            // Every other one still tells the beginning to within two intervals.
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.points.push((now, total));
    }

    fn begun(&self, sample: &Sample) -> Option<Rising> {
        let base = self.base.as_ref()?;
        let (now, total) = (sample.taken, sample.accounting.open_now);
        let rise = total.saturating_sub(base.total);
        if base.total < MIN_BASE || rise < MIN_RISE || total < base.total.saturating_mul(MIN_FACTOR) {
            return None;
        }
        // The last moment at which hardly any of the rise had come.
        let low = base.total + rise / BEGIN_SHARE;
        let (started, from) = *self.points.iter().rev().find(|(_, open)| *open <= low)?;
        let mut surge = Surge {
            number: self.over.as_ref().map_or(0, |over| over.number).saturating_add(1),
            started,
            ended: None,
            from,
            to: total,
            shape: Shape::Concentrated,
            grown: 0,
            peers: 0,
            behind: Vec::new(),
        };
        who::note(&mut surge, base, sample);
        Some(Rising {
            surge,
            grew: (now, total),
        })
    }

    pub(super) fn is_possible(&self) -> bool {
        let snapshots = [&self.base, &self.next];
        let surges = [
            self.present.as_ref().map(|present| &present.surge),
            self.over.as_ref(),
        ];
        self.points.len() <= MAX_POINTS
            && self.points.iter().all(|(_, open)| *open <= MAX_COUNT)
            && surges.into_iter().flatten().all(Surge::is_possible)
            && snapshots.into_iter().flatten().all(|snapshot| {
                snapshot.total <= MAX_COUNT && snapshot.held.values().all(|held| *held <= MAX_COUNT)
            })
    }

    /// The surge that goes on, else the last one.
    pub(super) fn surge(&self) -> Option<&Surge> {
        let present = self.present.as_ref().map(|present| &present.surge);
        present.or(self.over.as_ref())
    }
}

#[cfg(test)]
mod tests;
