//! Changes between diagnoses without a judge that remembers them: in a recording, playback can jump back and
//! forth.

use hashbrown::{HashMap, HashSet};

use super::Changes;
use crate::{
    diagnosis::{Brief, Verdict, answer::Diagnosis},
    model::peer::PeerId,
};

/// Compares each diagnosis with the one shown before it.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    changes: Changes,
    verdicts: HashMap<PeerId, Verdict>,
}

impl Observer {
    /// Compares the next diagnosis, of these peers, with the last one, and puts the list of changes into it.
    pub(crate) fn look(&mut self, diagnosis: &mut Diagnosis, peers: &[Brief]) {
        self.note(diagnosis, peers);
        self.show(diagnosis);
    }

    /// Goes back to an earlier diagnosis. The list keeps the changes up to that moment. The state found there
    /// is not listed as new, since it did not begin there.
    pub(crate) fn go_back(&mut self, to: &mut Diagnosis, peers: &[Brief]) {
        self.changes.rewind(to.taken.monotonic_ns);
        self.verdicts.clear();
        let seen: HashSet<u64> = self.changes.latest.iter().map(|change| change.id).collect();
        let dropped = self.changes.dropped;
        self.note(to, peers);
        // Only a surge may be updated; no change may be added.
        self.changes.latest.retain(|change| seen.contains(&change.id));
        self.changes.dropped = dropped;
        self.show(to);
    }

    fn note(&mut self, diagnosis: &Diagnosis, peers: &[Brief]) {
        let mut were = HashMap::new();
        for peer in peers {
            let is = peer.verdict;
            let was = self.verdicts.insert(peer.id, is);
            let was = was.unwrap_or(Verdict::InsufficientData);
            if was != is {
                were.insert(peer.id, was);
            }
        }
        if self.verdicts.len() > peers.len() {
            let known: HashSet<PeerId> = peers.iter().map(|peer| peer.id).collect();
            self.verdicts.retain(|id, _| known.contains(id));
        }
        self.changes.note(diagnosis, peers, &were);
    }

    fn show(&self, diagnosis: &mut Diagnosis) {
        diagnosis.changes = self.changes.recent();
        diagnosis.changes_dropped = self.changes.dropped();
    }
}
