//! Changes between diagnoses that nobody remembers: those of a recording, in which one goes to and fro.

use hashbrown::{HashMap, HashSet};

use super::Changes;
use crate::{
    diagnosis::{Verdict, answer::Diagnosis},
    model::peer::PeerId,
};

/// Compares each diagnosis with the one that it was shown before.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    changes: Changes,
    verdicts: HashMap<PeerId, Verdict>,
}

impl Observer {
    /// Takes in the next diagnosis, and makes it list the changes that were seen.
    pub fn look(&mut self, diagnosis: &mut Diagnosis) {
        self.note(diagnosis);
        self.show(diagnosis);
    }

    /// Goes back to an earlier diagnosis. What was seen up to then happened all the same; what is true there did not
    /// begin there.
    pub fn go_back(&mut self, to: &mut Diagnosis) {
        self.changes.rewind(to.taken.monotonic_ns);
        self.verdicts.clear();
        let seen: HashSet<u64> = self.changes.latest.iter().map(|change| change.id).collect();
        let dropped = self.changes.dropped;
        self.note(to);
        // They stay as they are but for a surge that is brought up to date.
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
