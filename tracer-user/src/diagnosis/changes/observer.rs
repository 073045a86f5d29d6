//! Changes between diagnoses without a judge that remembers them: in a recording, playback can jump back and
//! forth.

use hashbrown::{HashMap, HashSet};

use super::Changes;
use crate::{
    diagnosis::{Verdict, answer::Diagnosis},
    model::peer::PeerId,
};

/// Compares each diagnosis with the one shown before it.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    changes: Changes,
    verdicts: HashMap<PeerId, Verdict>,
}

impl Observer {
    /// Compares the next diagnosis with the last one, and puts the list of changes into it.
    pub fn look(&mut self, diagnosis: &mut Diagnosis) {
        self.note(diagnosis);
        self.show(diagnosis);
    }

    /// Goes back to an earlier diagnosis. The list keeps the changes up to that moment. The state found there
    /// is not listed as new, since it did not begin there.
    pub fn go_back(&mut self, to: &mut Diagnosis) {
        self.changes.rewind(to.taken.monotonic_ns);
        self.verdicts.clear();
        let seen: HashSet<u64> = self.changes.latest.iter().map(|change| change.id).collect();
        let dropped = self.changes.dropped;
        self.note(to);
        // Only a surge may be updated; no change may be added.
        self.changes.latest.retain(|change| seen.contains(&change.id));
        self.changes.dropped = dropped;
        self.show(to);
    }

    fn note(&mut self, diagnosis: &Diagnosis) {
        let mut were = HashMap::new();
        for peer in &diagnosis.peers {
            let is = peer.finding.verdict;
            let was = self.verdicts.insert(peer.id, is);
            let was = was.unwrap_or(Verdict::InsufficientData);
            if was != is {
                were.insert(peer.id, was);
            }
        }
        if self.verdicts.len() > diagnosis.peers.len() {
            let known: HashSet<PeerId> = diagnosis.peers.iter().map(|peer| peer.id).collect();
            self.verdicts.retain(|id, _| known.contains(id));
        }
        self.changes.note(diagnosis, &were);
    }

    fn show(&self, diagnosis: &mut Diagnosis) {
        diagnosis.changes = self.changes.recent();
        diagnosis.changes_dropped = self.changes.dropped();
    }
}
