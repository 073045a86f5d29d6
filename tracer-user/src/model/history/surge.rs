//! A surge: far more connections than minutes ago.
//!
//! A surge begins once and lasts while the number rises or stays up. It ends when the number falls back, or
//! when it has been constant for so long that the new level is the usual one. The next surge is then reported
//! like the first, however much smaller it is.

mod who;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::{
    peer::PeerId,
    sample::{Moment, Peer, Sample},
};

/// A surge is a rise within this time, ns. On a normal day, load takes hours to double; the surges that
/// matter take minutes.
const WINDOW_NS: u64 = 600_000_000_000;

/// The number must reach at least this many times the earlier one ...
const MIN_FACTOR: u64 = 2;

/// ... and rise by at least this many connections, because fewer do not exhaust a server ...
const MIN_RISE: u64 = 50;

/// ... from at least this many, because clients connecting to a server that has just started are not a surge.
const MIN_BASE: u64 = 10;

/// The start is the last moment at which at most one part in this many of the rise had happened. A number
/// that grows by less than that within [`WINDOW_NS`] is constant.
const BEGIN_SHARE: u64 = 10;

/// A surge is over when less than one part in this many of its rise is left.
const OVER_SHARE: u64 = 2;

/// Maximum number of points kept to find the start. Beyond it, every other point is dropped.
const MAX_POINTS: usize = 2048;

/// Maximum number of peers named as the cause of a surge.
const MAX_BEHIND: usize = 5;

/// A port is named if it has at least one part in this many of the growth, so there are at most as many.
const MAX_PORTS: usize = 10;

/// Upper limit for plausible connection counts.
const MAX_COUNT: u64 = 1 << 44;

/// Which peers caused a surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// All peers alike, so there is a common cause.
    Uniform,
    /// A few peers.
    Concentrated,
}

/// A rapid rise of the number of open connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    /// Its number within the run, counted from 1.
    pub number: u32,
    /// When it began. `started` and `from` do not change while it lasts.
    pub started: Moment,
    /// When it ended; `None` while it lasts.
    pub ended: Option<Moment>,
    /// Connections open when it began.
    pub from: u64,
    /// The most connections open since then.
    pub to: u64,
    /// Which peers caused it.
    pub shape: Shape,
    /// Number of peers that hold more than before.
    pub grown: u64,
    /// Peers that hold or held any connections.
    pub peers: u64,
    /// The few peers that grew most, in descending order. Empty if all grew alike.
    pub behind: Vec<Behind>,
    /// The ports with a part of the growth, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
}

/// A peer that contributed to a surge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The peer.
    pub peer: PeerId,
    /// Connections it held before the surge.
    pub from: u64,
    /// Connections it held at the surge's peak.
    pub to: u64,
}

impl Behind {
    /// How many more connections it held.
    pub fn grown(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

impl Surge {
    /// How many more connections were open.
    pub fn rise(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    fn is_possible(&self) -> bool {
        self.from <= self.to
            && self.to <= MAX_COUNT
            && self.behind.len() <= MAX_BEHIND
            && self.ports.len() <= MAX_PORTS
            && self.behind.iter().all(|peer| peer.from.max(peer.to) <= MAX_COUNT)
    }
}

/// The number of connections each peer held at one moment, by slot.
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
        // Several snapshots are kept, and a map that grows can end up with twice the capacity it needs.
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

/// Detects surges in a series of samples.
///
/// It compares each sample with the lowest one of the last minutes. When that one is too old, the lowest of
/// its second half replaces it. While a surge lasts, the lowest point before it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Watch {
    base: Option<Snapshot>,
    next: Option<Snapshot>,
    /// The total over time since `base`; empty while a surge lasts.
    points: Vec<(Moment, u64)>,
    /// The current surge.
    present: Option<Rising>,
    /// The last surge that ended.
    over: Option<Surge>,
}

/// A surge in progress.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rising {
    surge: Surge,
    /// When it last grew by more than a small part, and the number open then.
    grew: (Moment, u64),
}

impl Rising {
    /// Adds a sample. Returns whether the surge has ended.
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
    /// Forgets what the peers held that had these slots.
    pub(super) fn forget(&mut self, slots: &[u32]) {
        for snapshot in [&mut self.base, &mut self.next].into_iter().flatten() {
            for slot in slots {
                snapshot.held.remove(slot);
            }
        }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        if let Some(present) = &mut self.present {
            if present.add(self.base.as_ref(), sample) {
                self.over = self.present.take().map(|present| present.surge);
                // The next surge is compared with this sample.
                self.base = None;
                self.look(sample);
            }
        } else {
            self.look(sample);
        }
    }

    /// Checks whether a surge has begun.
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
            // Half of the points still give the start to within two intervals.
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
        // The last moment before the rise exceeded a small part.
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
            ports: Vec::new(),
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

    /// The current surge, else the last one.
    pub(super) fn surge(&self) -> Option<&Surge> {
        let present = self.present.as_ref().map(|present| &present.surge);
        present.or(self.over.as_ref())
    }
}

#[cfg(test)]
mod tests;
