//! What has been written of each peer and listener, so that only changes are written.

use hashbrown::{HashMap, hash_map::Entry};

use super::files::Rows;
use crate::{
    evidence::rows::{ListenerRow, PeerRow},
    model::peer::PeerId,
};

/// How many changed rows there are to each row of a key frame. Key frames then take a ninth of the file, and
/// a reader that begins at one reads at most nine rows for each peer.
const CHANGES_PER_ROW: usize = 8;

/// A key frame comes after this many changed rows at the earliest, however few peers there are.
const MIN_CHANGES: usize = 64;

/// The last rows.
#[derive(Debug, Default)]
pub(super) struct Changes {
    peers: HashMap<PeerId, (PeerRow, u64)>,
    listeners: Vec<ListenerRow>,
    /// Whether the next interval has to be a key frame.
    complete: bool,
    /// Changed rows since the last key frame.
    since: usize,
    /// Counts the intervals.
    round: u64,
}

impl Changes {
    /// Makes the next interval a key frame: a file begins, or rows could not be written.
    pub(super) fn forget(&mut self) {
        self.complete = false;
    }

    /// Leaves only what has changed of all rows. Returns false for a key frame, which keeps them all.
    pub(super) fn reduce(&mut self, rows: &mut Rows, at: i128) -> bool {
        self.round += 1;
        if !self.complete || self.since > MIN_CHANGES.max(CHANGES_PER_ROW * self.peers.len()) {
            self.complete = true;
            self.since = 0;
            let all = rows.peers.iter();
            self.peers = all.map(|row| (row.id, (row.clone(), self.round))).collect();
            self.listeners.clone_from(&rows.listeners);
            return false;
        }
        let round = self.round;
        rows.peers.retain(|row| match self.peers.entry(row.id) {
            Entry::Occupied(mut known) => {
                let (last, seen) = known.get_mut();
                *seen = round;
                let changed = !row.tells_the_same(last);
                if changed {
                    last.clone_from(row);
                }
                changed
            }
            Entry::Vacant(new) => {
                new.insert((row.clone(), round));
                true
            }
        });
        let gone = self.peers.extract_if(|_, (_, seen)| *seen != round);
        rows.peers.extend(gone.map(|(_, (row, _))| row.leaves(at)));
        if tell_the_same(&rows.listeners, &self.listeners) {
            rows.listeners.clear();
        } else if rows.listeners.is_empty() {
            // Only a key frame can say that there are none.
            self.forget();
            self.listeners.clear();
        } else {
            self.listeners.clone_from(&rows.listeners);
        }
        self.since += rows.peers.len();
        true
    }
}

fn tell_the_same(new: &[ListenerRow], last: &[ListenerRow]) -> bool {
    let same = |(new, last): (&ListenerRow, &ListenerRow)| {
        *new == ListenerRow {
            sampled_at: new.sampled_at,
            ..last.clone()
        }
    };
    new.len() == last.len() && new.iter().zip(last).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnosis::Judge, report::example::sample};

    fn rows() -> Rows {
        let sample = sample();
        let diagnosis = Judge::default().look(&sample, &crate::diagnosis::Options::default());
        Rows {
            peers: PeerRow::all(&sample, &diagnosis),
            listeners: ListenerRow::of(&sample, &diagnosis),
            ..Rows::default()
        }
    }

    #[test]
    fn what_has_not_changed_is_not_written_again() {
        let (mut changes, all) = (Changes::default(), rows());
        let mut first = all.clone();
        assert!(!changes.reduce(&mut first, 1), "a key frame");
        assert_eq!(
            (first.peers.len(), first.listeners.len()),
            (all.peers.len(), all.listeners.len())
        );
        let mut same = all.clone();
        for row in &mut same.peers {
            (row.sampled_at, row.confidence, row.close_wait_oldest_ms) = (7, Some(1), Some(1));
        }
        assert!(changes.reduce(&mut same, 2));
        assert_eq!((same.peers.len(), same.listeners.len()), (0, 0));
        let mut other = all.clone();
        other.peers[1].opens += 1;
        other.listeners[0].held += 1;
        let gone = other.peers.remove(0);
        let changed = other.peers[0].clone();
        assert!(changes.reduce(&mut other, 3));
        assert_eq!(other.peers, [changed, gone.leaves(3)]);
        assert_eq!(other.listeners.len(), all.listeners.len());
        changes.forget();
        let mut again = all.clone();
        assert!(!changes.reduce(&mut again, 4));
        assert_eq!(again.peers.len(), all.peers.len());
    }

    #[test]
    fn key_frames_come_now_and_then() {
        let (mut changes, all) = (Changes::default(), rows());
        let (mut key_frames, mut written) = (0, 0);
        for n in 0..1000 {
            let mut moved = all.clone();
            moved.peers[0].opens = n;
            key_frames += usize::from(!changes.reduce(&mut moved, 0));
            written += moved.peers.len();
        }
        assert!((5..20).contains(&key_frames), "{key_frames}");
        assert!(written < 1500, "{written}");
    }
}
