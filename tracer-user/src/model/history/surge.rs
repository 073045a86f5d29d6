//! A surge: far more connections than minutes ago.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::sample::{Moment, Peer, Sample};

/// A surge is a rise within this time, ns. The load of a normal day doubles over hours; the surges
/// this is for take minutes.
const WINDOW_NS: u64 = 600_000_000_000;

/// To at least this many times what was open before ...
const MIN_FACTOR: u64 = 2;

/// ... by at least so many connections: fewer do not exhaust a server ...
const MIN_RISE: u64 = 50;

/// ... from at least so many: clients that connect to a server that has just started are none.
const MIN_BASE: u64 = 10;

/// How far the total may have come on its way up before that counts as the beginning.
const BEGIN_SHARE: u64 = 10;

/// If the rise were shared evenly by this part of the peers or more, it is `uniform`.
const UNIFORM_SHARE: f64 = 0.5;

/// Points of the total kept to find the beginning; thinned when there are more.
const MAX_POINTS: usize = 2048;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    /// When it began.
    pub started: Moment,
    /// Open then.
    pub from: u64,
    /// The most that were open since.
    pub to: u64,
    /// Who brought it.
    pub shape: Shape,
    /// Peers that hold more than before.
    pub grown: u64,
    /// Peers that hold or held anything.
    pub peers: u64,
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
/// second half takes its place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Watch {
    base: Option<Snapshot>,
    next: Option<Snapshot>,
    /// The total over time, since `base`.
    points: Vec<(Moment, u64)>,
    greatest: Option<Surge>,
}

impl Watch {
    pub(super) fn add(&mut self, sample: &Sample) {
        let (now, total) = (sample.taken, sample.accounting.open_now);
        if self.base.is_none() || self.base.as_ref().is_some_and(|base| total <= base.total) {
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
        self.compare(sample, total);
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

    fn compare(&mut self, sample: &Sample, total: u64) {
        let Some(base) = &self.base else {
            return;
        };
        let from = base.total;
        let rise = total.saturating_sub(from);
        if from < MIN_BASE || rise < MIN_RISE || total < from * MIN_FACTOR {
            return;
        }
        if self
            .greatest
            .is_some_and(|known| rise <= known.to.saturating_sub(known.from))
        {
            return;
        }
        // The last moment at which hardly any of the rise had come.
        let low = from + rise / BEGIN_SHARE;
        let started = self.points.iter().rev().find(|(_, open)| *open <= low);
        let Some((started, open)) = started.copied() else {
            return;
        };
        let (shape, grown, peers) = shape(base, sample);
        self.greatest = Some(Surge {
            started,
            from: open,
            to: total,
            shape,
            grown,
            peers,
        });
    }

    pub(super) fn is_possible(&self) -> bool {
        const MAX: u64 = 1 << 44;
        let snapshots = [&self.base, &self.next];
        self.points.len() <= MAX_POINTS
            && self.points.iter().all(|(_, open)| *open <= MAX)
            && snapshots
                .into_iter()
                .flatten()
                .all(|snapshot| snapshot.total <= MAX && snapshot.held.values().all(|held| *held <= MAX))
    }

    pub(super) fn surge(&self) -> Option<Surge> {
        self.greatest
    }
}

/// How evenly the peers share the rise: the number of equal shares that would be as uneven
/// (the inverse of the Herfindahl index), out of all peers.
fn shape(base: &Snapshot, sample: &Sample) -> (Shape, u64, u64) {
    let (mut peers, mut grown, mut sum, mut squares) = (0_u64, 0_u64, 0.0_f64, 0.0_f64);
    for peer in &sample.peers {
        let before = base.held.get(&peer.slot).copied().unwrap_or(0);
        let now = peer.counters.open_now;
        peers += u64::from(before > 0 || now > 0);
        if now > before {
            grown += 1;
            #[expect(clippy::cast_precision_loss, reason = "connections of one peer")]
            let growth = (now - before) as f64;
            sum += growth;
            squares += growth * growth;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "peers")]
    let even = squares > 0.0 && grown > 1 && sum * sum / squares >= UNIFORM_SHARE * peers as f64;
    let shape = if even { Shape::Uniform } else { Shape::Concentrated };
    (shape, grown, peers)
}

#[cfg(test)]
mod tests;
