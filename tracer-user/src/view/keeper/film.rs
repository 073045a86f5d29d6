//! The verdicts and listeners at the moments whose counters the judge still has, so that the last minutes can
//! be written as they were.

use std::collections::VecDeque;

use hashbrown::HashSet;

use super::numbers::{Numbers, Renumbered};
use crate::{
    diagnosis::{Brief, Diagnosis, ListenerNow, Verdict},
    model::{
        accounting::{Accounting, Losses},
        sample::Moment,
        window::Window,
    },
};

/// Maximum number of listeners kept per moment.
const MAX_LISTENERS: usize = 256;

/// One moment.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The time.
    pub at: Moment,
    /// The accounting identity and its check.
    pub accounting: Accounting,
    /// The losses up to then.
    pub losses: Losses,
    /// Verdicts that differ from those of the previous frame, by the peer's number.
    pub said: Vec<(u32, Verdict)>,
    /// The listeners.
    pub listeners: Vec<ListenerNow>,
}

/// The moments, oldest first: one for each boundary of the judge's window, some 40, and one more.
#[derive(Clone, Debug, Default)]
pub struct Film {
    frames: VecDeque<Frame>,
    /// The latest verdicts, by the peer's number.
    said: Vec<Option<Verdict>>,
}

impl Film {
    /// Takes in the current verdicts on these peers, and forgets the moments that have left the window.
    pub(super) fn add(&mut self, diagnosis: &Diagnosis, peers: &[Brief], numbers: &Numbers, window: &Window) {
        let kept: HashSet<u64> = window.boundaries().map(|at| at.monotonic_ns).collect();
        let mut older: Option<Frame> = None;
        for mut frame in std::mem::take(&mut self.frames) {
            if let Some(older) = older.take() {
                frame.put_under(older);
            }
            if kept.contains(&frame.at.monotonic_ns) {
                self.frames.push_back(frame);
            } else {
                older = Some(frame);
            }
        }
        let mut new = Frame {
            at: diagnosis.taken,
            accounting: diagnosis.accounting,
            losses: diagnosis.losses,
            said: self.news(peers, numbers),
            listeners: diagnosis.listeners.iter().take(MAX_LISTENERS).cloned().collect(),
        };
        if let Some(older) = older {
            new.put_under(older);
        }
        self.frames.push_back(new);
    }

    fn news(&mut self, peers: &[Brief], numbers: &Numbers) -> Vec<(u32, Verdict)> {
        self.said.resize(numbers.len(), None);
        let numbered = peers
            .iter()
            .filter_map(|peer| Some((numbers.get(peer.id)?, peer.verdict)));
        numbered
            .filter(|(number, verdict)| {
                let said = self.said.get_mut(*number as usize);
                said.is_some_and(|said| said.replace(*verdict) != Some(*verdict))
            })
            .collect()
    }

    /// Takes over the peers' new numbers, and forgets peers that have left.
    pub(super) fn renumber(&mut self, renumbered: &Renumbered) {
        self.said = renumbered.table(&self.said);
        for frame in &mut self.frames {
            let said = std::mem::take(&mut frame.said).into_iter();
            frame.said = said
                .filter_map(|(old, verdict)| Some((renumbered.get(old)?, verdict)))
                .collect();
        }
    }

    /// The moments, oldest first.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }
}

impl Frame {
    /// Takes over the verdicts of an earlier frame that have not changed since.
    fn put_under(&mut self, older: Self) {
        let newer: HashSet<u32> = self.said.iter().map(|(number, _)| *number).collect();
        let left = older
            .said
            .into_iter()
            .filter(|(number, _)| !newer.contains(number));
        self.said.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use hashbrown::HashMap;

    use super::*;
    use crate::{
        model::peer::PeerId,
        view::{example, keeper::Keeper, row::Row},
    };

    #[test]
    fn what_was_said_at_a_moment_can_be_told_afterwards() {
        let mut keeper = Keeper::new(example::PREFIXES, Some(60_000_000_000));
        let mut live: Vec<(u64, HashMap<u32, Verdict>)> = Vec::new();
        for second in 0..200 {
            let snapshot = keeper.add(example::batch(second));
            let number = |row: &Row| keeper.numbers().get(row.id).unwrap();
            let said = snapshot
                .rows
                .iter()
                .map(|row| (number(row), row.verdict))
                .collect();
            live.push((snapshot.taken().monotonic_ns, said));
        }
        let frames: Vec<&Frame> = keeper.film().frames().collect();
        assert!((10..60).contains(&frames.len()), "{}", frames.len());
        let mut said = HashMap::new();
        for frame in frames {
            said.extend(frame.said.iter().copied());
            let (_, then) = live.iter().find(|(at, _)| *at == frame.at.monotonic_ns).unwrap();
            assert_eq!(&said, then, "at {}", frame.at.monotonic_ns);
        }
    }
    /// More peers come and go than numbers are kept for.
    #[test]
    fn peers_that_stay_are_known_when_others_have_left() {
        const EACH: u32 = 100;
        let mut keeper = Keeper::new(example::PREFIXES, Some(60_000_000_000));
        let mut moments: Vec<(u64, HashMap<PeerId, Verdict>)> = Vec::new();
        let mut rates = Vec::new();
        for second in 0..200 {
            let mut batch = example::batch(second);
            let strangers = (0..EACH).map(|n| {
                let mut peer = batch.sample.peers[0].clone();
                peer.id.network = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + EACH * second + n)).into();
                peer.slot = 10_000 + n;
                peer
            });
            let strangers: Vec<_> = strangers.collect();
            let staying: Vec<PeerId> = batch.sample.peers.iter().map(|peer| peer.id).collect();
            // The numbers of those that stay change.
            batch.sample.peers.splice(0..0, strangers);
            let snapshot = keeper.add(batch);
            let rows = || snapshot.rows.iter().filter(|row| staying.contains(&row.id));
            let said = rows().map(|row| (row.id, row.verdict)).collect();
            moments.push((snapshot.taken().monotonic_ns, said));
            rates.push(rows().filter_map(|row| row.opens_per_s).fold(0.0, f64::max));
            let most = 2 * snapshot.rows.len() + 1024;
            assert!(keeper.numbers().len() <= most, "{}", keeper.numbers().len());
        }
        let mut said = HashMap::new();
        for frame in keeper.film().frames() {
            said.extend(frame.said.iter().copied());
            let of = |id: &PeerId| said.get(&keeper.numbers().get(*id)?).copied();
            let (_, then) = moments
                .iter()
                .find(|(at, _)| *at == frame.at.monotonic_ns)
                .unwrap();
            for (id, verdict) in then {
                assert_eq!(of(id), Some(*verdict), "{id:?} at {}", frame.at.monotonic_ns);
            }
        }
        assert!(said.len() <= keeper.numbers().len(), "{}", said.len());
        // In the example nobody opens more than some connections each second.
        let most = rates.iter().copied().fold(0.0, f64::max);
        let mut plain = Keeper::new(example::PREFIXES, Some(60_000_000_000));
        let alone = (0..200).flat_map(|second| plain.add(example::batch(second)).rows);
        let known = alone.filter_map(|row| row.opens_per_s).fold(0.0, f64::max);
        assert!((most - known).abs() < 1e-9, "{most} instead of {known}");
    }
}
